"""Tables of sound classes: label ↔ phrase ↔ AudioSet id."""

import csv
import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from lhotse_recipes.io import read_rows, write_atomically

__all__ = ["Entry", "Vocabulary"]

_COLUMNS = ("label", "phrase", "mid", "evaluated")
_TRUTH = {"": None, "0": False, "1": True}


@dataclass(frozen=True)
class Entry:
    """
    One sound class.

    :param label: canonical name, unique in its vocabulary.
    :param phrase: how one would ask for it; queries are made of it.
    :param mid: AudioSet id such as ``/m/0bt9lr``.
    :param evaluated: whether the vocabulary's evaluation counts it; None where
        that is not known.
    """

    label: str
    phrase: str
    mid: str | None = None
    evaluated: bool | None = None


@dataclass(frozen=True)
class Vocabulary:
    """
    A named, ordered table of sound classes.

    Shipped: ``"audioset_strong"``, the 456 classes of AudioSet-Strong (447 of
    them occur in its training part, 416 in its evaluation part, 407 in both).
    Names and ids are those of AudioSet (https://research.google.com/audioset,
    CC BY 4.0). Which 407 are evaluated is a property of the two official
    tables, not of this one: ``prepare_audioset_strong`` finds it there.
    ``"audioset"`` holds the 527 tags of AudioSet, in the order of taggers.

    :param name: the vocabulary's name, written on cuts.
    :param entries: the classes in order.
    :raises ValueError: no entry, an empty label or one that occurs twice.

    >>> audioset = Vocabulary.load("audioset_strong")
    >>> len(audioset)
    456
    >>> audioset.label_of("/m/0bt9lr")
    'Dog'
    >>> audioset.label_of("Dgo")
    Traceback (most recent call last):
    ...
    ValueError: 'Dgo' is not in the vocabulary audioset_strong; did you mean \
'Dog', 'Goat' or 'Door'?
    """

    name: str
    entries: tuple[Entry, ...]
    _of_label: dict[str, Entry] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _of_alias: dict[str, list[str]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError(
                f"the vocabulary {self.name} is empty; give it at least one "
                "label"
            )
        for entry in self.entries:
            if not entry.label or not entry.phrase:
                raise ValueError(
                    f"the vocabulary {self.name} has an entry without label "
                    f"or phrase: {entry}; complete or remove it"
                )
            if entry.label in self._of_label:
                raise ValueError(
                    f"the label {entry.label!r} occurs twice in the "
                    f"vocabulary {self.name}; keep one"
                )
            self._of_label[entry.label] = entry
            aliases = {entry.label.casefold(), entry.phrase.casefold()}
            if entry.mid:
                aliases.add(entry.mid.casefold())
            for alias in aliases:
                self._of_alias.setdefault(alias, []).append(entry.label)

    @staticmethod
    def load(name_or_csv: str | Path) -> "Vocabulary":
        """
        Load a shipped table by name, or one's own by file.

        :param name_or_csv: e.g. ``"audioset_strong"`` or ``"mine.csv"``.
        :return: the vocabulary.
        :raises FileNotFoundError: neither is there; the shipped ones are
            named.
        """
        folder = resources.files("lhotse_recipes") / "data"
        shipped = sorted(
            Path(file.name).stem
            for file in folder.iterdir()
            if file.name.endswith(".csv")
        )
        if str(name_or_csv) in shipped:
            with resources.as_file(folder / f"{name_or_csv}.csv") as path:
                return Vocabulary.from_csv(path)
        if not Path(name_or_csv).is_file():
            raise FileNotFoundError(
                f"{name_or_csv}: neither a table file nor one of the shipped "
                f"vocabularies ({', '.join(shipped)})"
            )
        return Vocabulary.from_csv(name_or_csv)

    @staticmethod
    def from_csv(path: str | Path, name: str | None = None) -> "Vocabulary":
        """
        Read a table with a ``label`` column.

        Optional columns: ``phrase`` (made from the label where empty), ``mid``
        and ``evaluated`` (1, 0 or empty). Others are ignored.

        :param path: csv or tsv with a header.
        :param name: the vocabulary's name; the file's without suffix by
            default.
        :return: the vocabulary.
        :raises ValueError: a bad row, named by file and line.
        """
        entries = []
        for where, row in read_rows(path, ["label"]):
            label = row["label"].strip()
            evaluated = row.get("evaluated", "").strip()
            if not label:
                raise ValueError(f"{where}: empty label; fill or remove it")
            if evaluated not in _TRUTH:
                raise ValueError(
                    f"{where}: evaluated is {evaluated!r}; write 1, 0 or "
                    "nothing"
                )
            entries.append(
                Entry(
                    label,
                    row.get("phrase", "").strip() or label.replace("_", " "),
                    row.get("mid", "").strip() or None,
                    _TRUTH[evaluated],
                )
            )
        return Vocabulary(name or Path(path).stem, tuple(entries))

    @staticmethod
    def from_labels(labels: Iterable[str], name: str) -> "Vocabulary":
        """
        A table of labels whose phrases are the labels without underscores.

        :param labels: the labels; sorted and made unique.
        :param name: the vocabulary's name.
        :return: the vocabulary.

        >>> Vocabulary.from_labels(["dog_bark"], "mine").phrase("dog_bark")
        'dog bark'
        """
        return Vocabulary(
            name,
            tuple(
                Entry(label, label.replace("_", " "))
                for label in sorted(set(labels))
            ),
        )

    def save(self, path: str | Path) -> None:
        """
        Write the table as csv.

        :param path: the file; its name becomes the vocabulary's when read.
        """
        with write_atomically(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            for entry in self.entries:
                known = entry.evaluated
                writer.writerow(
                    [
                        entry.label,
                        entry.phrase,
                        entry.mid or "",
                        "" if known is None else int(known),
                    ]
                )

    def with_evaluated(self, labels: Collection[str]) -> "Vocabulary":
        """
        The same table with ``evaluated`` known for every class.

        :param labels: the labels that are evaluated.
        :return: a copy.
        :raises ValueError: a label that is not in the table.
        """
        chosen = {self.label_of(label) for label in labels}
        return replace(
            self,
            entries=tuple(
                replace(entry, evaluated=entry.label in chosen)
                for entry in self.entries
            ),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels in order."""
        return tuple(entry.label for entry in self.entries)

    @property
    def evaluated_labels(self) -> tuple[str, ...]:
        """
        The labels that are evaluated, in order.

        :raises ValueError: the table does not say which.
        """
        if any(entry.evaluated is None for entry in self.entries):
            raise ValueError(
                f"the vocabulary {self.name} does not say which labels are "
                "evaluated; use the table that prepare_audioset_strong writes "
                "or Vocabulary.with_evaluated"
            )
        return tuple(e.label for e in self.entries if e.evaluated)

    @property
    def phrases(self) -> dict[str, str]:
        """Label → phrase."""
        return {entry.label: entry.phrase for entry in self.entries}

    def entry(self, label: str) -> Entry:
        """
        All that is known of a label.

        :param label: canonical name.
        :return: its entry.
        :raises ValueError: unknown label; the message names close ones.
        """
        if label not in self._of_label:
            raise ValueError(self._unknown(label))
        return self._of_label[label]

    def phrase(self, label: str) -> str:
        """
        The phrase of a label.

        :param label: canonical name.
        :return: how one would ask for it.
        """
        return self.entry(label).phrase

    def label_of(self, text: str) -> str:
        """
        The label meant by a label, an AudioSet id or a phrase.

        :param text: exact label first, then anything that agrees but for
            upper and lower case.
        :return: the canonical label.
        :raises ValueError: unknown, or the phrase of several labels.
        """
        if text in self._of_label:
            return text
        found = self._of_alias.get(text.casefold(), [])
        if not found:
            raise ValueError(self._unknown(text))
        if len(found) > 1:
            raise ValueError(
                f"{text!r} may mean {', '.join(map(repr, found))} in the "
                f"vocabulary {self.name}; use the label"
            )
        return found[0]

    def _unknown(self, text: str) -> str:
        close = difflib.get_close_matches(
            text.casefold(), self._of_alias, n=3, cutoff=0.5
        )
        names = [repr(self._of_alias[alias][0]) for alias in close]
        names = list(dict.fromkeys(names))
        if len(names) > 1:
            names = [", ".join(names[:-1]), names[-1]]
        hint = (
            f"did you mean {' or '.join(names)}?"
            if names
            else (f"it has {len(self)} labels such as {self.labels[0]!r}")
        )
        return f"{text!r} is not in the vocabulary {self.name}; {hint}"

    def __contains__(self, label: str) -> bool:
        return label in self._of_label

    def __len__(self) -> int:
        return len(self.entries)
