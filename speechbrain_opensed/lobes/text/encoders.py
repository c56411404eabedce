"""From phrases to query embeddings: one interface, cached per phrase.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor, nn

from lhotse_recipes.vocabulary import Vocabulary

__all__ = [
    "TextEncoder",
    "TableTextEncoder",
    "HashTextEncoder",
    "OneHotTextEncoder",
]


class TextEncoder(nn.Module):
    """Base of frozen text encoders: embeds each phrase once.

    A subclass gives `dim`, the width of its embeddings, and
    `embed(phrases) -> [phrases, dim]`.

    Example
    -------
    >>> class Lengths(TextEncoder):
    ...     dim = 1
    ...
    ...     def embed(self, phrases):
    ...         return torch.tensor([[float(len(p))] for p in phrases])
    >>> Lengths()(["dog", "horse"]).tolist()
    [[3.0], [5.0]]
    """

    dim: int

    def __init__(self):
        super().__init__()
        self.register_buffer("place", torch.empty(0), persistent=False)
        self._cache: dict[str, Tensor] = {}

    def canonical(self, phrase: str) -> str | None:
        """One name for all phrases of one embedding; None: there is none."""
        return phrase

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds distinct phrases: `[phrases, dim]`."""
        raise TypeError(f"{type(self).__name__} has to define embed()")

    def forward(self, phrases: Sequence[str]) -> Tensor:
        """Embeds phrases.

        Arguments
        ---------
        phrases : sequence of str
            May hold the same phrase several times.

        Returns
        -------
        torch.Tensor
            `[phrases, dim]`, float32, without gradients.

        Raises
        ------
        ValueError
            If a phrase is empty, or has no embedding.
        """
        if isinstance(phrases, str):
            raise ValueError(f"{phrases!r} is one phrase: give a list")
        blank = [i for i, phrase in enumerate(phrases) if not phrase.strip()]
        if blank:
            raise ValueError(
                f"phrase {blank[0]} of {len(phrases)} is empty: leave it out "
                "or say what to listen for"
            )
        new = [p for p in dict.fromkeys(phrases) if p not in self._cache]
        if new:
            with torch.no_grad():
                for phrase, row in zip(new, self.embed(new), strict=True):
                    self._cache[phrase] = row.float().cpu()
        if not phrases:
            return self.place.new_empty(0, self.dim)
        return torch.stack([self._cache[p] for p in phrases]).to(
            self.place.device
        )


