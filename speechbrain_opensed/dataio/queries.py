"""Which classes a clip is asked about: its own ones and chosen negatives.

A class that nobody looked for in a clip is unknown there and never a
negative. Related-aware sampling is that of FlexSED
(https://arxiv.org/abs/2509.18606), drawn without replacement.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lhotse.cut import Cut

from lhotse_recipes.ontology import CATEGORIES, Relations
from lhotse_recipes.schema import label_of, tags_of, trim_events
from speechbrain_opensed.dataio.knowledge import KnownAbsent

__all__ = ["AllQueries", "QuerySet", "RandomNegatives", "RelatedAwareNegatives"]


@dataclass(frozen=True)
class QuerySet:
    """The labels that one clip is asked about, none of them twice.

    Arguments
    ---------
    positives : tuple of str
        Labels with events in the clip.
    negatives : tuple of str
        Labels that are absent from the clip.
    unknown : tuple of str
        Labels to be scored, of which nobody knows whether they are there.
        Losses and metrics leave them out.
    weak : tuple of str
        Labels that are in the clip, nobody knows when: tags.

    Example
    -------
    >>> QuerySet(("Bark",), ("Car", "Rain")).labels
    ('Bark', 'Car', 'Rain')
    """

    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    weak: tuple[str, ...] = field(default=(), repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Positives, negatives, unknown and weak ones in this order."""
        return self.positives + self.negatives + self.unknown + self.weak


class _Annotation:
    """Splits a list of labels by what is known about them in a cut."""

    def __init__(self, labels, annotated):
        self.labels = tuple(labels)
        self.index = {label: i for i, label in enumerate(self.labels)}
        if len(self.index) < len(self.labels):
            double = {x for x in self.labels if self.labels.count(x) > 1}
            raise ValueError(
                f"labels occur twice: {', '.join(sorted(double))}; list each "
                "label once"
            )
        self._known = KnownAbsent(self._mask, annotated)

    def _mask(self, known):
        mask = np.zeros(len(self.labels), dtype=bool)
        mask[[self.index[x] for x in known if x in self.index]] = True
        return mask

    def present(self, cut):
        """Labels with events, and labels that are there without times."""
        timed = dict.fromkeys(label_of(event) for event in trim_events(cut))
        weak = dict.fromkeys(label_of(tag) for tag in tags_of(cut))
        return list(timed), [label for label in weak if label not in timed]

    def absent(self, cut, present):
        """Mask `[labels]` of the labels that are known to be absent."""
        absent = self._known(cut)
        for label in present:
            if label in self.index:
                absent[self.index[label]] = False
        return absent


