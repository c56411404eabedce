"""A text encoder by its source, so that a recipe can switch by one word.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from lhotse_recipes.json_files import read_json
from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    TableTextEncoder,
    TextEncoder,
)
from speechbrain_opensed.lobes.text.sentence import SentenceTextEncoder

__all__ = ["PhraseEncoder"]


class PhraseEncoder(TextEncoder):
    """CLAP, a sentence transformer, a table of embeddings, or word hashes.

    Arguments
    ---------
    source : str or Path
        `hash`; an `.npz` or `.safetensors` table; a name that begins with
        `sentence-transformers/`, or a folder with such a model; else the name
        or folder of a CLAP model.
    dim : int
        Width of the embeddings: what `hash` gives, and what the others have
        to have.
    template : str
        What CLAP is asked.
    aliases : mapping, str or Path, optional
        For a table: phrase to label, or a csv.
    alias_columns : sequence of str
        Columns of that csv: phrases, labels.
    capitalize : bool
        Whether CLAP reads phrases with a capital at their beginning.

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
        capitalize: bool = False,
    ):
        super().__init__()
        if str(source) == "hash":
            self.encoder: TextEncoder = HashTextEncoder(dim)
        elif Path(source).suffix in (".npz", ".safetensors"):
            self.encoder = TableTextEncoder(source, aliases, alias_columns)
        elif _embeds_sentences(str(source)):
            self.encoder = SentenceTextEncoder(source)
        else:
            self.encoder = ClapTextEncoder(
                str(source), template, capitalize=capitalize
            )
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


def _embeds_sentences(source: str) -> bool:
    config = Path(source) / "config.json"
    if not config.is_file():
        return source.startswith("sentence-transformers/")
    about = read_json(config, dict, remedy="give the folder of a model")
    return not str(about.get("model_type", "clap")).startswith("clap")
