"""The AudioSet ontology and how two sound classes are related.

The ontology: https://github.com/audioset/ontology (``ontology.json``,
CC BY-SA 4.0). Classes of relation as in FlexSED (arXiv 2509.18606): A one is
the other's ancestor, B alike, C of one context, D unrelated.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lhotse_recipes.io import read_rows, write_atomically
from lhotse_recipes.json_files import read_json
from lhotse_recipes.vocabulary import Vocabulary

__all__ = [
    "CATEGORIES",
    "Ontology",
    "Relations",
    "load_relations",
    "read_relations",
    "relation_table",
    "save_relations",
]

CATEGORIES = "ABCD"
_COLUMNS = ("Label 1", "Label 2", "Category")


class Ontology:
    """
    A forest of sound classes; a class may have several parents.

    :param names: id → name.
    :param children: id → ids of its direct children.
    :raises ValueError: a child that is not there, or a class that is its own
        ancestor.

    >>> names = {"/1": "Animal", "/2": "Dog", "/3": "Cat", "/4": "Music"}
    >>> ontology = Ontology(names, {"/1": ["/2", "/3"]})
    >>> ontology.relation("/1", "/2"), ontology.relation("/2", "/3")
    ('A', 'B')
    >>> ontology.relation("/2", "/4")
    'D'
    """

    def __init__(
        self, names: Mapping[str, str], children: Mapping[str, Iterable[str]]
    ):
        self.names = dict(names)
        self._children = {
            mid: frozenset(children.get(mid, ())) for mid in names
        }
        parents: dict[str, set[str]] = {mid: set() for mid in names}
        for mid, below in self._children.items():
            for child in below:
                if child not in parents:
                    raise ValueError(
                        f"the ontology's class {mid} ({names[mid]}) has the "
                        f"child {child}, which is not in it; use a complete "
                        "ontology.json"
                    )
                parents[child].add(mid)
        self._parents = {mid: frozenset(p) for mid, p in parents.items()}
        self._ancestors: dict[str, frozenset[str]] = {}
        for mid in names:
            self._climb(mid, ())

    @staticmethod
    def from_json(path: str | Path) -> "Ontology":
        """
        Read AudioSet's ``ontology.json``.

        :param path: the file.
        :return: the ontology.
        :raises ValueError: not such a file.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"{path}: no such file; ontology.json is at "
                "https://github.com/audioset/ontology"
            )
        try:
            classes = read_json(path, list, remedy="give an AudioSet ontology")
            return Ontology(
                {one["id"]: one["name"] for one in classes},
                {one["id"]: one["child_ids"] for one in classes},
            )
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: not an AudioSet ontology ({error}); it must be a "
                "JSON list of classes with id, name and child_ids"
            ) from error

    def _climb(self, mid: str, below: tuple[str, ...]) -> frozenset[str]:
        if mid in below:
            raise ValueError(
                f"the ontology's class {mid} ({self.names[mid]}) is its own "
                "ancestor; remove the loop"
            )
        if mid not in self._ancestors:
            above = set(self._parents[mid])
            for parent in self._parents[mid]:
                above |= self._climb(parent, (*below, mid))
            self._ancestors[mid] = frozenset(above)
        return self._ancestors[mid]

    def _known(self, mid: str) -> str:
        if mid not in self.names:
            raise ValueError(
                f"{mid!r} is no class of the ontology ({len(self)} classes "
                "by id, such as /m/0bt9lr); some AudioSet-Strong classes are "
                "not in it"
            )
        return mid

    def children(self, mid: str) -> frozenset[str]:
        """
        What is directly below a class.

        :param mid: id.
        :return: ids.
        """
        return self._children[self._known(mid)]

    def ancestors(self, mid: str) -> frozenset[str]:
        """
        All classes above a class.

        :param mid: id of the class.
        :return: ids.
        """
        return self._ancestors[self._known(mid)]

    def descendants(self, mid: str) -> frozenset[str]:
        """
        All classes below a class.

        :param mid: id of the class.
        :return: ids.
        """
        found, waiting = set(), list(self._children[self._known(mid)])
        while waiting:
            child = waiting.pop()
            if child not in found:
                found.add(child)
                waiting.extend(self._children[child])
        return frozenset(found)

    def siblings(self, mid: str) -> frozenset[str]:
        """
        Classes that share a direct parent with a class.

        :param mid: id of the class.
        :return: ids, without the class itself.
        """
        found: set[Any] = set()
        for parent in self._parents[self._known(mid)]:
            found |= self._children[parent]
        return frozenset(found - {mid})

    def branches(self, mid: str) -> frozenset[str]:
        """
        The top-level classes that a class belongs to.

        :param mid: id of the class.
        :return: ids of classes without parents.
        """
        lineage = self.ancestors(mid) | {mid}
        return frozenset(one for one in lineage if not self._parents[one])

    def relation(self, a: str, b: str) -> str:
        """
        How two classes are related.

        :param a: id of a class.
        :param b: id of another class.
        :return: "A" one is an ancestor of the other, "B" they share a direct
            parent, "C" they share a top-level branch, "D" none of these.
        """
        if a == b:
            raise ValueError(f"{a!r} twice; a relation needs two classes")
        if a in self.ancestors(b) or b in self.ancestors(a):
            return "A"
        if self._parents[a] & self._parents[b]:
            return "B"
        return "C" if self.branches(a) & self.branches(b) else "D"

    def __contains__(self, mid: str) -> bool:
        return mid in self.names

    def __len__(self) -> int:
        return len(self.names)


