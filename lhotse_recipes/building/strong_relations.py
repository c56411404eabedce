"""How the shipped table of relations of AudioSet-Strong's labels is made.

FlexSED (arXiv 2509.18606) had GPT-4 relate all pairs, and its table is not to
be had. Ours follows from the AudioSet ontology by rule: A where one label is
the other's ancestor, B where two share a parent. 32 of the 456 labels came
with the strong annotations and are not in the ontology; their parents were
chosen by hand, ``data/audioset_strong_parents.csv``. Unstated pairs count as
unrelated. The ontology, and with it the table, is CC BY-SA 4.0.
"""

from pathlib import Path

from lhotse_recipes.io import read_rows
from lhotse_recipes.ontology import Ontology, Relations, relation_table
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["strong_relations"]

_PARENTS = Path(__file__).parents[1] / "data" / "audioset_strong_parents.csv"


def strong_relations(ontology: Ontology) -> Relations:
    """
    Relations A and B of the 456 labels of AudioSet-Strong.

    :param ontology: AudioSet's.
    :return: the relations; the shipped table is what ``save_relations``
        writes of them.
    :raises ValueError: an ontology without a parent that was chosen.

    >>> from lhotse_recipes.ontology import read_relations
    >>> table = read_relations("audioset_strong", "audioset_strong")
    >>> table.of("Bark", "Dog"), table.of("Bark", "Speech")
    ('A', 'D')
    """
    vocabulary = Vocabulary.load("audioset_strong")
    mids = {entry.label: entry.mid or "" for entry in vocabulary.entries}
    by_name = {name: mid for mid, name in ontology.names.items()}
    names = dict(ontology.names)
    children = {mid: set(ontology.children(mid)) for mid in names}
    for where, row in read_rows(_PARENTS, ("label", "parent")):
        parent = mids.get(row["parent"])
        if parent not in names:
            parent = by_name.get(row["parent"])
        if parent is None:
            raise ValueError(f"{where}: no {row['parent']!r} in the ontology")
        mid = mids[row["label"]]
        names[mid] = row["label"]
        children.setdefault(mid, set())
        children[parent].add(mid)
    whole = relation_table(vocabulary, Ontology(names, children))
    return Relations(
        {
            (a, b): whole.of(a, b)
            for i, a in enumerate(whole.labels)
            for b in whole.labels[:i]
            if whole.of(a, b) in "AB"
        },
        whole.labels,
    )