class TableTextEncoder(TextEncoder):
    """Embeddings that were computed before, looked up by phrase.

    Arguments
    ---------
    path : str or Path
        `.npz` with arrays `labels` `[rows]` and `embeddings`
        `[rows, dim]`, or `.safetensors` with one vector per label.
    aliases : mapping, str or Path, optional
        From phrase to the label whose row stands for it, or a csv file.
    alias_columns : sequence of str
        Columns of the csv: phrases, labels. Rows without a label are
        passed over.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file has another content, or aliases name unknown labels.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/t.npz", labels=["Dog"], embeddings=[[1, 2]])
    ...     table = TableTextEncoder(f"{folder}/t.npz", {"barking": "Dog"})
    >>> table(["Dog", "barking"]).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(
        self,
        path: str | Path,
        aliases: Mapping | str | Path | None = None,
        alias_columns: Sequence[str] = ("phrase", "label"),
    ):
        super().__init__()
        self.rows = _read_table(Path(path))
        self.dim = len(next(iter(self.rows.values())))
        if isinstance(aliases, str | Path):
            aliases = _read_aliases(Path(aliases), *alias_columns)
        self.aliases = dict(aliases or {})
        unknown = sorted(set(self.aliases.values()) - set(self.rows))
        if unknown:
            raise ValueError(
                f"aliases name {len(unknown)} labels that {path} does not "
                f"hold: {unknown[:5]}"
            )

    def canonical(self, phrase: str) -> str | None:
        """The label in the table that stands for a phrase, if any."""
        label = self.aliases.get(phrase, phrase)
        return label if label in self.rows else None

    def embed(self, phrases: list[str]) -> Tensor:
        """Looks phrases up: `[phrases, dim]`."""
        found = [self.canonical(p) for p in phrases]
        missing = [
            phrase
            for phrase, name in zip(phrases, found, strict=True)
            if name is None
        ]
        if missing:
            raise ValueError(
                f"no embedding for {len(missing)} phrases: {missing[:5]}; "
                f"the table holds {len(self.rows)}, such as "
                f"{list(self.rows)[:3]}. Add rows or aliases, or use "
                "ClapTextEncoder, which embeds any phrase"
            )
        rows = [self.rows[name] for name in found if name is not None]
        return torch.from_numpy(np.stack(rows))


class HashTextEncoder(TextEncoder):
    """Word-hash embeddings: no download, no training, any words.

    Each word gives a fixed random vector and a phrase is the sum of its
    words' over the root of their number, so that phrases that share words
    are neighbours and a new combination of known words can be understood.

    Arguments
    ---------
    dim : int
        Width of the embeddings.
    seed : int
        Seed of the words' vectors.

    Example
    -------
    >>> encoder = HashTextEncoder(dim=64)
    >>> a, b = encoder(["high bell", "high buzz"])
    >>> bool(0.2 < torch.cosine_similarity(a, b, dim=0) < 0.8)
    True
    """

    def __init__(self, dim: int = 64, seed: int = 0):
        super().__init__()
        self.dim = dim
        self.seed = seed

    def _word(self, word: str) -> np.ndarray:
        digest = hashlib.sha256(f"{self.seed} {word}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return rng.standard_normal(self.dim, dtype=np.float32)

    def embed(self, phrases: list[str]) -> Tensor:
        """Adds up the words: `[phrases, dim]`."""
        rows = []
        for phrase in phrases:
            words = re.findall(r"\w+", phrase.lower()) or [phrase]
            rows.append(sum(map(self._word, words)) / len(words) ** 0.5)
        return torch.from_numpy(np.stack(rows))


class OneHotTextEncoder(TextEncoder):
    """One dimension per phrase of a closed list.

    It makes a closed-vocabulary classifier look like a prompted one.

    Arguments
    ---------
    phrases : sequence of str, str or Path
        All that can be asked for: a list, or a vocabulary's name or csv.

    Example
    -------
    >>> OneHotTextEncoder(["dog", "cat"])(["cat"]).tolist()
    [[0.0, 1.0]]
    >>> OneHotTextEncoder("audioset_strong").dim
    456
    """

    def __init__(self, phrases: Sequence[str] | str | Path):
        super().__init__()
        if isinstance(phrases, (str, Path)):
            phrases = list(Vocabulary.load(phrases).phrases.values())
        self.index = {phrase: i for i, phrase in enumerate(phrases)}
        self.dim = len(self.index)

    def canonical(self, phrase: str) -> str | None:
        """The phrase, if it is in the vocabulary."""
        return phrase if phrase in self.index else None

    def embed(self, phrases: list[str]) -> Tensor:
        """Marks the phrases: `[phrases, dim]`."""
        unknown = [p for p in phrases if p not in self.index]
        if unknown:
            raise ValueError(
                f"{unknown[:5]} not among the {self.dim} phrases of this "
                "closed vocabulary; a model of open vocabulary takes any"
            )
        rows = torch.tensor([self.index[p] for p in phrases])
        return nn.functional.one_hot(rows, self.dim).float()


def _read_table(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(
            f"no table of text embeddings at {path}: give an .npz or "
            ".safetensors file"
        )
    try:
        if path.suffix == ".safetensors":
            rows = load_file(path)
        else:
            with np.load(path, allow_pickle=False) as arrays:
                labels = [str(label) for label in arrays["labels"]]
                rows = dict(zip(labels, arrays["embeddings"], strict=True))
    except (ValueError, KeyError, OSError, SafetensorError) as error:
        raise ValueError(
            f"{path} is no table of text embeddings ({error}): an .npz needs "
            "`labels` [rows] and `embeddings` [rows, dim], a .safetensors "
            "one vector per label"
        ) from error
    shapes = {np.shape(row) for row in rows.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(
            f"{path} holds rows of shapes {sorted(shapes)[:3]}: all have to "
            "be vectors of one width"
        )
    return {k: np.asarray(v, dtype=np.float32) for k, v in rows.items()}


def _read_aliases(path: Path, phrase: str, label: str) -> dict[str, str]:
    import csv

    if not path.is_file():
        raise FileNotFoundError(f"no table of aliases at {path}")
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        lacking = {phrase, label} - set(rows.fieldnames or ())
        if lacking:
            raise ValueError(
                f"{path} has no column {sorted(lacking)}: it has "
                f"{rows.fieldnames}"
            )
        return {row[phrase]: row[label] for row in rows if row[label]}
