"""Tables of detected events against tables of true ones, as sed_eval has it.

Mesaros, Heittola, Virtanen, "Metrics for polyphonic sound event detection",
Applied Sciences 2016, https://doi.org/10.3390/app6060162; the numbers are
those of https://github.com/TUT-ARG/sed_eval.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from speechbrain_opensed.metrics.inputs import Events

__all__ = ["ClassCounts", "TableResult", "event_based", "segment_based"]

Span = tuple[float, float, str]


@dataclass(frozen=True)
class ClassCounts:
    """Counts of one class, and what follows from them.

    Arguments
    ---------
    num_true : int
        Events, or segments with the class.
    num_found : int
        Detections.
    num_right : int
        Detections that are right.

    Example
    -------
    >>> dog = ClassCounts(4, 2, 1)
    >>> dog.precision, dog.recall, dog.error_rate
    (0.5, 0.25, 1.0)
    """

    num_true: int
    num_found: int
    num_right: int

    @property
    def precision(self) -> float:
        """Share of detections that are right; 0 without detections."""
        return self.num_right / self.num_found if self.num_found else 0.0

    @property
    def recall(self) -> float:
        """Share of events that are found; nan without events."""
        return self.num_right / self.num_true if self.num_true else math.nan

    @property
    def fscore(self) -> float:
        """Their harmonic mean; nan without events."""
        if not self.num_true:
            return math.nan
        return 2 * self.num_right / (self.num_true + self.num_found)

    @property
    def error_rate(self) -> float:
        """Deletions and insertions per event; nan without events."""
        if not self.num_true:
            return math.nan
        wrong = self.num_true + self.num_found - 2 * self.num_right
        return wrong / self.num_true


@dataclass(frozen=True)
class TableResult:
    """F-scores and error rates of one table of detections.

    Arguments
    ---------
    per_class : dict[str, ClassCounts]
        Counts of each class of either table.
    substitutions : int
        Detections of a wrong class in place of an event.
    deletions : int
        Events that were not found.
    insertions : int
        Detections without an event.
    more : dict[str, float]
        Further numbers, such as the mean error of onsets.

    Example
    -------
    >>> counts = {"dog": ClassCounts(4, 4, 2), "cat": ClassCounts(2, 0, 0)}
    >>> result = TableResult(counts, 0, 4, 2)
    >>> result.micro, result.macro, result.macro_of_detected
    (0.4, 0.25, 0.5)
    """

    per_class: dict[str, ClassCounts]
    substitutions: int
    deletions: int
    insertions: int
    more: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> ClassCounts:
        """Counts over all classes."""
        each = self.per_class.values()
        return ClassCounts(
            sum(one.num_true for one in each),
            sum(one.num_found for one in each),
            sum(one.num_right for one in each),
        )

    @property
    def micro(self) -> float:
        """F-score of all counts, false alarms of any class among them."""
        return self.total.fscore

    @property
    def macro(self) -> float:
        """Mean F-score of the classes with events.

        That of sed_eval with ``empty_system_output_handling="zero_score"``,
        which DCASE's evaluations use.
        """
        return _mean(one.fscore for one in self.per_class.values())

    @property
    def macro_of_detected(self) -> float:
        """The same over classes that were detected at least once.

        What sed_eval gives by default, where a class that is never detected
        has no precision and thus no F-score.
        """
        return _mean(
            one.fscore for one in self.per_class.values() if one.num_found
        )

    @property
    def error_rate(self) -> float:
        """Substitutions, deletions and insertions per event."""
        wrong = self.substitutions + self.deletions + self.insertions
        return wrong / self.total.num_true if self.total.num_true else math.nan

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain data; nan where something has no value."""
        total = self.total
        number = total.num_true or math.nan
        return {
            "micro": {
                "f_measure": total.fscore,
                "precision": total.precision,
                "recall": total.recall,
                "error_rate": self.error_rate,
                "substitution_rate": self.substitutions / number,
                "deletion_rate": self.deletions / number,
                "insertion_rate": self.insertions / number,
            },
            "macro": {
                "f_measure": self.macro,
                "f_measure_of_detected_classes": self.macro_of_detected,
                **{
                    name: _mean(
                        getattr(one, name)
                        for one in self.per_class.values()
                        if one.num_true
                    )
                    for name in ("precision", "recall", "error_rate")
                },
            },
            "per_class": {
                label: {
                    "events": one.num_true,
                    "detections": one.num_found,
                    "right": one.num_right,
                    "f_measure": one.fscore,
                    "precision": one.precision,
                    "recall": one.recall,
                    "error_rate": one.error_rate,
                }
                for label, one in self.per_class.items()
            },
            **self.more,
        }