class Relations:
    """
    Relations of pairs of labels: one byte per pair, looked up in O(1).

    :param pairs: (label, label) → category; each counts in both directions,
        and where the two directions disagree the closer relation is taken.
    :param labels: further labels of the table.
    :param empty: rows of a file that stated no category.
    :raises ValueError: a category that is not "A", "B", "C" or "D".

    Attributes: ``labels``; ``codes``, uint8 [label, label], 0 unknown, else
    1 + position in "ABCD"; ``empty``; ``conflicts``, the number of pairs
    stated differently in the two directions.

    >>> relations = Relations({("dog", "animal"): "A"})
    >>> relations.of("animal", "dog"), relations.of("dog", "rain")
    ('A', 'D')
    >>> relations.related("dog", "A")
    frozenset({'animal'})
    """

    def __init__(
        self,
        pairs: Mapping[tuple[str, str], str],
        labels: Iterable[str] = (),
        empty: int = 0,
    ):
        names = dict.fromkeys(labels)
        for pair in pairs:
            names.update(dict.fromkeys(pair))
        self.labels = tuple(names)
        self.empty = empty
        self.conflicts = 0
        self._index = {label: i for i, label in enumerate(self.labels)}
        self.codes = np.zeros((len(names), len(names)), dtype=np.uint8)
        for (a, b), category in pairs.items():
            if category not in tuple(CATEGORIES):
                raise ValueError(
                    f"relation of {a!r} and {b!r}: {category!r} is not one of "
                    f"{', '.join(CATEGORIES)}"
                )
            i, j = self._index[a], self._index[b]
            if i == j:
                continue
            code = 1 + CATEGORIES.index(category)
            before = int(self.codes[i, j])
            if before not in (0, code):
                self.conflicts += 1
                code = min(code, before)
            self.codes[i, j] = self.codes[j, i] = code

    def of(self, a: str, b: str) -> str:
        """
        The relation of two labels.

        :param a: label.
        :param b: label.
        :return: "A" to "D"; "D", unrelated, where the table does not say.
        """
        i, j = self._index.get(a), self._index.get(b)
        if i is None or j is None or not self.codes[i, j]:
            return "D"
        return CATEGORIES[int(self.codes[i, j]) - 1]

    def related(self, label: str, category: str) -> frozenset[str]:
        """
        All labels in one relation to a label.

        :param label: label; one that is not in the table has none.
        :param category: "A" to "D".
        :return: labels; for "D" those that the table states.
        """
        if label not in self._index:
            return frozenset()
        row = self.codes[self._index[label]]
        found = np.flatnonzero(row == 1 + CATEGORIES.index(category))
        return frozenset(self.labels[i] for i in found)

    @property
    def counts(self) -> dict[str, int]:
        """Category → number of stated pairs, both directions counted."""
        numbers = np.bincount(self.codes.ravel(), minlength=5)
        return {c: int(numbers[1 + i]) for i, c in enumerate(CATEGORIES)}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels of the table about which it states nothing."""
        return tuple(
            label
            for label, codes in zip(self.labels, self.codes, strict=True)
            if not codes.any()
        )

    def __contains__(self, label: str) -> bool:
        return label in self._index


def relation_table(vocabulary: Vocabulary, ontology: Ontology) -> Relations:
    """
    Relations of all pairs of a vocabulary, by the ontology.

    :param vocabulary: classes with AudioSet ids.
    :param ontology: the ontology.
    :return: relations; classes without id or missing from the ontology are in
        ``.unknown``.
    """
    known = [
        (e.label, e.mid)
        for e in vocabulary.entries
        if e.mid and e.mid in ontology
    ]
    pairs = {
        (label, other): ontology.relation(mid, other_mid)
        for i, (label, mid) in enumerate(known)
        for other, other_mid in known[:i]
        if mid != other_mid
    }
    return Relations(pairs, vocabulary.labels)


def load_relations(path: str | Path) -> Relations:
    """
    Read a table ``Label 1,Label 2,Category``, plain or gzipped.

    Categories may carry blanks (the paper's file has `` A``); rows without a
    category are counted and left unknown.

    :param path: csv or csv.gz.
    :return: relations.
    :raises ValueError: another category, named by file and line.
    """
    pairs: dict[tuple[str, str], str] = {}
    labels: dict[str, None] = {}
    empty = 0
    for where, row in read_rows(path, _COLUMNS):
        a, b, category = (row[column].strip() for column in _COLUMNS)
        if not a or not b:
            raise ValueError(f"{where}: empty label; fill or remove the row")
        labels.update({a: None, b: None})
        if not category:
            empty += 1
        elif category not in tuple(CATEGORIES):
            raise ValueError(
                f"{where}: the category {category!r} is not one of "
                f"{', '.join(CATEGORIES)}; correct or empty it"
            )
        elif pairs.setdefault((a, b), category) != category:
            raise ValueError(
                f"{where}: {a!r}, {b!r} is {category} here and "
                f"{pairs[a, b]} further up; keep one row"
            )
    return Relations(pairs, labels, empty)


def read_relations(
    path: str | Path | None, vocabulary: str | Path | Vocabulary
) -> Relations | None:
    """
    Relations from whatever file tells them.

    :param path: table of relations (csv, gz), the AudioSet ontology (json),
        ``"audioset_strong"`` for the table that is shipped, see
        `building.strong_relations`, or None.
    :param vocabulary: the classes to relate by an ontology.
    :return: the relations; None for None.

    >>> read_relations(None, "audioset_strong") is None
    True
    """
    if path is None:
        return None
    if path == "audioset_strong":
        path = Path(__file__).parent / "data" / f"{path}_relations.csv.gz"
    if Path(path).suffix != ".json":
        return load_relations(path)
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary.load(vocabulary)
    return relation_table(vocabulary, Ontology.from_json(path))


def save_relations(
    path: str | Path, relations: Relations | Mapping[tuple[str, str], str]
) -> None:
    """
    Write the table in the paper's format, both directions of every pair.

    :param path: csv, or csv.gz to compress.
    :param relations: relations, or (label, label) → category; unknown pairs
        are left out.
    """
    if not isinstance(relations, Relations):
        relations = Relations(relations)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for i, j in np.argwhere(relations.codes):
        category = CATEGORIES[relations.codes[i, j] - 1]
        writer.writerow([relations.labels[i], relations.labels[j], category])
    content = text.getvalue().encode()
    if str(path).endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    with write_atomically(path, "wb") as file:
        file.write(content)
