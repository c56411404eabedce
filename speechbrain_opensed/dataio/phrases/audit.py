"""Finds phrases that are in the wrong cluster, and related clusters.

The bank published with FineLAP says "Tabla" for a cat in every second
training example: it was built by similarity of strings.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from dataclasses import dataclass

from lhotse_recipes.ontology import Ontology, Relations, relation_table
from lhotse_recipes.vocabulary import Entry, Vocabulary
from speechbrain_opensed.dataio.phrases.bank import PhraseBank, spelling

__all__ = ["Suspect", "audit_bank", "bank_relations"]

REASONS = {
    "A": "a class above or below it",
    "B": "another class with the same parent",
    "C": "another class of the same branch",
    "D": "an unrelated class",
    "?": "another class",
    "-": "no word in common",
}


@dataclass(frozen=True)
class Suspect:
    """A phrase that hardly means what its cluster means.

    Arguments
    ---------
    cluster : str
        Name of the cluster.
    phrase : str
        The phrase.
    relation : str
        That of the two classes in the ontology, A to D; `?` for two classes
        whose relation it does not say; `-` where the phrase is no class and
        shares no word with the cluster's name.

    Example
    -------
    >>> print(Suspect("Cat", "Tabla", "D"))
    Cat -> Tabla (D: an unrelated class)
    """

    cluster: str
    phrase: str
    relation: str

    def __str__(self) -> str:
        reason = REASONS[self.relation]
        return f"{self.cluster} -> {self.phrase} ({self.relation}: {reason})"


class _Names:
    """Which class of a vocabulary or an ontology a phrase names."""

    def __init__(self, vocabulary, ontology):
        whole, parts = {}, {}
        named = []
        if ontology is not None:
            named += [(name, mid) for mid, name in ontology.names.items()]
        for entry in vocabulary.entries:
            if entry.mid:
                named += [(entry.label, entry.mid), (entry.phrase, entry.mid)]
        for name, mid in named:
            whole.setdefault(spelling(name), mid)
            for part in _parts(name):
                parts.setdefault(part, set()).add(mid)
        self._mids = {
            p: min(mids) for p, mids in parts.items() if len(mids) < 2
        }
        self._mids.update(whole)

    def __call__(self, phrase):
        return self._mids.get(spelling(phrase))


def audit_bank(
    bank: PhraseBank,
    ontology: Ontology | None = None,
    vocabulary: Vocabulary | str = "audioset_strong",
) -> list[Suspect]:
    """Lists the phrases that hardly mean what their cluster means.

    Other spellings of the cluster's name, or of a part of it, are right, and
    so are names of the same class. Names of another class or cluster are
    suspect; so is what shares no word with the name.

    Arguments
    ---------
    bank : PhraseBank
        The bank.
    ontology : Ontology, optional
        Knows more classes, and how they are related.
    vocabulary : Vocabulary or str
        Names of classes and their AudioSet ids.

    Returns
    -------
    list of Suspect
        In the order of the bank.

    Example
    -------
    >>> bank = PhraseBank(
    ...     {"Cat": ["Tabla"], "Drill": ["drilling"], "Wind": ["Thunder"]}
    ... )
    >>> for suspect in audit_bank(bank):
    ...     print(suspect)
    Cat -> Tabla (-: no word in common)
    Wind -> Thunder (?: another class)
    """
    if isinstance(vocabulary, str):
        vocabulary = Vocabulary.load(vocabulary)
    class_of = _Names(vocabulary, ontology)
    names = {spelling(name): name for name in bank.clusters}
    suspects = []
    for cluster, phrases in bank.clusters.items():
        own, mine = {spelling(cluster), *_parts(cluster)}, class_of(cluster)
        for phrase in phrases:
            spelled, other = spelling(phrase), class_of(phrase)
            if spelled in own or (mine and mine == other):
                continue
            if other and mine:
                relation = "?"
                if ontology and mine in ontology and other in ontology:
                    relation = ontology.relation(mine, other)
            elif spelled in names:
                relation = "?"
            elif not _share_word(own, spelled):
                relation = "-"
            else:
                continue
            suspects.append(Suspect(cluster, phrase, relation))
    return suspects


def bank_relations(
    bank: PhraseBank,
    ontology: Ontology,
    vocabulary: Vocabulary | str = "audioset_strong",
) -> Relations:
    """How the clusters of a bank are related, by the ontology.

    Arguments
    ---------
    bank : PhraseBank
        The bank.
    ontology : Ontology
        The ontology.
    vocabulary : Vocabulary or str
        Names of classes and their AudioSet ids, beside the ontology's.

    Returns
    -------
    Relations
        Between names of clusters. Clusters of one class are related like
        siblings, B; those that are no class are in `.unknown`.

    Example
    -------
    >>> names = {"/a": "Animal", "/d": "Dog", "/b": "Bark", "/r": "Rain"}
    >>> ontology = Ontology(names, {"/a": ["/d"], "/d": ["/b"]})
    >>> bank = PhraseBank({"Bark": ["Bark"], "Dog": ["Dog"], "Rain": []})
    >>> relations = bank_relations(bank, ontology)
    >>> relations.of("Bark", "Dog"), relations.of("Bark", "Rain")
    ('A', 'D')
    """
    if isinstance(vocabulary, str):
        vocabulary = Vocabulary.load(vocabulary)
    class_of = _Names(vocabulary, ontology)
    names = list(bank.clusters)
    mids = {name: class_of(name) for name in names}
    entries = tuple(Entry(name, name, mids[name]) for name in names)
    table = relation_table(Vocabulary("bank", entries), ontology)
    pairs = {
        (a, b): "B" if mids[a] == mids[b] else table.of(a, b)
        for i, a in enumerate(names)
        for b in names[:i]
        if mids[a] in ontology and mids[b] in ontology
    }
    return Relations(pairs, names)


def _parts(name):
    """The names in a name such as "Frying (food)" or "Stream, river"."""
    bare = re.sub(r"\(.*?\)", "", name)
    return {spelling(part) for part in [bare, *bare.split(",")]} - {""}


def _share_word(names, phrase):
    """Whether two phrases have a word, or the beginning of one, in common."""
    mine = {word for name in names for word in name.split()}
    for word in phrase.split():
        if word in mine or any(
            min(len(word), len(other)) >= 4 and word[:4] == other[:4]
            for other in mine
        ):
            return True
    joined = phrase.replace(" ", "")
    return any(name.replace(" ", "") == joined for name in names)
