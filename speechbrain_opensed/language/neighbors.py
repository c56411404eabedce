"""Semantic neighbours of classes: phrases of sounds close to each of them.

SEPT (https://arxiv.org/abs/2601.20867) draws each class towards its neighbours
and keeps it away from those of the others.

Authors
 * The speechbrain-opensed contributors 2026
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from lhotse_recipes.io import read_text, write_atomically
from lhotse_recipes.json_files import parse_json
from speechbrain_opensed.language.inflection import alternatives, words_of
from speechbrain_opensed.language.leaks import Leak, find_leaks

__all__ = ["SCHEMA_VERSION", "Neighbors"]

SCHEMA_VERSION = 1
METHODS = ("hand-written", "llm", "rules")
# Corpora that papers call otherwise than the tables of this project.
ALIASES = {"gt_music_genre": "gtzan"}
MAKE_THEM = "`opensed neighbors` writes them by a language model"


@dataclass(frozen=True)
class Neighbors:
    """Neighbours of the classes of a corpus, and where they come from.

    Shipped are those of Beijing-Opera, CREMA-D, ESC50, ESC50-Actions,
    GT-Music-Genre, NS-Instruments, RAVDESS, SESA, TUT2017, UrbanSound8K and
    VocalSound, and of a bank of 85 sound events (`event_bank`).

    Arguments
    ---------
    dataset : str
        Name of the corpus.
    classes : mapping
        Class to phrases, the best first.
    provenance : mapping
        `method` (hand-written, llm or rules), `author`, `date` as YYYY-MM-DD,
        for a language model also `model`; further fields are kept.

    Raises
    ------
    ValueError
        If a class has no neighbour, two are the same but for case, hyphens
        and underscores, or one is the name of its own class.

    Example
    -------
    >>> shipped = Neighbors.load("ESC50")
    >>> chosen, leaks = shipped.select(["dog"], held_out=["cat"], number=3)
    >>> len(chosen.classes["dog"]), leaks
    (3, [])
    """

    dataset: str
    classes: Mapping[str, tuple[str, ...]]
    provenance: Mapping[str, Any]
    _label_of: dict[tuple[str, ...], str] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        classes = {
            label: tuple(phrases) for label, phrases in self.classes.items()
        }
        object.__setattr__(self, "classes", classes)
        if not classes:
            raise ValueError(f"{self.dataset}: there are no classes in it")
        _check_provenance(self.dataset, self.provenance)
        seen: dict[tuple[str, ...], tuple[str, str]] = {}
        for label, phrases in classes.items():
            key = _key(label)
            if key in self._label_of:
                raise ValueError(
                    f"{self.dataset}: the classes {self._label_of[key]!r} and "
                    f"{label!r} are the same name; keep one"
                )
            self._label_of[key] = label
            if not phrases:
                raise ValueError(
                    f"{self.dataset}: {label!r} has no neighbours; add some "
                    f"or remove the class ({MAKE_THEM})"
                )
            for phrase in phrases:
                _check_phrase(self.dataset, label, phrase, seen)

    @property
    def hash(self) -> str:
        """What identifies the neighbours, whoever made them.

        The order of the phrases of a class counts, that of classes does not.
        """
        content = json.dumps(
            {"schema_version": SCHEMA_VERSION, "classes": self.classes},
            sort_keys=True,
            ensure_ascii=False,
        )
        return hashlib.sha256(content.encode()).hexdigest()

    def of(self, label: str) -> tuple[str, ...]:
        """The neighbours of a class.

        Arguments
        ---------
        label : str
            The class; case, hyphens and underscores do not matter.

        Returns
        -------
        tuple of str

        Raises
        ------
        ValueError
            If the class is not there.
        """
        return self.classes[self._find([label])[0]]

    def select(
        self,
        labels: Iterable[str],
        held_out: Collection[str] = (),
        number: int | None = None,
        drop: bool = False,
    ) -> tuple["Neighbors", list[Leak]]:
        """The neighbours that an experiment may use.

        Arguments
        ---------
        labels : iterable of str
            The classes that are trained.
        held_out : collection of str
            Classes that no neighbour may name: the new half, or those of the
            corpus that is tested.
        number : int, optional
            So many of each class, the first; all by default.
        drop : bool
            Leave out neighbours that name a held-out class instead of raising.

        Returns
        -------
        neighbors : Neighbors
            With the labels as they were given.
        leaks : list of Leak
            What was left out.

        Raises
        ------
        ValueError
            If a class is missing or has fewer neighbours than `number`, or a
            neighbour names a held-out class.
        """
        labels = list(labels)
        wanted = {
            label: self.classes[found]
            for label, found in zip(labels, self._find(labels), strict=True)
        }
        leaks = find_leaks(wanted, held_out)
        if leaks and not drop:
            raise ValueError(
                f"{self.dataset}: {len(leaks)} neighbours name classes that "
                f"are held out: {'; '.join(map(str, leaks))}. Replace them, "
                "or have them dropped (drop=True)"
            )
        bad = {(leak.label, leak.neighbor) for leak in leaks}
        kept = {
            label: tuple(p for p in phrases if (label, p) not in bad)
            for label, phrases in wanted.items()
        }
        least = 1 if number is None else number
        if least < 1:
            raise ValueError(f"{least} neighbours of each class are too few")
        short = {k: len(v) for k, v in kept.items() if len(v) < least}
        if short:
            raise ValueError(
                f"{self.dataset}: fewer than {least} neighbours of "
                + ", ".join(f"{k!r} ({n})" for k, n in short.items())
                + (f", after {len(leaks)} were dropped" if leaks else "")
                + f"; ask for fewer or add some ({MAKE_THEM})"
            )
        chosen = {label: kept[label][:number] for label in labels}
        return Neighbors(self.dataset, chosen, self.provenance), leaks

    def save(self, path: str | Path) -> None:
        """Writes the file, whole or not at all.

        Arguments
        ---------
        path : str or Path
            The JSON file.
        """
        content = {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.dataset,
            "provenance": dict(self.provenance),
            "hash": self.hash,
            "classes": self.classes,
        }
        with write_atomically(path) as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Neighbors":
        """Reads a file, or one that is shipped.

        Arguments
        ---------
        name_or_path : str or Path
            A JSON file, or a corpus such as `ESC50` or `event_bank`.

        Returns
        -------
        neighbors : Neighbors

        Raises
        ------
        FileNotFoundError
            If there is neither.
        ValueError
            If the file is of another version, incomplete or was changed.
        """
        folder = (
            resources.files("speechbrain_opensed.language") / "neighbor_tables"
        )
        shipped = sorted(
            file.name.removesuffix(".json")
            for file in folder.iterdir()
            if file.name.endswith(".json")
        )
        name = str(name_or_path).casefold().replace("-", "_")
        name = ALIASES.get(name, name)
        if name in shipped:
            text = (folder / f"{name}.json").read_text(encoding="utf-8")
        elif Path(name_or_path).is_file():
            text = read_text(name_or_path)
        else:
            raise FileNotFoundError(
                f"{name_or_path}: neither a file nor one of the corpora whose "
                f"neighbours are shipped ({', '.join(shipped)}); {MAKE_THEM}"
            )
        return cls._parse(text, name_or_path)

    @classmethod
    def _parse(cls, text: str, where: str | Path) -> "Neighbors":
        content = parse_json(text, where, dict)
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"{where}: schema_version is {version!r} where this release "
                f"reads {SCHEMA_VERSION}; write the file anew or update"
            )
        missing = {"dataset", "provenance", "classes"} - content.keys()
        if missing:
            raise ValueError(
                f"{where}: it lacks {', '.join(sorted(missing))}; write it by "
                "Neighbors.save"
            )
        classes = content["classes"]
        if not isinstance(classes, dict) or not all(
            isinstance(phrases, list) for phrases in classes.values()
        ):
            raise ValueError(f"{where}: classes must map each class to a list")
        made = cls(content["dataset"], classes, content["provenance"])
        if content.get("hash", made.hash) != made.hash:
            raise ValueError(
                f"{where}: the neighbours are not those that its hash was made "
                "of. If you edited them, remove the line with the hash"
            )
        return made

    def _find(self, labels: Iterable[str]) -> list[str]:
        labels = list(labels)
        found = [
            label if label in self.classes else self._label_of.get(_key(label))
            for label in labels
        ]
        missing = [k for k, v in zip(labels, found, strict=True) if v is None]
        if missing:
            raise ValueError(
                f"{self.dataset}: no neighbours of "
                f"{', '.join(map(repr, missing))}; add them to the file "
                f"({MAKE_THEM})"
            )
        return [label for label in found if label is not None]


def _key(text: str) -> tuple[str, ...]:
    return tuple(word for word in words_of(text) if word != "or")


def _check_provenance(dataset: str, provenance: Mapping[str, Any]) -> None:
    if not isinstance(provenance, Mapping):
        raise ValueError(f"{dataset}: the provenance is not an object")
    method = provenance.get("method")
    if method not in METHODS:
        raise ValueError(
            f"{dataset}: the method of the provenance is {method!r}; it is "
            f"one of {', '.join(METHODS)}"
        )
    needed = ["author", "date"] + ["model"] * (method == "llm")
    for name in needed:
        if not str(provenance.get(name) or "").strip():
            raise ValueError(f"{dataset}: the provenance lacks {name!r}")
    try:
        datetime.date.fromisoformat(provenance["date"])
    except (ValueError, TypeError):
        raise ValueError(
            f"{dataset}: the date {provenance['date']!r} of the provenance "
            "is none; write YYYY-MM-DD"
        ) from None


def _check_phrase(
    dataset: str,
    label: str,
    phrase: Any,
    seen: dict[tuple[str, ...], tuple[str, str]],
) -> None:
    words = words_of(phrase) if isinstance(phrase, str) else ()
    if not words:
        raise ValueError(
            f"{dataset}: {label!r} has the neighbour {phrase!r}, which holds "
            "no word; remove it"
        )
    if words == words_of(label) or words in alternatives(label):
        raise ValueError(
            f"{dataset}: {phrase!r} is the name of the class {label!r}, not "
            "a neighbour; replace it"
        )
    if words in seen:
        other, twin = seen[words]
        raise ValueError(
            f"{dataset}: {phrase!r} of {label!r} is the same as {twin!r} of "
            f"{other!r}; replace one of them"
        )
    seen[words] = (label, phrase)
