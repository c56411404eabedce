"""What cross triggers cost at every threshold.

A cross trigger is a false detection that lies on events of another class.
Bilen et al., ICASSP 2020, https://arxiv.org/abs/1910.08440, add their rate, per
second of the other class and averaged over the other classes, to the rate of
false positives, weighted with alpha_ct.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from speechbrain_opensed.metrics.psds.events import ClassEvents, Criteria
from speechbrain_opensed.metrics.psds.peaks import (
    Clips,
    find_peaks,
    ragged,
    reaches,
)

__all__ = ["OtherEvents", "cross_changes", "other_events"]

# About how many pairs of a frame and an event are held at a time.
_MAX_PAIRS = 1 << 20


class OtherEvents(NamedTuple):
    """The events of all classes but one, sorted by clip.

    Arguments
    ---------
    clip : np.ndarray
        Index of each event's clip, `[events]`.
    onset : np.ndarray
        Seconds, `[events]`.
    offset : np.ndarray
        Seconds, `[events]`.
    label : np.ndarray
        Index of each event's class, `[events]`.
    cost : np.ndarray
        False positives that a cross trigger of each class is worth,
        `[classes]`.

    Example
    -------
    >>> one = ClassEvents(np.array([0]), np.array([0.0]), np.array([2.0]))
    >>> other = ClassEvents(np.array([0]), np.array([5.0]), np.array([9.0]))
    >>> other_events([one, other], 0, 100.0, alpha_ct=0.5).cost
    array([25. , 12.5])
    """

    clip: np.ndarray
    onset: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    cost: np.ndarray


def other_events(
    events: Sequence[ClassEvents], index: int, seconds: float, alpha_ct: float
) -> OtherEvents:
    """The events that detections of one class may wrongly lie on.

    Arguments
    ---------
    events : Sequence[ClassEvents]
        Those of each class, at least two.
    index : int
        The class.
    seconds : float
        Duration of all clips.
    alpha_ct : float
        Weight of cross triggers.

    Returns
    -------
    OtherEvents

    Example
    -------
    >>> one = ClassEvents(np.array([0]), np.array([0.0]), np.array([2.0]))
    >>> other_events([one, one], 0, 100.0, alpha_ct=0.5).label
    array([1])
    """
    labels = np.repeat(np.arange(len(events)), [len(e.clip) for e in events])
    clip, onset, offset = map(np.concatenate, zip(*events, strict=True))
    lengths = [(one.offset - one.onset).sum() for one in events]
    others = labels != index
    order = np.flatnonzero(others)[np.argsort(clip[others], kind="stable")]
    return OtherEvents(
        clip[order],
        onset[order],
        offset[order],
        labels[order],
        alpha_ct * seconds / (len(events) - 1) / np.array(lengths),
    )


def cross_changes(
    track: np.ndarray,
    clips: Clips,
    events: ClassEvents,
    others: OtherEvents,
    floor: float,
    criteria: Criteria,
) -> tuple[np.ndarray, np.ndarray]:
    """By how much the cost changes where a threshold passes a score.

    Arguments
    ---------
    track : np.ndarray
        Scores of the class, `[frames]`.
    clips : Clips
        The clips of the track.
    events : ClassEvents
        Its own events.
    others : OtherEvents
        Those of the other classes.
    floor : float
        The score at and below which nothing is looked at.
    criteria : Criteria
        The settings.

    Returns
    -------
    level : np.ndarray
        Scores, `[changes]`.
    cost : np.ndarray
        In false positives, `[changes]`.

    Example
    -------
    >>> one = ClassEvents(np.array([0]), np.array([0.0]), np.array([1.0]))
    >>> other = ClassEvents(np.array([0]), np.array([2.0]), np.array([3.0]))
    >>> cross_changes(
    ...     np.array([0.1, 0.1, 0.9]),
    ...     Clips.of(np.array([3]), 1.0),
    ...     one,
    ...     other_events([one, other], 0, 3.0, alpha_ct=1.0),
    ...     -np.inf,
    ...     Criteria(0.7, 0.7, None, 0.5),
    ... )
    (array([0.9, 0.1]), array([ 3., -3.]))
    """
    found = [
        _of_part(track, clips, events, others, part, floor, criteria)
        for part in _parts(clips, others)
    ]
    if not found:
        return np.empty(0, track.dtype), np.empty(0)
    level, cost = zip(*found, strict=True)
    return np.concatenate(level), np.concatenate(cost)


def _parts(clips: Clips, others: OtherEvents) -> Iterator[slice]:
    """Cut the events between clips into parts of about `_MAX_PAIRS`."""
    pairs = np.cumsum(clips.lengths[others.clip])
    part = pairs[np.searchsorted(others.clip, others.clip)] // _MAX_PAIRS
    cuts = np.flatnonzero(np.diff(part)) + 1
    borders = [0, *cuts.tolist(), len(others.clip)]
    for first, last in zip(borders[:-1], borders[1:], strict=True):
        if last > first:
            yield slice(first, last)


def _of_part(track, clips, events, others, part, floor, criteria):
    members = np.unique(others.clip[part])
    peaks = find_peaks(track, clips, members, floor)
    length = peaks.offset - peaks.onset
    clip = members[peaks.owner]
    peak, event = _pairs(clip, events.clip)
    own = np.bincount(
        peak,
        _overlap(peaks, peak, events, event),
        minlength=len(clip),
    )
    has_own = np.bincount(peak, minlength=len(clip)) > 0
    wrong = ~(reaches(own, criteria.dtc_threshold * length) & has_own)

    rows = np.flatnonzero(wrong)
    peak, event = _pairs(clip[rows], others.clip)
    peak = rows[peak]
    overlap = _overlap(peaks, peak, others, event)
    if criteria.cttc_threshold > 0:
        kept = overlap > 0
        peak, event, overlap = peak[kept], event[kept], overlap[kept]
    keys = peak * len(others.cost) + others.label[event]
    keys, inverse = np.unique(keys, return_inverse=True)
    seconds = np.bincount(inverse, overlap, minlength=len(keys))
    peak, label = np.divmod(keys, len(others.cost))
    crosses = reaches(seconds, criteria.cttc_threshold * length[peak])
    peak, cost = peak[crosses], others.cost[label[crosses]]
    ends = peaks.swallowed_at[peak] > -np.inf
    return (
        np.append(peaks.level[peak], peaks.swallowed_at[peak][ends]),
        np.append(cost, -cost[ends]),
    )


def _pairs(clip, event_clip):
    """Every peak with every event of its clip."""
    first = np.searchsorted(event_clip, clip, "left")
    number = np.searchsorted(event_clip, clip, "right") - first
    peak, position = ragged(number)
    return peak, first[peak] + position


def _overlap(peaks, peak, events, event):
    common = np.minimum(peaks.offset[peak], events.offset[event])
    common -= np.maximum(peaks.onset[peak], events.onset[event])
    return np.maximum(common, 0.0)
