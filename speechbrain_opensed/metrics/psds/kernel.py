"""Exact PSD-ROC curves of many classes in plain numpy, one class at a time.

The counts of true and false positives at *every* threshold follow from how
they change where a threshold passes a score (Ebbers, Serizel, Haeb-Umbach,
"Threshold independent evaluation of sound event detection scores", ICASSP
2022, https://arxiv.org/abs/2201.13148). Three things make that quick here:

- In a clip without an event of the class every detection is false, so only
  the local maxima (a detection appears) and minima (two merge) count.
- In the others a detection is a *peak* of the score track: an interval which
  lives from its own level down to the level of the peak that swallows it. A
  track of T frames has at most T of them, whatever the number of thresholds.
- A clip without an event whose highest score is above a threshold holds at
  least one false positive. Where such clips alone exceed the greatest rate
  that counts, all lower thresholds are off the curve, and the frames that
  only they reach are never looked at.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from speechbrain_opensed.metrics.psds.cross import OtherEvents, cross_changes
from speechbrain_opensed.metrics.psds.events import ClassEvents, Criteria
from speechbrain_opensed.metrics.psds.peaks import (
    Clips,
    find_peaks,
    ragged,
    reaches,
)

__all__ = [
    "Curve",
    "area",
    "count_curves",
    "mean_curve",
]

# Heights of a staircase, and where along the axis they begin.
Curve = tuple[np.ndarray, np.ndarray]


# About how many pairs of a frame and an event are held at a time.
_MAX_PAIRS = 1 << 20
# About how many points of a curve are averaged over the classes at a time.
_MAX_POINTS = 1 << 12
# Share of the greatest cost of cross triggers below which it is a trace.
_TRACE = 1e-12


class _Changes(NamedTuple):
    """By how much the counts change when the threshold passes a level."""

    level: np.ndarray
    true: np.ndarray
    false: np.ndarray


def count_curves(
    tracks: np.ndarray,
    lengths: np.ndarray,
    hop_seconds: float,
    events: list[ClassEvents],
    criteria: Criteria,
    cross: Sequence[OtherEvents | None] | None = None,
) -> list[Curve]:
    """Follow true against false positives over all thresholds.

    Arguments
    ---------
    tracks : np.ndarray
        Scores `[classes, frames]`, the clips one after another.
    lengths : np.ndarray
        Frames of each clip, `[clips]`, at least 1 each.
    hop_seconds : float
        Duration of a frame.
    events : list[ClassEvents]
        The events of each class, at least one each.
    criteria : Criteria
        The settings.
    cross : list[OtherEvents], optional
        For each class what the others have, where cross triggers count.

    Returns
    -------
    list[tuple[np.ndarray, np.ndarray]]
        For each class the corners of its staircase: numbers of true and of
        false positives, both ascending, from no false positive on; with
        cross triggers what these cost is added to the latter.

    Example
    -------
    >>> events = ClassEvents(np.array([0]), np.array([0.0]), np.array([2.0]))
    >>> tracks = np.array([[0.9, 0.9, 0.1, 0.0, 0.5, 0.0]])
    >>> criteria = Criteria(0.7, 0.7, max_false=5)
    >>> count_curves(tracks, np.array([3, 3]), 1.0, [events], criteria)
    [(array([1]), array([0]))]
    """
    clips = Clips.of(lengths, hop_seconds)
    return [
        _count_curve(track, clips, of_class, criteria, others)
        for track, of_class, others in zip(
            tracks, events, cross or [None] * len(events), strict=True
        )
    ]


def _count_curve(track, clips, events, criteria, others):
    """Corners of the staircase of one class."""
    has_event = np.zeros(len(clips.lengths), bool)
    has_event[events.clip] = True
    targeted = has_event[clips.of_frame]
    floor = _floor(track, clips, ~has_event, criteria.max_false)
    changes = [_changes_without_events(track, clips, targeted, floor)]
    for part in _parts(clips, events):
        changes.append(
            _changes_with_events(track, clips, part, floor, criteria)
        )
    together = map(np.concatenate, zip(*changes, strict=True))
    if others is None:
        return _staircase(*together)
    costs = cross_changes(track, clips, events, others, floor, criteria)
    return _staircase(*together, *costs)


def _floor(track, clips, eventless, max_false):
    """The score at and below which thresholds are off the curve."""
    if max_false is None:
        return -np.inf
    peaks = np.maximum.reduceat(track, clips.starts)[eventless]
    if len(peaks) <= max_false:
        return -np.inf
    rank = len(peaks) - 1 - max_false
    return np.partition(peaks, rank)[rank]


def _changes_without_events(track, clips, targeted, floor):
    """Changes in the clips where every detection is false."""
    rises = np.zeros(len(track) + 1, bool)
    np.greater(track[1:], track[:-1], out=rises[1:-1])
    rises[clips.starts] = False
    merges = rises[1:]
    appears = rises[:-1].copy()
    appears[clips.starts] = True
    changed = (appears != merges) & (track > floor) & ~targeted
    frame = np.flatnonzero(changed)
    false = np.where(appears[frame], 1, -1)
    return _Changes(track[frame], np.zeros_like(false), false)


def _parts(clips, events):
    """Cut the events between clips into parts of about `_MAX_PAIRS`."""
    pairs = np.cumsum(clips.lengths[events.clip])
    first_of_clip = np.searchsorted(events.clip, events.clip)
    part = pairs[first_of_clip] // _MAX_PAIRS
    cuts = np.flatnonzero(np.diff(part)) + 1
    return map(ClassEvents, *(np.split(values, cuts) for values in events))


def _changes_with_events(track, clips, events, floor, criteria):
    """Changes in the clips that hold events of the class."""
    members, first_event, event_owner, num_events = np.unique(
        events.clip, return_index=True, return_inverse=True, return_counts=True
    )
    peaks = find_peaks(track, clips, members, floor)
    owner, level, swallowed_at, onset, offset, summit = peaks
    summit = summit[event_owner]
    peak, event = ragged(num_events[owner])
    event += first_event[owner][peak]
    overlap = np.minimum(offset[peak], events.offset[event])
    overlap -= np.maximum(onset[peak], events.onset[event])
    np.maximum(overlap, 0.0, out=overlap)
    on_events = np.bincount(peak, overlap, minlength=len(level))
    relevant = reaches(on_events, criteria.dtc_threshold * (offset - onset))

    counts = relevant[peak] & (overlap > 0)
    peak, event, overlap = peak[counts], event[counts], overlap[counts]
    everyone = np.arange(len(events.clip))
    found = _changes_of_found(
        np.concatenate([everyone, event, event]),
        np.concatenate([summit, level[peak], swallowed_at[peak]]),
        np.concatenate([np.zeros(len(everyone)), overlap, -overlap]),
        criteria.gtc_threshold * (events.offset - events.onset),
    )
    wrong = ~relevant
    merged = wrong & (swallowed_at > -np.inf)
    levels = found.level, level[wrong], swallowed_at[merged]
    false = np.repeat([0, 1, -1], [len(kind) for kind in levels])
    true = np.zeros_like(false)
    true[: len(found.true)] = found.true
    return _Changes(np.concatenate(levels), true, false)


def _changes_of_found(event, level, gain, needed):
    """Levels at which events become found, or lost again.

    `gain` is by how many seconds the detections that count cover the event
    more when the threshold passes `level`.
    """
    order = np.lexsort((-level, event))
    event, level = event[order], level[order]
    new_event = np.diff(event, prepend=-1) > 0
    first = np.flatnonzero(new_event)
    covered = np.cumsum(gain[order])
    covered -= np.concatenate([[0.0], covered[first[1:] - 1]])[event]
    last = np.append((np.diff(event) > 0) | (level[1:] != level[:-1]), True)
    last &= level > -np.inf
    event, level, covered = event[last], level[last], covered[last]
    found = reaches(covered, needed[event]).astype(np.int64)
    true = np.diff(found, prepend=0)
    new_event = np.diff(event, prepend=-1) > 0
    true[new_event] = found[new_event]
    return _Changes(level[true != 0], true[true != 0], None)


def _staircase(level, true, false, cost_level=None, cost=None):
    """Best number of true positives for each number of false ones."""
    if cost is not None:
        nothing = np.zeros(len(cost), np.int64)
        cost = np.append(np.zeros(len(level)), cost)
        level = np.append(level, cost_level)
        true, false = np.append(true, nothing), np.append(false, nothing)
    order = np.argsort(level)[::-1]
    level = level[order]
    last = np.append(level[1:] != level[:-1], True)[: len(level)]
    true = np.append(0, np.cumsum(true[order])[last])
    false = np.append(0, np.cumsum(false[order])[last])
    if cost is not None:
        # Sums of what comes and goes leave traces where nothing is left.
        costs = np.append(0.0, np.cumsum(cost[order])[last])
        false = false + np.where(costs < _TRACE * costs.max(), 0.0, costs)
    order = np.lexsort((true, false))
    true, false = true[order], false[order]
    gained = np.append(True, true[1:] > np.maximum.accumulate(true)[:-1])
    true, false = true[gained], false[gained]
    best = np.append(false[1:] != false[:-1], True)
    return true[best], false[best]


def mean_curve(curves: list[Curve], alpha_st: float) -> Curve:
    """Mean of the classes' staircases, less ``alpha_st`` standard deviations.

    Arguments
    ---------
    curves : list[tuple[np.ndarray, np.ndarray]]
        True positive rate and false positives per hour of each class.
    alpha_st : float
        Weight of the deviation between the classes.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Effective true positive rate, not below 0, and false positives per
        hour.

    Example
    -------
    >>> curves = [
    ...     (np.array([0.0, 1.0]), np.array([0.0, 2.0])),
    ...     (np.array([0.5]), np.array([0.0])),
    ... ]
    >>> mean_curve(curves, 0.0)
    (array([0.25, 0.75]), array([0., 2.]))
    """
    grid = np.unique(np.concatenate([rate for _, rate in curves]))
    parts = []
    for part in np.split(grid, range(_MAX_POINTS, len(grid), _MAX_POINTS)):
        true = np.stack(
            [
                found[np.searchsorted(rate, part, side="right") - 1]
                for found, rate in curves
            ]
        )
        parts.append(true.mean(axis=0) - alpha_st * true.std(axis=0))
    return np.maximum(np.concatenate(parts), 0.0), grid


def area(true: np.ndarray, rate: np.ndarray, max_rate: float) -> float:
    """Area below a staircase up to ``max_rate``, divided by ``max_rate``.

    Arguments
    ---------
    true : np.ndarray
        True positive rate at each corner.
    rate : np.ndarray
        False positives per hour at each corner, ascending from 0.
    max_rate : float
        Where to stop; at 0 the height of the staircase there is returned.

    Returns
    -------
    float

    Example
    -------
    >>> area(np.array([0.5, 1.0]), np.array([0.0, 50.0]), 100.0)
    0.75
    """
    kept = rate <= max_rate
    if max_rate == 0:
        return float(true[kept][-1])
    widths = np.diff(rate[kept], append=max_rate)
    return float(np.sum(true[kept] * widths) / max_rate)
