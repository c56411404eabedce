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

from typing import NamedTuple

import numpy as np

__all__ = [
    "ClassEvents",
    "Criteria",
    "Curve",
    "area",
    "count_curves",
    "mean_curve",
]

# Heights of a staircase, and where along the axis they begin.
Curve = tuple[np.ndarray, np.ndarray]


# sed_scores_eval compares durations rounded to microseconds.
_DECIMALS = 6
# About how many pairs of a frame and an event are held at a time.
_MAX_PAIRS = 1 << 20
# About how many points of a curve are averaged over the classes at a time.
_MAX_POINTS = 1 << 12


class ClassEvents(NamedTuple):
    """The events of one class, sorted by clip.

    Arguments
    ---------
    clip : np.ndarray
        Index of each event's clip, `[events]`.
    onset : np.ndarray
        Seconds, `[events]`.
    offset : np.ndarray
        Seconds, `[events]`.

    Example
    -------
    >>> ClassEvents(np.array([0]), np.array([0.5]), np.array([1.5])).clip
    array([0])
    """

    clip: np.ndarray
    onset: np.ndarray
    offset: np.ndarray


class Criteria(NamedTuple):
    """What counts as found, and how far the curve is followed.

    Arguments
    ---------
    dtc_threshold : float
        Share of a detection that must lie on events of its class.
    gtc_threshold : float
        Share of an event that such detections must cover.
    max_false : int | None
        False positives beyond which the curve is of no interest.

    Example
    -------
    >>> Criteria(0.7, 0.7, 139).max_false
    139
    """

    dtc_threshold: float
    gtc_threshold: float
    max_false: int | None


class _Clips(NamedTuple):
    """Where the clips lie on a track that holds them one after another."""

    starts: np.ndarray
    lengths: np.ndarray
    of_frame: np.ndarray
    times: np.ndarray


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

    Returns
    -------
    list[tuple[np.ndarray, np.ndarray]]
        For each class the corners of its staircase: numbers of true and of
        false positives, both ascending, from no false positive on.

    Example
    -------
    >>> events = ClassEvents(np.array([0]), np.array([0.0]), np.array([2.0]))
    >>> tracks = np.array([[0.9, 0.9, 0.1, 0.0, 0.5, 0.0]])
    >>> criteria = Criteria(0.7, 0.7, max_false=5)
    >>> count_curves(tracks, np.array([3, 3]), 1.0, [events], criteria)
    [(array([1]), array([0]))]
    """
    ends = np.cumsum(lengths)
    clips = _Clips(
        starts=ends - lengths,
        lengths=lengths,
        of_frame=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        times=np.arange(lengths.max() + 1) * hop_seconds,
    )
    return [
        _count_curve(track, clips, of_class, criteria)
        for track, of_class in zip(tracks, events, strict=True)
    ]


def _count_curve(track, clips, events, criteria):
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
    return _staircase(*map(np.concatenate, zip(*changes, strict=True)))


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
    # Frames of these clips, with -inf before, between and after them, so that
    # no peak crosses the border of a clip.
    lengths = clips.lengths[members]
    starts = np.cumsum(lengths + 1) - lengths
    owner, frame = _ragged(lengths)
    values = track[clips.starts[members][owner] + frame]
    above = values > floor
    owner, frame, values = owner[above], frame[above], values[above]
    padded = np.full(starts[-1] + lengths[-1] + 1, -np.inf, track.dtype)
    padded[starts[owner] + frame] = values
    summit = np.maximum.reduceat(padded, starts)[event_owner]

    slots = starts[owner] + frame
    chosen, left, right = _peaks(padded, slots, lengths.max())
    owner, level = owner[chosen], values[chosen]
    swallowed_at = np.maximum(padded[left - 1], padded[right])
    onset = clips.times[left - starts[owner]]
    offset = clips.times[right - starts[owner]]

    peak, event = _ragged(num_events[owner])
    event += first_event[owner][peak]
    overlap = np.minimum(offset[peak], events.offset[event])
    overlap -= np.maximum(onset[peak], events.onset[event])
    np.maximum(overlap, 0.0, out=overlap)
    on_events = np.bincount(peak, overlap, minlength=len(level))
    relevant = _reaches(on_events, criteria.dtc_threshold * (offset - onset))

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


def _peaks(padded, slots, reach):
    """All intervals in which the score stays at or above one of its values.

    Returns which of the slots stand for a peak (the leftmost of those on its
    level), its first slot and the slot behind its last.
    """
    # lowest[k][i] is the minimum of the 2**k values from i on.
    lowest = [padded]
    while 2 ** len(lowest) <= reach:
        step = 2 ** (len(lowest) - 1)
        wider = np.full_like(padded, -np.inf)
        np.minimum(lowest[-1][:-step], lowest[-1][step:], out=wider[:-step])
        lowest.append(wider)

    value = padded[slots]
    before = slots - 1
    for k in reversed(range(len(lowest))):
        window = np.maximum(before - 2**k + 1, 0)
        before -= (lowest[k][window] > value).astype(np.int64) << k
    chosen = np.flatnonzero(padded[before] < value)

    value = value[chosen]
    right = slots[chosen] + 1
    for k in reversed(range(len(lowest))):
        right += (lowest[k][right] >= value).astype(np.int64) << k
    return chosen, before[chosen] + 1, right


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
    found = _reaches(covered, needed[event]).astype(np.int64)
    true = np.diff(found, prepend=0)
    new_event = np.diff(event, prepend=-1) > 0
    true[new_event] = found[new_event]
    return _Changes(level[true != 0], true[true != 0], None)


def _staircase(level, true, false):
    """Best number of true positives for each number of false ones."""
    order = np.argsort(level)[::-1]
    level = level[order]
    last = np.append(level[1:] != level[:-1], True)[: len(level)]
    true = np.append(0, np.cumsum(true[order])[last])
    false = np.append(0, np.cumsum(false[order])[last])
    order = np.lexsort((true, false))
    true, false = true[order], false[order]
    gained = np.append(True, true[1:] > np.maximum.accumulate(true)[:-1])
    true, false = true[gained], false[gained]
    best = np.append(false[1:] != false[:-1], True)
    return true[best], false[best]


def _reaches(seconds, needed):
    """Whether durations are at least as long, to the microsecond."""
    return np.round(seconds, _DECIMALS) >= np.round(needed, _DECIMALS)


def _ragged(counts):
    """Owner and position within the owner of each of ``counts`` items."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner]


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
