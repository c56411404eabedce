"""Event-based and segment-based F-scores, by way of sed_scores_eval.

Mesaros, Heittola, Virtanen, "Metrics for polyphonic sound event detection",
Applied Sciences 2016, https://doi.org/10.3390/app6060162.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sed_scores_eval import collar_based, segment_based

from speechbrain_opensed.metrics.inputs import Events, Scores, SedInputs
from speechbrain_opensed.metrics.psds.reference import (
    column_names,
    named_events,
    score_frames,
)
from speechbrain_opensed.metrics.tables import event_based

__all__ = ["DetectionResult", "event_fscore", "segment_fscore"]


@dataclass(frozen=True)
class DetectionResult:
    """F-scores at one threshold per class.

    Arguments
    ---------
    macro : float
        Mean of the classes' F-scores.
    micro : float
        F-score of the counts summed over the classes. Detections of classes
        without events are false alarms in it, as in sed_eval, where these
        have a threshold; one that is searched for lies above all scores.
    per_class : dict[str, tuple[float, float, float]]
        F-score, precision and recall of each class.
    thresholds : dict[str, float]
        A class is detected where its score is greater than this.
    skipped_classes : tuple[str, ...]
        Classes left out of the macro average because they have no event.
    onset_error : float
        Mean distance of the onsets of found events in seconds; of event-based
        scores, nan where nothing is found.
    offset_error : float
        The same of offsets.

    Example
    -------
    >>> DetectionResult(1.0, 1.0, {"dog": (1.0, 1.0, 1.0)}, {"dog": 0.5}).macro
    1.0
    """

    macro: float
    micro: float
    per_class: dict[str, tuple[float, float, float]]
    thresholds: dict[str, float]
    skipped_classes: tuple[str, ...] = ()
    onset_error: float = math.nan
    offset_error: float = math.nan


def event_fscore(
    scores: Scores,
    ground_truth: Events,
    classes: Sequence[str],
    hop_seconds: float,
    *,
    thresholds: float | Mapping[str, float] | None = None,
    onset_collar: float = 0.2,
    offset_collar: float = 0.2,
    offset_collar_rate: float = 0.2,
) -> DetectionResult:
    """F-score of whole events whose borders lie within a collar.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, classes]` of each clip, compared as float32.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    classes : Sequence[str]
        What the columns of the scores stand for. Those without a single
        event are reported and left out.
    hop_seconds : float
        Duration of a frame.
    thresholds : float | Mapping[str, float] | None
        One for all, or one per class; None finds the best of each class,
        which is for choosing thresholds on validation data.
    onset_collar : float
        Seconds by which the onset may be off.
    offset_collar : float
        Seconds by which the offset may be off,
    offset_collar_rate : float
        or this share of the event's length, whichever is longer.

    Returns
    -------
    DetectionResult

    Example
    -------
    >>> scores = {"a": np.zeros((10, 1))}
    >>> scores["a"][2:5] = 0.8
    >>> found = event_fscore(scores, {"a": [(2, 5, "dog")]}, ["dog"], 1.0)
    >>> found.macro, round(found.thresholds["dog"], 6)
    (1.0, 0.4)
    """
    inputs = SedInputs.check(
        scores, ground_truth, classes, hop_seconds=hop_seconds
    )
    collars = {
        "onset_collar": onset_collar,
        "offset_collar": offset_collar,
        "offset_collar_rate": offset_collar_rate,
    }
    result = _fscore(
        collar_based, inputs, classes, hop_seconds, thresholds, **collars
    )
    found = event_based(
        {
            clip: [(on, off, inputs.classes[at]) for on, off, at in events]
            for clip, events in inputs.events.items()
        },
        _detections(inputs, hop_seconds, result.thresholds),
        onset_collar,
        offset_collar=offset_collar,
        offset_collar_rate=offset_collar_rate,
    )
    return replace(
        result,
        onset_error=found.more["onset_error"],
        offset_error=found.more["offset_error"],
    )


def segment_fscore(
    scores: Scores,
    ground_truth: Events,
    durations: Mapping[str, float],
    classes: Sequence[str],
    hop_seconds: float,
    *,
    thresholds: float | Mapping[str, float] | None = None,
    segment_length: float = 1.0,
) -> DetectionResult:
    """F-score of the activity in segments of fixed length.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, classes]` of each clip, compared as float32.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    durations : Mapping[str, float]
        Seconds, for at least these clips.
    classes : Sequence[str]
        What the columns of the scores stand for. Those without a single
        event are reported and left out.
    hop_seconds : float
        Duration of a frame.
    thresholds : float | Mapping[str, float] | None
        One for all, or one per class; None finds the best of each class,
        which is for choosing thresholds on validation data.
    segment_length : float
        Seconds.

    Returns
    -------
    DetectionResult

    Example
    -------
    >>> scores = {"a": np.zeros((10, 1))}
    >>> scores["a"][2:6] = 0.8
    >>> events = {"a": [(2.0, 5.0, "dog")]}
    >>> found = segment_fscore(
    ...     scores, events, {"a": 10.0}, ["dog"], 1.0, thresholds=0.5
    ... )
    >>> found.per_class["dog"]
    (0.8571428571428571, 0.75, 1.0)
    """
    inputs = SedInputs.check(
        scores,
        ground_truth,
        classes,
        hop_seconds=hop_seconds,
        durations=durations,
    )
    return _fscore(
        segment_based,
        inputs,
        classes,
        hop_seconds,
        thresholds,
        audio_durations=inputs.seconds(durations),
        segment_length=segment_length,
    )


def _fscore(criterion, inputs, classes, hop_seconds, thresholds, **settings):
    """Ask one of the packages of sed_scores_eval."""
    arrays = {clip: np.float32(inputs.array(clip)) for clip in inputs.clips}
    columns = dict(
        zip(inputs.classes, column_names(len(inputs.classes)), strict=True)
    )
    settings |= {
        "scores": score_frames(arrays, hop_seconds),
        "ground_truth": named_events(inputs.events),
    }
    false_alarms = 0
    if thresholds is None:
        *measures, best, counts = criterion.best_fscore(**settings)
        thresholds = {
            label: float(best[column]) for label, column in columns.items()
        }
    else:
        thresholds = _per_class(
            thresholds, inputs.classes, inputs.skipped_classes
        )
        asked = {
            columns[label]: float(np.float32(threshold))
            for label, threshold in thresholds.items()
            if label in columns
        }
        *measures, counts = criterion.fscore(threshold=asked, **settings)
        false_alarms = sum(
            _false_alarms(
                {clip: inputs.scores[clip] for clip in inputs.clips},
                list(classes).index(label),
                thresholds[label],
                hop_seconds,
                settings,
            )
            for label in inputs.skipped_classes
            if label in thresholds
        )
    return DetectionResult(
        macro=float(measures[0]["macro_average"]),
        micro=_micro([counts[name] for name in columns.values()], false_alarms),
        per_class={
            label: tuple(float(of_class[column]) for of_class in measures)
            for label, column in columns.items()
        },
        thresholds=thresholds,
        skipped_classes=inputs.skipped_classes,
    )


def _detections(inputs, hop_seconds, thresholds):
    """What lies above the thresholds, by clip."""
    levels = np.float32([thresholds[label] for label in inputs.classes])
    found: dict[str, list[tuple[float, float, str]]] = {}
    for clip in inputs.clips:
        active = np.float32(inputs.array(clip)).T > levels[:, None]
        edges = np.diff(active, prepend=0, append=0, axis=1)
        found[clip] = [
            (begin * hop_seconds, end * hop_seconds, label)
            for label, of_class in zip(inputs.classes, edges, strict=True)
            for begin, end in np.flatnonzero(of_class).reshape(-1, 2)
        ]
    return found


def _micro(counts, false_alarms):
    """F-score of summed counts."""
    right = sum(of_class["tps"] for of_class in counts)
    found = right + sum(of_class["fps"] for of_class in counts) + false_alarms
    wanted = sum(of_class["n_ref"] for of_class in counts)
    return float(2 * right / (found + wanted))


def _false_alarms(scores, column, threshold, hop_seconds, settings):
    """Detections, or detected segments, of a class that never occurs."""
    number = 0
    for clip in scores:
        track = np.float32(np.asarray(scores[clip])[:, column])
        edges = np.diff(track > np.float32(threshold), prepend=0, append=0)
        begin, end = np.flatnonzero(edges).reshape(-1, 2).T
        if "segment_length" not in settings:
            number += len(begin)
            continue
        frame = hop_seconds / settings["segment_length"]
        first = np.floor(np.round(begin * frame, 6)).astype(int)
        stop = np.ceil(np.round(end * frame, 6)).astype(int)
        length = settings["audio_durations"][clip] / settings["segment_length"]
        active = np.zeros(max(1, math.ceil(round(length, 6))), bool)
        for low, high in zip(first, stop, strict=True):
            active[low:high] = True
        number += int(active.sum())
    return number


def _per_class(thresholds, classes, skipped):
    """One threshold for each class, at least of those with events."""
    if not isinstance(thresholds, Mapping):
        return dict.fromkeys((*classes, *skipped), float(thresholds))
    for label in classes:
        if label not in thresholds:
            raise ValueError(
                f"there is no threshold for class {label!r}: give one for "
                "each class, or one number for all"
            )
    return {
        label: float(thresholds[label])
        for label in (*classes, *skipped)
        if label in thresholds
    }