def _mean(values) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan


def event_based(
    reference: Events,
    detected: Events,
    onset_collar: float = 0.2,
    *,
    offset_collar: float = 0.2,
    offset_collar_rate: float = 0.2,
    onsets_only: bool = False,
) -> TableResult:
    """Whole events whose borders lie within a collar.

    A detection finds one event at most, and as many as possible are found.

    Arguments
    ---------
    reference : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    detected : Mapping[str, list[tuple[float, float, str]]]
        The same of the detections.
    onset_collar : float
        Seconds by which an onset may be off.
    offset_collar : float
        Seconds by which an offset may be off,
    offset_collar_rate : float
        or this share of the event's length, whichever is longer.
    onsets_only : bool
        Whether offsets may be anywhere.

    Returns
    -------
    TableResult
        With the mean errors of the borders of what was found, in seconds:
        `onset_error` and `offset_error` of absolute values, `onset_bias` and
        `offset_bias` of detected less true times.

    Example
    -------
    >>> found = event_based(
    ...     {"a": [(1.0, 2.0, "dog"), (3.0, 4.0, "cat")]},
    ...     {"a": [(1.1, 2.0, "dog"), (3.0, 4.0, "dog")]},
    ... )
    >>> found.micro, found.error_rate, round(found.more["onset_error"], 6)
    (0.5, 0.5, 0.1)
    """

    def agree(true: Span, found: Span) -> bool:
        if not abs(true[0] - found[0]) <= onset_collar:
            return False
        allowed = max(offset_collar, offset_collar_rate * (true[1] - true[0]))
        return onsets_only or abs(true[1] - found[1]) <= allowed

    counts: dict[str, Counter[str]] = {}
    substitutions = 0
    distances: list[tuple[float, float]] = []
    for clip in {**reference, **detected}:
        true, found = reference.get(clip, ()), detected.get(clip, ())
        pairs = _match(true, found, agree)
        for kind, labels in (
            ("true", [label for *_, label in true]),
            ("found", [label for *_, label in found]),
            ("right", [true[row][2] for row in pairs]),
        ):
            for label in labels:
                counts.setdefault(label, Counter())[kind] += 1
        distances += [
            (found[at][0] - true[row][0], found[at][1] - true[row][1])
            for row, at in pairs.items()
        ]
        substitutions += _substitutions(true, found, pairs, agree)
    per_class = _per_class(counts)
    right = len(distances)
    total = Counter({k: sum(c[k] for c in counts.values()) for k in _KINDS})
    error = np.array(distances or [(math.nan, math.nan)])
    return TableResult(
        per_class,
        substitutions,
        total["true"] - right - substitutions,
        total["found"] - right - substitutions,
        {
            "onset_error": float(np.abs(error[:, 0]).mean()),
            "offset_error": float(np.abs(error[:, 1]).mean()),
            "onset_bias": float(error[:, 0].mean()),
            "offset_bias": float(error[:, 1].mean()),
        },
    )


_KINDS = ("true", "found", "right")


def _per_class(counts: Mapping[str, Mapping[str, int]]):
    return {
        label: ClassCounts(*(int(counts[label][kind]) for kind in _KINDS))
        for label in sorted(counts)
    }


