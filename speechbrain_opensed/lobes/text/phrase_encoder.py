"""A text encoder by its source, so that a recipe can switch by one word.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    TableTextEncoder,
    TextEncoder,
)

__all__ = ["PhraseEncoder"]


class PhraseEncoder(TextEncoder):
    """CLAP, a table of embeddings, or word hashes.

    Arguments
    ---------
    source : str or Path
        `hash`; an `.npz` or `.safetensors` table; else the name or folder of
        a CLAP model.
    dim : int
        Width of the embeddings: what `hash` gives, and what the others have
        to have.
    template : str
        What CLAP is asked.
    aliases : mapping, str or Path, optional
        For a table: phrase to label, or a csv.
    alias_columns : sequence of str
        Columns of that csv: phrases, labels.

    Raises
    ------
    FileNotFoundError
        If there is no such table or model.
    ValueError
        If the embeddings have another width.

    Example
    -------
    >>> PhraseEncoder("hash", dim=8)(["dog barking"]).shape
    torch.Size([1, 8])
    """

    def __init__(
        self,
        source: str | Path = "laion/clap-htsat-unfused",
        dim: int = 512,
        template: str = "The sound of {}",
        *,
        aliases: Mapping | str | Path | None = None,
        alias_columns: Sequence[str] = ("phrase", "label"),
    ):
        super().__init__()
        if str(source) == "hash":
            self.encoder: TextEncoder = HashTextEncoder(dim)
        elif Path(source).suffix in (".npz", ".safetensors"):
            self.encoder = TableTextEncoder(source, aliases, alias_columns)
        else:
            self.encoder = ClapTextEncoder(str(source), template)
        self.dim = self.encoder.dim
        if self.dim != dim:
            raise ValueError(
                f"{source} gives embeddings of width {self.dim}, the model "
                f"expects {dim}: set text_dim to {self.dim}"
            )

    def canonical(self, phrase: str) -> str | None:
        """One name for all phrases of one embedding; None: there is none."""
        return self.encoder.canonical(phrase)

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds distinct phrases: `[phrases, dim]`."""
        return self.encoder(phrases)
