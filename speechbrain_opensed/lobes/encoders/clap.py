"""Text tower of CLAP, by way of the transformers library.

Paper: https://arxiv.org/abs/2211.06687; FlexSED asks it with the prompt
`The sound of {label}` and takes the projected embedding as it is, not
normalised.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor

from speechbrain_opensed.core.hub import auto_options, local_options
from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = ["ClapTextEncoder"]


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
        source: str = "laion/clap-htsat-unfused",
        template: str = "The sound of {}",
        batch_size: int = 64,
    ):
        super().__init__()
        from transformers import AutoTokenizer, ClapTextModelWithProjection

        if "{}" not in template:
            raise ValueError(
                f"template {template!r} has no {{}} for the phrase"
            )
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(
                source, **auto_options(source)
            )
            self.model = ClapTextModelWithProjection.from_pretrained(
                source, **local_options(source)
            )
        except (OSError, ValueError) as error:
            raise FileNotFoundError(
                f"no CLAP text model at {source} and none could be fetched "
                f"({str(error).splitlines()[0]}); download it to a folder "
                "and give that, or use TableTextEncoder with precomputed "
                "embeddings"
            ) from error
        self.model.requires_grad_(False).eval()
        self.dim = self.model.config.projection_dim
        self.template = template
        self.batch_size = batch_size

    def train(self, mode: bool = True) -> "ClapTextEncoder":
        """Stays in `eval`: the tower is frozen."""
        return super().train(False)

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds prompts made of the phrases: `[phrases, dim]`."""
        rows = []
        for start in range(0, len(phrases), self.batch_size):
            prompts = [
                self.template.format(phrase.replace("_", " "))
                for phrase in phrases[start : start + self.batch_size]
            ]
            tokens = self.tokenizer(
                prompts, padding=True, truncation=True, return_tensors="pt"
            ).to(self.place.device)
            rows.append(self.model(**tokens).text_embeds)
        return torch.cat(rows)