class RelatedAwareNegatives:
    """Draws negatives that are rarely near relatives of what is in the clip.

    A candidate's weight is that of its closest relation to anything that is
    in the clip, clip-level tags and classes outside of `labels` included. The
    draw is without replacement (Efraimidis and Spirakis 2006).

    Arguments
    ---------
    labels : sequence of str
        Labels that may be asked for.
    relations : lhotse_recipes.ontology.Relations
        Relation class of two labels: A (root and parent) to D (unrelated).
    weights : mapping from str to float
        Weight of each relation class; classes left out weigh 1, and what
        weighs 0 is never drawn. None: `{"A": 0.25}`, as published.
    num_queries : int
        Queries of a clip; fewer where there are not enough candidates.
    max_positives : int
        Most positives of a clip; of more, some are drawn.
    annotated : mapping from str to collection of str
        Vocabulary name to its labels, for every `custom["vocabulary"]` among
        the cuts. None: all of `labels` were looked for in every cut whose
        events are complete.
    ask_weak : bool
        Ask for tags without times as well, for a loss that looks at clips.

    Raises
    ------
    ValueError
        If a label is given twice, a weight is negative or its class unknown,
        or a number of queries makes no sense; when called, if a cut does not
        say what was annotated in it.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> cut = dummy_cut(0, supervisions=[event("r", 0, 0, 1, "bark", "Bark")])
    >>> cut.events_complete = True
    >>> relations = Relations({("Bark", "Dog"): "A"})
    >>> labels = ["Bark", "Car", "Dog", "Rain"]
    >>> sampler = RelatedAwareNegatives(labels, relations, {"A": 0.0})
    >>> sampler(cut, np.random.default_rng(0))
    QuerySet(positives=('Bark',), negatives=('Car', 'Rain'), unknown=())
    """

    def __init__(
        self,
        labels: Sequence[str],
        relations: Relations | None,
        weights: Mapping[str, float] | None = None,
        *,
        num_queries: int = 20,
        max_positives: int = 10,
        annotated: Mapping[str, Collection[str]] | None = None,
        ask_weak: bool = False,
    ):
        if not 0 < max_positives <= num_queries:
            raise ValueError(
                f"max_positives {max_positives} must lie between 1 and "
                f"num_queries {num_queries}"
            )
        weights = {"A": 0.25} if weights is None else weights
        wrong = {k: w for k, w in weights.items() if k not in CATEGORIES}
        wrong.update({k: w for k, w in weights.items() if not w >= 0})
        if wrong:
            raise ValueError(
                f"weights {wrong}: give the classes A to D weights of 0 or more"
            )
        self.num_queries = num_queries
        self.max_positives = max_positives
        self.ask_weak = ask_weak
        self._annotation = _Annotation(labels, annotated)
        self._relations = relations
        self._weights = np.array([weights.get(c, 1.0) for c in CATEGORIES])
        self._rows: dict[Any, Any] = {}

    def _row(self, label):
        """Relation classes of a label to all labels, as numbers from 0."""
        row = self._rows.get(label)
        if row is None:
            row = np.array(
                [
                    CATEGORIES.index(self._relations.of(label, other))
                    if other != label
                    else 0
                    for other in self._annotation.labels
                ],
                dtype=np.uint8,
            )
            self._rows[label] = row
        return row

    def __call__(self, cut: Cut, rng: np.random.Generator) -> QuerySet:
        """Draw the queries of a cut."""
        labels, index = self._annotation.labels, self._annotation.index
        timed, weak = self._annotation.present(cut)
        absent = self._annotation.absent(cut, timed + weak)

        positives = sorted(index[label] for label in timed if label in index)
        if len(positives) > self.max_positives:
            drawn = rng.choice(positives, self.max_positives, replace=False)
            positives = sorted(drawn.tolist())

        tagged = []
        if self.ask_weak:
            tagged = sorted(index[label] for label in weak if label in index)
            tagged = tagged[: self.num_queries - len(positives)]
        candidates = np.flatnonzero(absent)
        if self._relations is None or not timed + weak:
            weights = np.ones(len(candidates))
        else:
            rows = [self._row(label) for label in timed + weak]
            closest = np.minimum.reduce(rows)[candidates]
            weights = self._weights[closest]
            candidates, weights = candidates[weights > 0], weights[weights > 0]
        room = self.num_queries - len(positives) - len(tagged)
        room = min(room, len(candidates))
        keys = rng.standard_exponential(len(candidates)) / weights
        negatives = np.sort(candidates[np.argsort(keys)[:room]])
        return QuerySet(
            tuple(labels[i] for i in positives),
            tuple(labels[i] for i in negatives),
            weak=tuple(labels[i] for i in tagged),
        )


class RandomNegatives(RelatedAwareNegatives):
    """Draws negatives with equal chances from what is known to be absent.

    Arguments
    ---------
    vocabulary_labels : sequence of str
        Labels that may be asked for.
    num_queries : int
        Queries of a clip; fewer where there are not enough candidates.
    max_positives : int
        Most positives of a clip; of more, some are drawn.
    annotated : mapping from str to collection of str
        See `RelatedAwareNegatives`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0)
    >>> cut.events_complete = True
    >>> sampler = RandomNegatives(["Bark", "Car", "Rain"], 2, 1)
    >>> len(sampler(cut, np.random.default_rng(0)).negatives)
    2
    """

    def __init__(
        self,
        vocabulary_labels: Sequence[str],
        num_queries: int = 20,
        max_positives: int = 10,
        annotated: Mapping[str, Collection[str]] | None = None,
    ):
        super().__init__(
            vocabulary_labels,
            None,
            {},
            num_queries=num_queries,
            max_positives=max_positives,
            annotated=annotated,
        )


class AllQueries:
    """Asks every clip about the same labels, as validation and tests do.

    Arguments
    ---------
    labels : sequence of str
        The labels.
    annotated : mapping from str to collection of str
        See `RelatedAwareNegatives`. What a cut leaves open is `unknown`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0)
    >>> cut.events_complete = True
    >>> AllQueries(["Bark", "Car"])(cut, None).negatives
    ('Bark', 'Car')
    """

    def __init__(
        self,
        labels: Sequence[str],
        annotated: Mapping[str, Collection[str]] | None = None,
    ):
        self._annotation = _Annotation(labels, annotated)
        self.labels = self._annotation.labels

    def __call__(
        self, cut: Cut, rng: np.random.Generator | None = None
    ) -> QuerySet:
        """Sort all labels by what is known of them in the cut."""
        timed, tagged = self._annotation.present(cut)
        present, weak = set(timed), set(tagged)
        absent = self._annotation.absent(cut, timed + tagged)
        absent = {self.labels[i] for i in np.flatnonzero(absent)}
        known = present | absent | weak
        return QuerySet(
            tuple(x for x in self.labels if x in present),
            tuple(x for x in self.labels if x in absent),
            tuple(x for x in self.labels if x not in known),
            tuple(x for x in self.labels if x in weak),
        )
