"""CLAP, frozen, by way of the transformers library: one way to hear and read.

Paper: https://arxiv.org/abs/2211.06687. Text encoders, prompt learners and
evaluators of generated sound all load it and embed with it here. FlexSED asks
it with the prompt `The sound of {label}` and takes the projected embedding as
it is, not normalised.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_opensed.core.hub import (
    auto_options,
    load_pretrained,
    local_options,
)
from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = [
    "CLAP",
    "ClapTextEncoder",
    "embed_texts",
    "hear",
    "load_clap",
    "read",
]

CLAP = "laion/clap-htsat-unfused"


def load_clap(source: str | Path = CLAP) -> tuple[nn.Module, Any, Any]:
    """A whole CLAP.

    Arguments
    ---------
    source : str or Path
        Name on the Hugging Face hub, or a local folder with model, tokenizer
        and `preprocessor_config.json`.

    Returns
    -------
    transformers.ClapModel
        Frozen, in `eval`.
    transformers.PreTrainedTokenizer
        Its tokenizer.
    transformers.ClapFeatureExtractor
        The settings of its mel front, see :class:`ClapMel`.

    Raises
    ------
    FileNotFoundError
        If it can be neither found nor fetched.

    Example
    -------
    >>> load_clap("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no CLAP model ... at ./nowhere and none could ...
    """
    from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

    model, tokenizer, front = load_pretrained(
        "CLAP model with tokenizer and preprocessor_config.json",
        source,
        lambda folder: (
            ClapModel.from_pretrained(folder, **local_options(folder)),
            AutoTokenizer.from_pretrained(folder, **auto_options(folder)),
            ClapFeatureExtractor.from_pretrained(
                folder, **local_options(folder)
            ),
        ),
        ["config.json", "preprocessor_config.json"],
    )
    return model.requires_grad_(False).eval(), tokenizer, front


def hear(
    model: nn.Module, mel: ClapMel, wavs: Tensor, counts: list[int]
) -> Tensor:
    """Projected embeddings of clips, not normalised.

    Arguments
    ---------
    model : transformers.ClapModel
        The model.
    mel : ClapMel
        Its front end, which says what is heard of a long clip.
    wavs : torch.Tensor
        `[batch, samples]`.
    counts : list of int
        True number of samples of each clip.

    Returns
    -------
    torch.Tensor
        `[batch, dim]`.

    Example
    -------
    >>> hear.__name__
    'hear'
    """
    features, longer = mel(wavs, counts)
    pooled = model.audio_model(
        input_features=features.to(model.dtype), is_longer=longer
    ).pooler_output
    return model.audio_projection(pooled)


def read(model: nn.Module, mask: Tensor, **tokens: Tensor) -> Tensor:
    """Projected states of the first token of texts, not normalised.

    Arguments
    ---------
    model : transformers.ClapModel or ClapTextModelWithProjection
        The model.
    mask : torch.Tensor
        Which tokens count, `[texts, tokens]`.
    **tokens
        `input_ids` or `inputs_embeds`.

    Returns
    -------
    torch.Tensor
        `[texts, dim]`.

    Example
    -------
    >>> read.__name__
    'read'
    """
    pooled = model.text_model(attention_mask=mask, **tokens).pooler_output
    return model.text_projection(pooled)


class ClapTextEncoder(TextEncoder):
    """A frozen `ClapTextModelWithProjection` and its tokenizer.

    Arguments
    ---------
    source : str or Path
        Name on the Hugging Face hub, or a local folder with model and
        tokenizer.
    template : str
        What the model is asked; `{}` becomes the phrase, with `_` read as
        a space.
    batch_size : int
        Phrases that are embedded at once.
    capitalize : bool
        Whether a phrase begins with a capital in the prompt, as labels of
        AudioSet do, whose prompts FlexSED was trained with: the tokenizer
        cares.

    Raises
    ------
    FileNotFoundError
        If the model can be neither found nor fetched.
    ValueError
        If the template has no place for the phrase.

    Example
    -------
    >>> ClapTextEncoder("nowhere/at-all", template="The sound")
    Traceback (most recent call last):
    ValueError: template 'The sound' has no {} for the phrase
    """

    def __init__(
        self,
        source: str = CLAP,
        template: str = "The sound of {}",
        batch_size: int = 64,
        capitalize: bool = False,
    ):
        super().__init__()
        from transformers import AutoTokenizer, ClapTextModelWithProjection

        if "{}" not in template:
            raise ValueError(
                f"template {template!r} has no {{}} for the phrase"
            )
        self.model, self.tokenizer = load_pretrained(
            "CLAP text model",
            source,
            lambda folder: (
                ClapTextModelWithProjection.from_pretrained(
                    folder, **local_options(folder)
                ),
                AutoTokenizer.from_pretrained(folder, **auto_options(folder)),
            ),
        )
        self.model.requires_grad_(False).eval()
        self.dim = self.model.config.projection_dim
        self.template = template
        self.batch_size = batch_size
        self.capitalize = capitalize

    def train(self, mode: bool = True) -> "ClapTextEncoder":
        """Stays in `eval`: the tower is frozen."""
        return super().train(False)

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds prompts made of the phrases: `[phrases, dim]`."""
        rows = []
        for start in range(0, len(phrases), self.batch_size):
            prompts = [
                self._prompt(phrase)
                for phrase in phrases[start : start + self.batch_size]
            ]
            rows.append(embed_texts(self.model, self.tokenizer, prompts))
        return torch.cat(rows)

    def _prompt(self, phrase: str) -> str:
        said = phrase.replace("_", " ")
        if self.capitalize:
            # What follows stays as it is: "Telephone dialing, DTMF".
            said = said[:1].upper() + said[1:]
        return self.template.format(said)


def embed_texts(
    model: nn.Module, tokenizer: Any, texts: Sequence[str]
) -> Tensor:
    """Projected embeddings of texts, not normalised; too long ones are cut.

    Arguments
    ---------
    model : transformers.ClapModel or ClapTextModelWithProjection
        The model.
    tokenizer : transformers.PreTrainedTokenizer
        Its tokenizer.
    texts : sequence of str
        The texts.

    Returns
    -------
    torch.Tensor
        `[texts, dim]`.

    Example
    -------
    >>> embed_texts.__name__
    'embed_texts'
    """
    tokens = tokenizer(
        list(texts), padding=True, truncation=True, return_tensors="pt"
    ).to(model.device)
    return read(model, tokens["attention_mask"], input_ids=tokens["input_ids"])
