"""From prompts to one state per token, for cross-attention.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
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
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

__all__ = ["HashTextStates", "T5TextStates", "TextStates"]


class TextStates(nn.Module):
    """Base of frozen text encoders: reads each prompt once.

    A subclass gives `dim`, the width of its states, and `embed(prompts)`, a
    list of `[tokens, dim]` with at least one token each. The empty prompt
    stands for "no text" and is as good as any.

    Arguments
    ---------
    most : int
        Prompts that are remembered; the oldest go first.

    Example
    -------
    >>> class Letters(TextStates):
    ...     dim = 1
    ...
    ...     def embed(self, prompts):
    ...         return [torch.ones(len(p) + 1, 1) for p in prompts]
    >>> states, mask = Letters()(["rain", ""])
    >>> states.shape, mask.sum(1)
    (torch.Size([2, 5, 1]), tensor([5, 1]))
    """

    dim: int

    def __init__(self, most: int = 10000):
        super().__init__()
        self.register_buffer("place", torch.empty(0), persistent=False)
        self.most = most
        self._cache: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> "TextStates":
        """Stays in `eval`: it is frozen."""
        return super().train(False)

    def embed(self, prompts: list[str]) -> list[Tensor]:
        """Embeds distinct prompts: `[tokens, dim]` each."""
        raise TypeError(f"{type(self).__name__} has to define embed()")

    def states(self, prompts: Sequence[str]) -> list[Tensor]:
        """States of each prompt.

        Arguments
        ---------
        prompts : sequence of str
            May hold the same one several times.

        Returns
        -------
        list of torch.Tensor
            `[tokens, dim]` each, float32, on the CPU.
        """
        if isinstance(prompts, str):
            raise ValueError(f"{prompts!r} is one prompt: give a list")
        known = self._cache
        new = [p for p in dict.fromkeys(prompts) if p not in known]
        if new:
            with torch.no_grad():
                fresh = zip(new, self.embed(new), strict=True)
                known.update((p, rows.float().cpu()) for p, rows in fresh)
        result = [known[prompt] for prompt in prompts]
        while len(known) > self.most:
            del known[next(iter(known))]
        return result

    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Read prompts.

        Arguments
        ---------
        prompts : sequence of str
            At least one.

        Returns
        -------
        tuple of torch.Tensor
            States `[prompts, tokens, dim]`, zeros behind shorter ones, and
            which tokens count, bool `[prompts, tokens]`.
        """
        rows = self.states(prompts)
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        device = self.place.device
        return padded.to(device), mask.to(device)


class HashTextStates(TextStates):
    """A fixed random vector per word and one for the end: no download.

    Arguments
    ---------
    dim : int
        Width of the states.
    seed : int
        Of the words' vectors.

    Example
    -------
    >>> states, mask = HashTextStates(dim=8)(["a low sound", "a sound"])
    >>> mask.sum(1), bool((states[0, 0] == states[1, 0]).all())
    (tensor([4, 3]), True)
    """

    def __init__(self, dim: int = 64, seed: int = 0):
        super().__init__()
        self.dim = dim
        self.words = HashTextEncoder(dim, seed)

    def embed(self, prompts: list[str]) -> list[Tensor]:
        """Looks words up: `[words + 1, dim]` each."""
        return [
            self.words([*re.findall(r"\w+", prompt.lower()), "."])
            for prompt in prompts
        ]


class T5TextStates(TextStates):
    """A frozen encoder of the T5 family, such as Tango's FLAN-T5-large.

    Arguments
    ---------
    source : str, Path or transformers.T5EncoderModel
        Name on the Hugging Face hub, a local folder with model and
        tokenizer, or the model itself.
    tokenizer : transformers.PreTrainedTokenizerBase, optional
        Default: the one of the source. Prompts are cut to its
        `model_max_length`.
    batch_size : int
        Prompts that are read at once.

    Raises
    ------
    FileNotFoundError
        If the model can be neither found nor fetched.
    ValueError
        If a model comes without its tokenizer.

    Example
    -------
    >>> T5TextStates("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no T5 encoder at ./nowhere and none could be fetched ...
    """

    def __init__(
        self,
        source: Any = "google/flan-t5-large",
        tokenizer: Any = None,
        batch_size: int = 32,
    ):
        super().__init__()
        if isinstance(source, (str, Path)):
            model, own = _load(source)
            tokenizer = tokenizer or own
        else:
            model = source
        if tokenizer is None:
            raise ValueError(
                f"{type(model).__name__} without a tokenizer: give its own"
            )
        self.model = model.requires_grad_(False)
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.dim = model.config.d_model
        self.train(False)

    def embed(self, prompts: list[str]) -> list[Tensor]:
        """Reads prompts: `[tokens, dim]` each."""
        rows = []
        for start in range(0, len(prompts), self.batch_size):
            tokens = self.tokenizer(
                prompts[start : start + self.batch_size],
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(self.place.device)
            states = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].bool()
            rows += [row[kept] for row, kept in zip(states, mask, strict=True)]
        return rows


def _load(source):
    from transformers import AutoTokenizer, T5EncoderModel

    return load_pretrained(
        "T5 encoder",
        source,
        lambda folder: (
            T5EncoderModel.from_pretrained(folder, **local_options(folder)),
            AutoTokenizer.from_pretrained(folder, **auto_options(folder)),
        ),
    )
