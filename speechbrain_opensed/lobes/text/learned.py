"""Phrases that were learned from examples, beside those that words tell.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = ["LearnedPhrases"]


class LearnedPhrases(TextEncoder):
    """A text encoder, but for some phrases whose queries were learned.

    Arguments
    ---------
    encoder : TextEncoder
        Embeds all other phrases.
    table : mapping, str or Path
        Phrase to query `[dim]`, or a `.safetensors` file of them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a query has not the encoder's width, or is not finite.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> plain = HashTextEncoder(dim=4)
    >>> learned = LearnedPhrases(plain, {"my doorbell": torch.ones(4)})
    >>> learned(["my doorbell"]).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    >>> torch.equal(learned(["rain"]), plain(["rain"]))
    True
    """

    def __init__(
        self,
        encoder: TextEncoder,
        table: Mapping[str, Tensor] | str | Path,
    ):
        super().__init__()
        self.encoder = encoder
        self.dim = encoder.dim
        if isinstance(table, (str, Path)):
            path = Path(table)
            if not path.is_file():
                raise FileNotFoundError(
                    f"no table of learned phrases at {path}: it belongs to "
                    "the model's folder"
                )
            try:
                table = load_file(path)
            except SafetensorError as error:
                raise ValueError(
                    f"{path} is no table of learned phrases ({error})"
                ) from error
        self.table = {
            phrase: row.detach().float().cpu() for phrase, row in table.items()
        }
        for phrase, row in self.table.items():
            if row.shape != (self.dim,) or not torch.isfinite(row).all():
                raise ValueError(
                    f"the learned query of {phrase!r} has shape "
                    f"{list(row.shape)}: it needs [{self.dim}] finite numbers"
                )

    def canonical(self, phrase: str) -> str | None:
        """One name for all phrases of one embedding; None: there is none."""
        if phrase in self.table:
            return phrase
        return self.encoder.canonical(phrase)

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds distinct phrases: `[phrases, dim]`."""
        others = [phrase for phrase in phrases if phrase not in self.table]
        told = dict(zip(others, self.encoder(others).cpu(), strict=True))
        return torch.stack(
            [
                self.table[phrase] if phrase in self.table else told[phrase]
                for phrase in phrases
            ]
        )
