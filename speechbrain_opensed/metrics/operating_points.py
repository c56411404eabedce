"""Intersections of detected and true events, as psds_eval counts them.

Bilen et al., "A framework for the robust evaluation of sound event
detection", ICASSP 2020, https://arxiv.org/abs/1910.08440; the numbers are those
of https://github.com/audioanalytic/psds_eval. Where scores are at hand,
:func:`~speechbrain_opensed.metrics.compute_psds` takes all thresholds in place
of a few operating points.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speechbrain_opensed.metrics.inputs import Events
from speechbrain_opensed.metrics.psds.result import PsdsResult
from speechbrain_opensed.metrics.tables import ClassCounts, TableResult

__all__ = ["IntersectionCounts", "count_intersections", "psds_of_points"]


@dataclass(frozen=True)
class IntersectionCounts:
    """Counts of one operating point, by class of the reference.

    Arguments
    ---------
    classes : tuple[str, ...]
        The classes with events, sorted.
    num_events : np.ndarray
        `[classes]`.
    true : np.ndarray
        Events that were found, `[classes]`.
    false : np.ndarray
        Detections that lie on their class too little, `[classes]`.
    cross : np.ndarray
        Of these, those on events of another class, `[classes, classes]`.
    seconds : np.ndarray
        Sum of the events of each class, `[classes]`.
    total_seconds : float
        Sum of the clips.
    unknown : Mapping[str, int]
        Detections of each class that has no event in the reference.

    Example
    -------
    >>> counts = count_intersections(
    ...     {"a": [(1.0, 2.0, "dog")]},
    ...     {"a": [(1.2, 2.0, "dog"), (5.0, 6.0, "dog")]},
    ...     {"a": 10.0},
    ... )
    >>> counts.true, counts.false, counts.result.macro
    (array([1]), array([1]), 0.6666666666666666)
    """

    classes: tuple[str, ...]
    num_events: np.ndarray
    true: np.ndarray
    false: np.ndarray
    cross: np.ndarray
    seconds: np.ndarray
    total_seconds: float
    unknown: Mapping[str, int]

    @property
    def result(self) -> TableResult:
        """F-scores; psds_eval's macro average is that of found classes.

        It has no micro average. Ours counts detections of classes without
        events as false alarms, as those of sed_eval do.
        """
        per_class = {
            label: ClassCounts(int(events), int(true + false), int(true))
            for label, events, true, false in zip(
                self.classes,
                self.num_events,
                self.true,
                self.false,
                strict=True,
            )
        }
        found = [one.fscore for one in per_class.values() if one.num_right]
        per_class |= {
            label: ClassCounts(0, number, 0)
            for label, number in self.unknown.items()
        }
        unknown = sum(self.unknown.values())
        return TableResult(
            per_class,
            0,
            int((self.num_events - self.true).sum()),
            int(self.false.sum()) + unknown,
            {
                "f_measure_of_found_classes": (
                    sum(found) / len(found) if found else math.nan
                ),
                "detections_of_other_classes": unknown,
            },
        )


class _Columns:
    """A table as arrays, sorted by clip and time."""

    def __init__(
        self,
        table: Events,
        clips: Mapping[str, int],
        labels: Mapping[str, int],
    ):
        rows = sorted(
            (clips[clip], float(onset), float(offset), labels[label])
            for clip, spans in table.items()
            for onset, offset, label in _without_overlaps(spans)
            if label in labels
        )
        columns = zip(*rows, strict=True) if rows else ((), (), (), ())
        clip, onset, offset, label = columns
        self.clip = np.array(clip, np.int64)
        self.onset, self.offset = np.array(onset), np.array(offset)
        self.label = np.array(label, np.int64)
        self.seconds = self.offset - self.onset


def _without_overlaps(spans: Iterable[tuple[float, float, str]]):
    """Events of one label that overlap are one; what only touches is not."""
    last: dict[str, tuple[float, float]] = {}
    for onset, offset, label in sorted(spans):
        if offset <= onset:
            continue
        before = last.get(label)
        if before is not None and onset < before[1]:
            last[label] = before[0], max(before[1], offset)
            continue
        if before is not None:
            yield *before, label
        last[label] = onset, offset
    for label, span in last.items():
        yield *span, label


def count_intersections(
    reference: Events,
    detected: Events,
    durations: Mapping[str, float] | None = None,
    *,
    dtc_threshold: float = 0.5,
    gtc_threshold: float = 0.5,
    cttc_threshold: float = 0.3,
) -> IntersectionCounts:
    """Count what was found, and what was detected wrongly.

    Arguments
    ---------
    reference : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    detected : Mapping[str, list[tuple[float, float, str]]]
        The same of the detections. In both, events of one class that overlap
        are joined, and those without length left out.
    durations : Mapping[str, float], optional
        Seconds of the clips; a detection behind the end is none. Default:
        all count.
    dtc_threshold : float
        Share of a detection that must lie on events of its class.
    gtc_threshold : float
        Share of an event that such detections must cover.
    cttc_threshold : float
        Share of a false detection that must lie on events of another class
        for it to be a cross trigger.

    Returns
    -------
    IntersectionCounts

    Raises
    ------
    ValueError
        If a threshold is no share, or there is no event.

    Example
    -------
    >>> count_intersections(
    ...     {"a": [(0.0, 4.0, "dog"), (4.0, 8.0, "cat")]},
    ...     {"a": [(4.0, 8.0, "dog")]},
    ... ).cross
    array([[0, 0],
           [1, 0]])
    """
    for name, value in (
        ("dtc", dtc_threshold),
        ("gtc", gtc_threshold),
        ("cttc", cttc_threshold),
    ):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}: a share lies between 0 and 1")
    clips = {clip: at for at, clip in enumerate({**reference, **detected})}
    classes = sorted({e[2] for spans in reference.values() for e in spans})
    if not classes:
        raise ValueError("the reference has no event: nothing to evaluate")
    labels = {label: at for at, label in enumerate(classes)}
    true = _Columns(reference, clips, labels)
    found = _Columns(detected, clips, labels)

    low = np.searchsorted(true.clip, found.clip, "left")
    number = np.searchsorted(true.clip, found.clip, "right") - low
    at = np.repeat(np.arange(len(found.clip)), number)
    row = (
        low[at]
        + np.arange(len(at))
        - np.repeat(np.cumsum(number) - number, number)
    )
    common = np.minimum(found.offset[at], true.offset[row]) - np.maximum(
        found.onset[at], true.onset[row]
    )
    at, row, common = (each[common > 0] for each in (at, row, common))
    same = found.label[at] == true.label[row]
    share = common / found.seconds[at]

    on_class = np.bincount(at[same], share[same], minlength=len(found.clip))
    touches = np.bincount(at[same], minlength=len(found.clip)) > 0
    relevant = touches & (on_class >= dtc_threshold)
    counts = same & relevant[at]
    covered = np.bincount(
        row[counts], common[counts] / true.seconds[row[counts]],
        minlength=len(true.clip),
    )  # fmt: skip
    reached = np.bincount(row[counts], minlength=len(true.clip)) > 0
    hit = reached & (covered >= gtc_threshold)

    false = ~relevant
    if durations is not None:
        ends = np.array([durations[clip] for clip in clips], float)
        false &= (found.onset < ends[found.clip]) & (found.offset > 0)
    wrong = ~same & false[at]
    pair = at[wrong] * len(classes) + true.label[row[wrong]]
    on_other = np.bincount(
        pair, share[wrong], minlength=len(found.clip) * len(classes)
    ).reshape(-1, len(classes))
    seen = np.bincount(pair, minlength=on_other.size).reshape(on_other.shape)
    crosses = (seen > 0) & (on_other >= cttc_threshold)
    size = len(classes)
    return IntersectionCounts(
        classes=tuple(classes),
        num_events=np.bincount(true.label, minlength=size),
        true=np.bincount(true.label[hit], minlength=size),
        false=np.bincount(found.label[false], minlength=size),
        cross=np.array(
            [crosses[found.label == one].sum(0) for one in range(size)]
        ),
        seconds=np.bincount(true.label, true.seconds, minlength=size),
        total_seconds=float(sum((durations or {}).values())) or math.nan,
        unknown=Counter(
            label
            for clip, spans in detected.items()
            for onset, offset, label in _without_overlaps(spans)
            if label not in labels
            and (durations is None or (onset < durations[clip] and offset > 0))
        ),
    )


def psds_of_points(
    points: Sequence[IntersectionCounts],
    alpha_ct: float = 0.0,
    alpha_st: float = 0.0,
    max_efpr: float | None = 100.0,
) -> PsdsResult:
    """PSDS over the operating points of one detector.

    Arguments
    ---------
    points : Sequence[IntersectionCounts]
        One for each threshold, of the same clips and criteria.
    alpha_ct : float
        Weight of cross triggers.
    alpha_st : float
        Weight of the standard deviation between classes.
    max_efpr : float | None
        False positives per hour up to which the curve counts; None: up to
        the greatest of any point.

    Returns
    -------
    PsdsResult

    Raises
    ------
    ValueError
        If there is no point, or one without durations.

    Example
    -------
    >>> truth, durations = {"a": [(0.0, 5.0, "dog")]}, {"a": 3600.0}
    >>> points = [
    ...     count_intersections(truth, {"a": some}, durations)
    ...     for some in ([], [(0.0, 5.0, "dog"), (9.0, 10.0, "dog")])
    ... ]
    >>> psds_of_points(points, max_efpr=10.0).psds
    0.9
    """
    if not points:
        raise ValueError("no operating point: give tables of detections")
    first = points[0]
    if math.isnan(first.total_seconds):
        raise ValueError(
            "PSDS counts false alarms per hour: give the durations of the clips"
        )
    per_hour = 3600.0 / first.total_seconds
    others = max(len(first.classes) - 1, 1)
    curves = {}
    for index, label in enumerate(first.classes):
        rates, found = [0.0], [0.0]
        for point in points:
            crossed = sum(
                point.cross[index, other] * 3600.0 / point.seconds[other]
                for other in range(len(first.classes))
                if other != index
            )
            rates.append(
                point.false[index] * per_hour + alpha_ct * crossed / others
            )
            found.append(point.true[index] / point.num_events[index])
        order = np.lexsort((found, rates))
        rate, true = np.array(rates)[order], np.array(found)[order]
        true = np.maximum.accumulate(true)
        last = np.append(rate[1:] != rate[:-1], True)
        kept = last if max_efpr is None else last & (rate <= max_efpr)
        curves[label] = true[kept], rate[kept]
    return PsdsResult.from_curves(
        curves,
        dict(zip(first.classes, map(int, first.num_events), strict=True)),
        {
            "alpha_ct": alpha_ct,
            "alpha_st": alpha_st,
            "max_efpr": max_efpr,
            "points": len(points),
        },
    )
