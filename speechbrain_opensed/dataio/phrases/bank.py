"""Clusters of phrases that mean the same sound.

The file format is that of FineLAP (https://arxiv.org/abs/2604.01155): one
JSON object per line, `{"phrase": name, "alternatives": [phrase, ...]}`.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lhotse_recipes.io import write_atomically
from lhotse_recipes.json_files import read_json_lines

__all__ = ["PhraseBank", "spelling"]


def spelling(phrase: str) -> str:
    """What is left of a phrase that may be written in several ways.

    Arguments
    ---------
    phrase : str
        Any phrase.

    Returns
    -------
    str
        Its words in lower case, without punctuation, `_` and "and".

    Example
    -------
    >>> spelling("Subway, metro, underground")
    'subway metro underground'
    >>> spelling("Subway_and_metro_and_underground")
    'subway metro underground'
    """
    words = re.findall(r"[^\W_]+", phrase.casefold())
    return " ".join(word for word in words if word != "and")


@dataclass(frozen=True)
class PhraseBank:
    """Clusters by their names, each with all phrases that stand for it.

    Arguments
    ---------
    clusters : mapping from str to sequence of str
        Name to phrases; the name is one of them.
    merged : tuple of str
        Names that a file held several times.

    Raises
    ------
    ValueError
        If there is no cluster, one is without phrases or has an empty one,
        or a phrase is in two.

    Example
    -------
    >>> bank = PhraseBank({"Bark": ["Bark", "dog_bark"], "Rain": ["Rain"]})
    >>> len(bank), bank.cluster_of("Dog bark"), bank.cluster_of("Wind")
    (2, 'Bark', None)
    """

    clusters: Mapping[str, Sequence[str]]
    merged: tuple[str, ...] = ()
    _exact: dict[str, str] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _spelled: dict[str, str] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if not self.clusters:
            raise ValueError("the phrase bank is empty: give it clusters")
        clusters = {}
        for name, phrases in self.clusters.items():
            clusters[name] = tuple(dict.fromkeys([name, *phrases]))
            for phrase in clusters[name]:
                if not phrase.strip():
                    raise ValueError(
                        f"the cluster {name!r} holds an empty phrase: remove it"
                    )
                other = self._exact.setdefault(phrase, name)
                if other != name:
                    raise ValueError(
                        f"the phrase {phrase!r} is in the clusters {other!r} "
                        f"and {name!r}: keep it in one"
                    )
        object.__setattr__(self, "clusters", clusters)
        # Names are found before other phrases that are spelled alike.
        for phrase, name in (*((n, n) for n in clusters), *self._exact.items()):
            self._spelled.setdefault(spelling(phrase), name)

    @staticmethod
    def from_jsonl(path: str | Path) -> "PhraseBank":
        """Reads a bank.

        Clusters of one name are merged; `merged` names them.

        Arguments
        ---------
        path : str or Path
            The file.

        Returns
        -------
        PhraseBank
            The bank.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is empty or a line is something else, by its number.
        """
        clusters: dict[str, list[str]] = {}
        merged = []
        for where, entry in read_json_lines(path):
            name, phrases = _parse(entry, where)
            if name in clusters:
                merged.append(name)
            clusters.setdefault(name, []).extend(phrases)
        if not clusters:
            raise ValueError(
                f"{path} is an empty phrase bank: write one with `opensed "
                "phrase-bank build`"
            )
        return PhraseBank(clusters, tuple(merged))

    def save(self, path: str | Path) -> None:
        """Writes the bank, one cluster per line."""
        with write_atomically(path) as file:
            for name, phrases in self.clusters.items():
                line = {"phrase": name, "alternatives": list(phrases)}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    @property
    def phrases(self) -> tuple[str, ...]:
        """All phrases, cluster by cluster."""
        return tuple(p for phrases in self.clusters.values() for p in phrases)

    def cluster_of(self, phrase: str) -> str | None:
        """The cluster that a phrase is in, however it is spelled, if any."""
        return self._exact.get(phrase) or self._spelled.get(spelling(phrase))

    def without(self, removed: Iterable[tuple[str, str]]) -> "PhraseBank":
        """A bank in which some phrases are no longer in their cluster.

        Each joins the cluster that bears its name, or becomes one.

        Arguments
        ---------
        removed : iterable of (str, str)
            Cluster and phrase.

        Returns
        -------
        PhraseBank
            A copy.

        Example
        -------
        >>> bank = PhraseBank({"Cat": ["Cat", "Tabla"]})
        >>> bank.without([("Cat", "Tabla")]).clusters
        {'Cat': ('Cat',), 'Tabla': ('Tabla',)}
        """
        removed = set(removed)
        clusters = {
            name: [p for p in phrases if (name, p) not in removed]
            for name, phrases in self.clusters.items()
        }
        homes = {spelling(name): name for name in clusters}
        for _, phrase in sorted(removed):
            home = homes.setdefault(spelling(phrase), phrase)
            clusters.setdefault(home, []).append(phrase)
        return PhraseBank(clusters, self.merged)

    def __len__(self) -> int:
        return len(self.clusters)


def _parse(entry, where):
    try:
        name, phrases = entry["phrase"], entry["alternatives"]
        if not all(isinstance(p, str) for p in [name, *phrases]):
            raise TypeError("phrases have to be strings")
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{where} is no cluster ({type(error).__name__}: {error}); write "
            '{"phrase": name, "alternatives": [phrase, ...]}'
        ) from error
    return name, phrases
