"""Queries drawn from clusters of phrases.

FineLAP (https://arxiv.org/abs/2604.01155), section 3: each sound is called
by any phrase of its cluster, and negatives come from other clusters. Here
clusters related to what is in a clip are no negatives, and two sounds of one
cluster are one query.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lhotse.cut import Cut

from lhotse_recipes.ontology import CATEGORIES, Relations
from lhotse_recipes.schema import label_of, tags_of, trim_events
from speechbrain_opensed.dataio.knowledge import KnownAbsent
from speechbrain_opensed.dataio.phrases.audit import audit_bank
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.targets import frame_targets

__all__ = ["ClusterNegatives", "ClusterQueries", "index_phrases"]


@dataclass(frozen=True)
class ClusterQueries:
    """The phrases that one clip is asked about, positives first.

    Arguments
    ---------
    phrases : tuple of str
        What is asked.
    clusters : tuple of str
        The cluster of each phrase; none of them twice.
    members : tuple of tuple of str
        Labels of the clip's events that each positive stands for.

    Example
    -------
    >>> queries = ClusterQueries(
    ...     ("dog_bark", "Rain"), ("Bark", "Rain"), (("Bark",),)
    ... )
    >>> queries.positives, queries.negatives
    (('Bark',), ('Rain',))
    """  # noqa: E501

    phrases: tuple[str, ...]
    clusters: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]

    @property
    def positives(self) -> tuple[str, ...]:
        """Clusters with events in the clip."""
        return self.clusters[: len(self.members)]

    @property
    def negatives(self) -> tuple[str, ...]:
        """Clusters that are absent from the clip."""
        return self.clusters[len(self.members) :]

    def targets(
        self,
        cut: Cut,
        hop_seconds: float,
        num_frames: int,
        rounding: str = "cover",
    ) -> np.ndarray:
        """Which phrases sound in which frames of the cut.

        Arguments
        ---------
        cut : lhotse.cut.Cut
            The cut that the queries were drawn for.
        hop_seconds : float
            Length of a frame in seconds.
        num_frames : int
            Number of frames.
        rounding : str
            See `targets.frame_span`.

        Returns
        -------
        numpy.ndarray
            0 or 1, float32 `[phrases, frames]`.
        """
        labels = [label for member in self.members for label in member]
        tracks = frame_targets(cut, labels, hop_seconds, num_frames, rounding)
        targets = np.zeros((len(self.phrases), num_frames), dtype=np.float32)
        row = 0
        for i, member in enumerate(self.members):
            targets[i] = tracks[row : row + len(member)].max(axis=0)
            row += len(member)
        return targets


class ClusterNegatives:
    """Calls sounds by any phrase of their clusters, and draws negatives.

    Arguments
    ---------
    bank : PhraseBank
        The clusters.
    relations : lhotse_recipes.ontology.Relations or None
        Of the clusters' names, see `phrase_audit.bank_relations`. None: any
        other cluster may be a negative, as published, "Dog" for a bark
        included.
    num_queries : int
        Queries of a clip; fewer where there are not enough clusters.
    exclude : collection of str
        Clusters so related to anything in the clip, tags included, are no
        negatives: A, ancestors and descendants; B, siblings.
    use_alternatives : bool
        Whether phrases are drawn from their clusters, or the names are asked.
    suspects : str
        What to do with phrases that hardly mean their cluster, see
        `phrase_audit.audit_bank`: `refuse` the bank, `drop` these phrases,
        or `keep` them.
    annotated : mapping from str to collection of str
        Vocabulary name to its labels, for every `custom["vocabulary"]` among
        the cuts. None: all clusters were looked for in every cut whose
        events are complete.

    Raises
    ------
    ValueError
        If an option makes no sense, or the bank has suspects; when called,
        if a cut does not say what was annotated in it.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> cut = dummy_cut(0, supervisions=[event("r", 0, 0, 1, "bark", "Bark")])
    >>> cut.events_complete = True
    >>> bank = PhraseBank({"Bark": ["dog_bark"], "Dog": [], "Rain": []})
    >>> relations = Relations({("Bark", "Dog"): "A"})
    >>> sampler = ClusterNegatives(bank, relations)
    >>> queries = sampler(cut, np.random.default_rng(1))
    >>> queries.positives, queries.negatives, queries.phrases
    (('Bark',), ('Rain',), ('Bark', 'Rain'))
    """

    def __init__(
        self,
        bank: PhraseBank,
        relations: Relations | None,
        num_queries: int = 20,
        *,
        exclude: Collection[str] = "AB",
        use_alternatives: bool = True,
        suspects: str = "refuse",
        annotated: Mapping[str, Collection[str]] | None = None,
    ):
        if num_queries < 1:
            raise ValueError(f"num_queries {num_queries}: give 1 or more")
        if set(exclude) - set(CATEGORIES):
            raise ValueError(f"exclude {exclude!r}: name some of {CATEGORIES}")
        if suspects not in ("refuse", "drop", "keep"):
            raise ValueError(
                f"suspects {suspects!r}: choose 'refuse', 'drop' or 'keep'"
            )
        found = audit_bank(bank) if suspects != "keep" else []
        if found and suspects == "refuse":
            raise ValueError(
                f"{len(found)} phrases of the bank hardly mean their cluster, "
                f"such as {found[0].cluster} -> {found[0].phrase}: mend the "
                "bank with `opensed phrase-bank audit`, or choose suspects "
                "'drop' or 'keep'"
            )
        self.bank = bank.without((x.cluster, x.phrase) for x in found)
        self.num_queries = num_queries
        self.use_alternatives = use_alternatives
        self._names = tuple(self.bank.clusters)
        self._index = {name: i for i, name in enumerate(self._names)}
        self._relations = relations
        self._exclude = frozenset(exclude)
        self._related: dict[Any, Any] = {}
        self._absent = KnownAbsent(self._mask, annotated)

    def __call__(self, cut: Cut, rng: np.random.Generator) -> ClusterQueries:
        """Draw the queries of a cut."""
        timed: dict[str, tuple[str, list[str]]] = {}
        there: set[str] = set()
        for event in trim_events(cut):
            label = label_of(event)
            name = self._cluster(label)
            # What is in no cluster is asked as it was annotated.
            spoken, members = timed.setdefault(name, (event.text or label, []))
            if label not in members:
                members.append(label)
        there.update(timed, (self._cluster(label_of(t)) for t in tags_of(cut)))

        candidates = self._absent(cut)
        for name in there:
            candidates &= ~self._relatives(name)
        candidates = np.flatnonzero(candidates)

        names = list(timed)
        if len(names) > self.num_queries:
            chosen = rng.choice(len(names), self.num_queries, replace=False)
            names = [names[i] for i in sorted(chosen)]
        room = min(self.num_queries - len(names), len(candidates))
        drawn = rng.choice(candidates, room, replace=False)
        negatives = [self._names[i] for i in drawn]
        phrases = [self._phrase(name, timed[name][0], rng) for name in names]
        phrases += [self._phrase(name, name, rng) for name in negatives]
        return ClusterQueries(
            tuple(phrases),
            (*names, *negatives),
            tuple(tuple(timed[name][1]) for name in names),
        )

    def _cluster(self, label):
        return self.bank.cluster_of(label) or label

    def _mask(self, labels):
        mask = np.zeros(len(self._names), dtype=bool)
        names = {self.bank.cluster_of(label) for label in labels}
        mask[[self._index[name] for name in names if name is not None]] = True
        return mask

    def _relatives(self, name):
        """Mask of a cluster and those that are too near to it."""
        mask = self._related.get(name)
        if mask is None:
            mask = np.zeros(len(self._names), dtype=bool)
            if name in self._index:
                mask[self._index[name]] = True
            if self._relations is not None:
                mask |= [
                    self._relations.of(name, other) in self._exclude
                    for other in self._names
                ]
            self._related[name] = mask
        return mask

    def _phrase(self, name, default, rng):
        phrases = self.bank.clusters.get(name)
        if phrases is None:
            return default
        if not self.use_alternatives:
            return name
        return phrases[rng.integers(len(phrases))]


def index_phrases(
    rows: Sequence[Sequence[str]],
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Each phrase of a batch once, so that it is encoded once.

    Arguments
    ---------
    rows : sequence of sequence of str
        The phrases of each clip; clips may have different numbers.

    Returns
    -------
    list of str
        All phrases, in the order of their first use.
    numpy.ndarray
        Which phrase each is, int64 `[clips, queries]`.
    numpy.ndarray
        Which are there, the others being padding, bool `[clips, queries]`.

    Example
    -------
    >>> phrases, index, mask = index_phrases([["dog", "rain"], ["rain"]])
    >>> phrases, index.tolist(), mask.tolist()
    (['dog', 'rain'], [[0, 1], [1, 0]], [[True, True], [True, False]])
    """
    places: dict[str, int] = {}
    width = max((len(row) for row in rows), default=0)
    index = np.zeros((len(rows), width), dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=bool)
    for i, row in enumerate(rows):
        index[i, : len(row)] = [
            places.setdefault(phrase, len(places)) for phrase in row
        ]
        mask[i, : len(row)] = True
    return list(places), index, mask