def _hits(true: Sequence[Span], found: Sequence[Span], agree) -> dict:
    """Row of a detection to the rows of the events that it may be."""
    of_class: dict[str, list[int]] = {}
    for at, detection in enumerate(found):
        of_class.setdefault(detection[2], []).append(at)
    hits: dict[int, list[int]] = {}
    for row, event in enumerate(true):
        for at in of_class.get(event[2], ()):
            if agree(event, found[at]):
                hits.setdefault(at, []).append(row)
    return hits


def _match(true: Sequence[Span], found: Sequence[Span], agree) -> dict:
    """Row of an event to row of its detection; as many pairs as there are."""
    hits = _hits(true, found, agree)
    pairs: dict[int, int] = {}
    for at, rows in hits.items():
        free = [row for row in rows if row not in pairs]
        if free:
            pairs[free[0]] = at
    matched = set(pairs.values())

    def enlarge(at: int, seen: set[int]) -> bool:
        for row in hits[at]:
            if row not in seen:
                seen.add(row)
                if row not in pairs or enlarge(pairs[row], seen):
                    pairs[row] = at
                    return True
        return False

    for at in hits:
        if at not in matched:
            enlarge(at, set())
    return pairs


def _substitutions(true, found, pairs, agree) -> int:
    """Pairs of what is left over that agree in time but not in class."""
    matched = set(pairs.values())
    left = [at for at in range(len(found)) if at not in matched]
    number = 0
    for row, event in enumerate(true):
        if row in pairs:
            continue
        for at in left:
            if agree(event, found[at]):
                left.remove(at)
                number += 1
                break
    return number


def segment_based(
    reference: Events,
    detected: Events,
    durations: Mapping[str, float] | None = None,
    segment_length: float = 1.0,
) -> TableResult:
    """Which classes are active in segments of fixed length.

    Arguments
    ---------
    reference : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    detected : Mapping[str, list[tuple[float, float, str]]]
        The same of the detections.
    durations : Mapping[str, float], optional
        Seconds of the clips, behind which nothing counts; default: up to
        the last offset.
    segment_length : float
        Seconds.

    Returns
    -------
    TableResult

    Example
    -------
    >>> segment_based(
    ...     {"a": [(0.0, 4.0, "dog")]}, {"a": [(1.0, 4.2, "dog")]}
    ... ).per_class["dog"]
    ClassCounts(num_true=4, num_found=4, num_right=3)
    """
    labels = sorted(
        {
            label
            for table in (reference, detected)
            for spans in table.values()
            for *_, label in spans
        }
    )
    columns = {label: at for at, label in enumerate(labels)}
    counts = np.zeros((3, len(labels)), int)
    errors = np.zeros(3, int)
    for clip in {**reference, **detected}:
        tables = reference.get(clip, ()), detected.get(clip, ())
        if durations is None:
            last = max(
                (off for spans in tables for _, off, _ in spans), default=0
            )
        else:
            last = durations[clip]
        length = math.ceil(last * 1 / segment_length)
        true, found = (
            _active(spans, columns, length, segment_length) for spans in tables
        )
        counts += [true.sum(0), found.sum(0), (true & found).sum(0)]
        wanted, given = true.sum(1), found.sum(1)
        right = (true & found).sum(1)
        errors += [
            (np.minimum(wanted, given) - right).sum(),
            np.maximum(wanted - given, 0).sum(),
            np.maximum(given - wanted, 0).sum(),
        ]
    return TableResult(
        {
            label: ClassCounts(*map(int, counts[:, at]))
            for label, at in columns.items()
        },
        substitutions=int(errors[0]),
        deletions=int(errors[1]),
        insertions=int(errors[2]),
    )


def _active(spans, columns, length, segment_length):
    active = np.zeros((length, len(columns)), bool)
    for onset, offset, label in spans:
        first = math.floor(onset * 1 / segment_length)
        last = math.ceil(offset * 1 / segment_length)
        active[max(0, first) : max(0, last), columns[label]] = True
    return active
