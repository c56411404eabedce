"""Peaks of score tracks: the detections of all thresholds at once.

A detection is an interval which lives from its own level down to the level of
the peak that swallows it, see :mod:`speechbrain_opensed.metrics.psds.kernel`.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Clips", "Peaks", "find_peaks", "ragged", "reaches"]

# sed_scores_eval compares durations rounded to microseconds.
_DECIMALS = 6


class Clips(NamedTuple):
    """Where the clips lie on a track that holds them one after another.

    Arguments
    ---------
    starts : np.ndarray
        First frame of each clip, `[clips]`.
    lengths : np.ndarray
        Frames of each clip, `[clips]`.
    of_frame : np.ndarray
        Clip of each frame, `[frames]`.
    times : np.ndarray
        Borders of the frames of the longest clip in seconds.

    Example
    -------
    >>> Clips.of(np.array([2, 1]), 0.5).of_frame
    array([0, 0, 1], dtype=int32)
    """

    starts: np.ndarray
    lengths: np.ndarray
    of_frame: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, hop_seconds: float) -> "Clips":
        """From the number of frames of each clip.

        Arguments
        ---------
        lengths : np.ndarray
            `[clips]`.
        hop_seconds : float
            Duration of a frame.

        Returns
        -------
        Clips
        """
        owners = np.arange(len(lengths), dtype=np.int32)
        return cls(
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
            of_frame=np.repeat(owners, lengths),
            times=np.arange(lengths.max() + 1) * hop_seconds,
        )


class Peaks(NamedTuple):
    """Detections that some threshold makes.

    Arguments
    ---------
    owner : np.ndarray
        Index of the clip among those that were asked for, `[peaks]`.
    level : np.ndarray
        Score at which a detection appears, `[peaks]`.
    swallowed_at : np.ndarray
        Score at which it becomes part of a longer one, `[peaks]`.
    onset : np.ndarray
        Seconds, `[peaks]`.
    offset : np.ndarray
        Seconds, `[peaks]`.
    summit : np.ndarray
        Highest score of each clip, `[clips]`.

    Example
    -------
    >>> track = np.array([0.1, 0.9, 0.2])
    >>> clips = Clips.of(np.array([3]), 1.0)
    >>> find_peaks(track, clips, np.array([0]), -np.inf).onset
    array([0., 1., 1.])
    """

    owner: np.ndarray
    level: np.ndarray
    swallowed_at: np.ndarray
    onset: np.ndarray
    offset: np.ndarray
    summit: np.ndarray


def find_peaks(
    track: np.ndarray, clips: Clips, members: np.ndarray, floor: float
) -> Peaks:
    """All detections in some clips.

    Arguments
    ---------
    track : np.ndarray
        Scores of one class, `[frames]`.
    clips : Clips
        The clips of the track.
    members : np.ndarray
        Indices of the clips to look at.
    floor : float
        The score at and below which nothing is looked at.

    Returns
    -------
    Peaks

    Example
    -------
    >>> clips = Clips.of(np.array([3]), 1.0)
    >>> peaks = find_peaks(np.array([0.1, 0.9, 0.2]), clips, np.array([0]), 0.1)
    >>> peaks.level, peaks.offset - peaks.onset
    (array([0.9, 0.2]), array([1., 2.]))
    """
    # Frames of these clips, with -inf before, between and after them, so that
    # no peak crosses the border of a clip.
    lengths = clips.lengths[members]
    starts = np.cumsum(lengths + 1) - lengths
    owner, frame = ragged(lengths)
    values = track[clips.starts[members][owner] + frame]
    above = values > floor
    owner, frame, values = owner[above], frame[above], values[above]
    padded = np.full(starts[-1] + lengths[-1] + 1, -np.inf, track.dtype)
    padded[starts[owner] + frame] = values

    slots = starts[owner] + frame
    chosen, left, right = _intervals(padded, slots, lengths.max())
    owner = owner[chosen]
    return Peaks(
        owner=owner,
        level=values[chosen],
        swallowed_at=np.maximum(padded[left - 1], padded[right]),
        onset=clips.times[left - starts[owner]],
        offset=clips.times[right - starts[owner]],
        summit=np.maximum.reduceat(padded, starts),
    )


def _intervals(padded, slots, reach):
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


def reaches(seconds: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Whether durations are at least as long, to the microsecond.

    Arguments
    ---------
    seconds : np.ndarray
        Durations.
    needed : np.ndarray
        How long they should be.

    Returns
    -------
    np.ndarray
        Of bool.

    Example
    -------
    >>> reaches(np.array([0.1 + 0.2, 0.2]), np.array([0.3, 0.3]))
    array([ True, False])
    """
    return np.round(seconds, _DECIMALS) >= np.round(needed, _DECIMALS)


def ragged(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Owner and position within the owner of each of ``counts`` items.

    Arguments
    ---------
    counts : np.ndarray
        How many items each owner has, `[owners]`.

    Returns
    -------
    owner : np.ndarray
        `[items]`.
    position : np.ndarray
        `[items]`.

    Example
    -------
    >>> ragged(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner]
