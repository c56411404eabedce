"""Whether scores, durations and events can be of the same clips.

A wrong hop or unit gives a number all the same, often 0 or 1: so they are
compared before anything is computed.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Mapping, Sequence

__all__ = ["clip_events", "compare_durations"]

logger = logging.getLogger(__name__)

# Frames and durations are read from files that round them.
_SLACK = 1e-3
_UNITS = {
    "milliseconds": 1000.0,
    "samples at 8 kHz": 8000.0,
    "samples at 16 kHz": 16000.0,
    "samples at 22.05 kHz": 22050.0,
    "samples at 32 kHz": 32000.0,
    "samples at 44.1 kHz": 44100.0,
    "samples at 48 kHz": 48000.0,
    "minutes": 1 / 60,
    "hours": 1 / 3600,
}


def compare_durations(
    frames: Mapping[str, int],
    durations: Mapping[str, float],
    hop_seconds: float,
) -> None:
    """Refuses durations that are not those of the frames.

    Arguments
    ---------
    frames : Mapping[str, int]
        Frames of each clip's scores.
    durations : Mapping[str, float]
        Seconds of these clips.
    hop_seconds : float
        Duration of a frame.

    Raises
    ------
    ValueError
        If they differ by more than a frame: the clip, and what the reason
        may be.

    Example
    -------
    >>> compare_durations({"a": 250}, {"a": 10.0}, 0.04)
    >>> compare_durations({"a": 250}, {"a": 10000.0}, 0.04)
    Traceback (most recent call last):
    ValueError: clip 'a': 250 frames of 0.04 s are 10 s, but its duration is ...
    """
    for clip, number in frames.items():
        seconds, given = number * hop_seconds, durations[clip]
        if abs(seconds - given) <= hop_seconds * (1 + _SLACK) + 1e-6:
            continue
        raise ValueError(
            f"clip {clip!r}: {number} frames of {hop_seconds:g} s are "
            f"{seconds:g} s, but its duration is {given:g}: "
            + _reason(given / seconds, number, given, hop_seconds)
        )


def _reason(ratio, number, given, hop_seconds):
    for unit, factor in _UNITS.items():
        if abs(ratio / factor - 1) < 0.02:
            return f"it looks like {unit}, give seconds"
    hop = given / number
    if 0.2 < ratio < 5:
        return (
            f"is the hop {hop:.6g} s, or are these the scores of another "
            "clip, cut or padded?"
        )
    return "give durations in seconds, and the hop of the scores"


def clip_events(
    events: Mapping[str, Sequence[tuple[float, float, str]]],
    durations: Mapping[str, float],
    hop_seconds: float,
) -> tuple[dict[str, list[tuple[float, float, str]]], int]:
    """Ends events with their clips.

    What lies behind a clip's end can be found by no detector. Annotators
    overshoot by a little: DESED's validation table has four events that end
    up to 0.115 s late. These are ended with the clip, counted and logged.

    Arguments
    ---------
    events : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of each clip's events.
    durations : Mapping[str, float]
        Seconds of these clips.
    hop_seconds : float
        Duration of a frame: an event that begins so much behind the end is
        left out, and counted.

    Returns
    -------
    dict[str, list[tuple[float, float, str]]]
        The events.
    int
        How many were changed.

    Raises
    ------
    ValueError
        If an event begins further behind its clip's end, or is longer than
        twice the clip.

    Example
    -------
    >>> clip_events({"a": [(9.6, 10.1, "dog")]}, {"a": 10.0}, 0.04)
    ({'a': [(9.6, 10.0, 'dog')]}, 1)
    """
    clipped, changed, latest = {}, 0, ("", 0.0)
    for clip, spans in events.items():
        end, kept = durations[clip], []
        for onset, offset, label in spans:
            if offset <= end + 1e-6:
                kept.append((onset, offset, label))
                continue
            if onset >= end + hop_seconds or offset > 2 * end + 1:
                raise ValueError(
                    f"clip {clip!r} lasts {end:g} s, but its event {label!r} "
                    f"goes from {onset:g} to {offset:g}: "
                    + _event_reason(onset, offset, end)
                )
            changed += 1
            latest = max(latest, (clip, offset - end), key=lambda x: x[1])
            if onset < end:
                kept.append((onset, end, label))
        clipped[clip] = kept
    if changed:
        logger.warning(
            "%d events end behind their clips, by up to %.3f s (%s): they "
            "are ended with the clip",
            changed,
            latest[1],
            latest[0],
        )
    return clipped, changed


def _event_reason(onset, offset, end):
    if offset <= 20 * end:
        return "are these the events of this clip, in seconds from its start?"
    if offset / 1000 <= end + 1:
        return "these look like milliseconds, give seconds"
    if offset / 8000 <= end + 1 and onset == round(onset):
        return "these look like samples, give seconds"
    return "are these the events of this clip, in seconds from its start?"
