"""From score tracks to events: thresholds, gaps, durations.

The steps bear the names of SpeechBrain's voice activity detector
(speechbrain.inference.VAD), with events in place of segments.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
import numbers
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = [
    "SoundEvent",
    "apply_threshold",
    "check_phrases",
    "check_seconds",
    "check_threshold",
    "clean_phrase",
    "end_within",
    "get_events",
    "merge_close_events",
    "remove_short_events",
]


@dataclass(frozen=True)
class SoundEvent:
    """One event; sorted by onset, then offset, then phrase.

    Arguments
    ---------
    onset, offset : float
        Start and end in seconds.
    phrase : str
        The query that found it.
    score : float
        The highest score within it, between 0 and 1.

    Example
    -------
    >>> SoundEvent("dog barking", onset=0.4, offset=1.0, score=0.9).duration
    0.6
    """

    phrase: str
    onset: float
    offset: float
    score: float

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.offset - self.onset

    def __lt__(self, other: "SoundEvent") -> bool:
        def place(event: SoundEvent) -> tuple[float, float, str]:
            return event.onset, event.offset, event.phrase

        return place(self) < place(other)


def _in_time_order(events):
    return sorted(events, key=lambda e: (e.onset, e.offset, e.phrase))


# Joiners are part of words and emoji; marks of direction and order are not.
_JOINERS = "\u200c\u200d"
_MARKS = dict.fromkeys(map(ord, "\ufeff\u200e\u200f\u200b\u2060"))


_LONGEST_FILTER = 600


def clean_phrase(phrase: str) -> str:
    """A phrase in the one form in which it is looked for.

    Arguments
    ---------
    phrase : str
        What somebody wrote.

    Returns
    -------
    str
        In Unicode's composed form (NFC), blanks of all kinds as plain ones,
        without blanks around it and without marks that nobody sees.

    Raises
    ------
    ValueError
        If it is no text, or holds a tab, line break or control character.

    Example
    -------
    >>> clean_phrase(" dog\u00a0barking ")
    'dog barking'
    """
    if not isinstance(phrase, str):
        raise ValueError(
            f"phrase {phrase!r} is of type {type(phrase).__name__}: give a text"
        )
    clean = unicodedata.normalize("NFC", phrase).translate(_MARKS)
    clean = "".join(
        " " if unicodedata.category(letter) == "Zs" else letter
        for letter in clean
    ).strip(" \t\r\n")
    for letter in clean:
        if letter not in _JOINERS and not letter.isprintable():
            raise ValueError(
                f"phrase {phrase!r} holds a tab, line break or control "
                "character: write it in one line"
            )
    return clean


def check_phrases(phrases: Sequence[str]) -> list[str]:
    """The phrases, each cleaned, or an error.

    Arguments
    ---------
    phrases : sequence of str
        What to look for.

    Returns
    -------
    list of str
        The phrases; see :func:`clean_phrase`.

    Raises
    ------
    ValueError
        If there is none, one is blank, occurs twice or spans lines.

    Example
    -------
    >>> check_phrases(["dog barking", " car horn "])
    ['dog barking', 'car horn']
    """
    if isinstance(phrases, str):
        raise ValueError(
            f"phrases is the string {phrases!r}: give a list, [{phrases!r}]"
        )
    if isinstance(phrases, (set, frozenset)) or not isinstance(
        phrases, Iterable
    ):
        raise ValueError(
            f"phrases is a {type(phrases).__name__}: give a list of texts"
        )
    phrases = [clean_phrase(phrase) for phrase in phrases]
    if not phrases:
        raise ValueError(
            "no phrase to look for: give at least one, such as 'dog barking'"
        )
    seen = set()
    for place, phrase in enumerate(phrases, 1):
        if not phrase:
            raise ValueError(f"phrase {place} is blank: remove it")
        if phrase in seen:
            raise ValueError(f"phrase {phrase!r} is given twice: remove one")
        seen.add(phrase)
    return phrases


def check_seconds(
    name: str, value: float | Mapping[str, float], phrases: Sequence[str]
) -> np.ndarray:
    """One span of time per phrase.

    Arguments
    ---------
    name : str
        How messages call it.
    value : float or mapping of phrase to float
        Seconds, 0 or more.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    np.ndarray
        `[phrases]`, float64.

    Raises
    ------
    ValueError
        If one is missing, of an unknown phrase, negative or not finite.

    Example
    -------
    >>> check_seconds("merge_gap", {"a": 0.2, "b": 1}, ["a", "b"])
    array([0.2, 1. ])
    """
    values = _by_phrase(name, value, phrases)
    for one in values:
        if not _is_number(one) or not 0 <= one < math.inf:
            raise ValueError(f"{name} is {one!r}: give 0 or more seconds")
        if name == "median_seconds" and one > _LONGEST_FILTER:
            raise ValueError(
                f"{name} is {one!r}: give at most {_LONGEST_FILTER} seconds"
            )
    return np.array(values, np.float64)


def _by_phrase(name, value, phrases):
    """The value of each phrase, in their order."""
    if not isinstance(value, Mapping):
        return [value] * len(phrases)
    unknown = sorted(set(value) - set(phrases))
    if unknown:
        raise ValueError(
            f"a {name} for {unknown[0]!r}, which is not among the phrases "
            f"{_some(phrases)}"
        )
    for phrase in phrases:
        if phrase not in value:
            raise ValueError(f"no {name} for {phrase!r}: add it")
    return [value[phrase] for phrase in phrases]


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _some(phrases):
    more = f" and {len(phrases) - 20} more" if len(phrases) > 20 else ""
    return f"{list(phrases[:20])}{more}"


def check_threshold(
    threshold: float | Mapping[str, float], phrases: Sequence[str]
) -> np.ndarray:
    """One threshold per phrase.

    Arguments
    ---------
    threshold : float or mapping of phrase to float
        Between 0 and 1, both excluded.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    np.ndarray
        `[phrases]`, float32.

    Raises
    ------
    ValueError
        If one is missing, of an unknown phrase or out of range.

    Example
    -------
    >>> check_threshold({"a": 0.25, "b": 0.5}, ["a", "b"])
    array([0.25, 0.5 ], dtype=float32)
    """
    values = _by_phrase("threshold", threshold, phrases)
    for phrase, value in zip(phrases, values, strict=True):
        if not _is_number(value) or not 0 < value < 1:
            raise ValueError(
                f"threshold {value!r} for {phrase!r}: scores lie between 0 "
                "and 1, choose a value in between, such as 0.5"
            )
    return np.array(values, np.float32)


def apply_threshold(
    scores: np.ndarray,
    threshold: float | Mapping[str, float],
    phrases: Sequence[str],
) -> np.ndarray:
    """Mark the frames whose score is above the threshold.

    Arguments
    ---------
    scores : np.ndarray
        `[frames, phrases]`.
    threshold : float or mapping of phrase to float
        Between 0 and 1, both excluded.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    np.ndarray
        `[frames, phrases]`, bool.

    Example
    -------
    >>> apply_threshold(np.array([[0.2], [0.7]]), 0.5, ["dog"])[:, 0]
    array([False,  True])
    """
    return np.asarray(scores) > check_threshold(threshold, phrases)


def get_events(
    active: np.ndarray,
    scores: np.ndarray,
    phrases: Sequence[str],
    hop_seconds: float,
    duration: float,
) -> list[SoundEvent]:
    """Turn marked frames into events.

    Arguments
    ---------
    active : np.ndarray
        From :func:`apply_threshold`, `[frames, phrases]`.
    scores : np.ndarray
        `[frames, phrases]`.
    phrases : sequence of str
        The phrases.
    hop_seconds : float
        Length of a frame.
    duration : float
        Length of the recording in seconds; no event ends later.

    Returns
    -------
    list of SoundEvent
        Sorted by onset.

    Example
    -------
    >>> active = np.array([[0], [1], [1], [0]], bool)
    >>> get_events(active, active * 0.9, ["dog"], 0.5, 2.0)
    [SoundEvent(phrase='dog', onset=0.5, offset=1.5, score=0.9)]
    """
    events = []
    for column, phrase in enumerate(phrases):
        padded = np.pad(active[:, column].astype(np.int8), 1)
        edges = np.flatnonzero(np.diff(padded))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            events.append(
                SoundEvent(
                    phrase,
                    # Multiples of a decimal hop carry binary dust.
                    round(float(first * hop_seconds), 6),
                    end_within(float(last * hop_seconds), duration),
                    float(scores[first:last, column].max()),
                )
            )
    return _in_time_order(events)


def end_within(seconds: float, duration: float) -> float:
    """A time to the microsecond that is not behind the end.

    Arguments
    ---------
    seconds : float
        The time.
    duration : float
        The end.

    Returns
    -------
    float
        The time, rounded.

    Example
    -------
    >>> end_within(0.04, 1 / 16000), end_within(0.12, 1.0)
    (6.2e-05, 0.12)
    """
    end = round(min(seconds, duration), 6)
    return end if end <= duration else math.floor(duration * 1e6) / 1e6


def merge_close_events(
    events: Iterable[SoundEvent], gap: float
) -> list[SoundEvent]:
    """Join events of one phrase that are at most `gap` seconds apart.

    Arguments
    ---------
    events : iterable of SoundEvent
        In any order.
    gap : float
        Seconds.

    Returns
    -------
    list of SoundEvent
        Sorted by onset; a joined event keeps the highest score.

    Example
    -------
    >>> merge_close_events(
    ...     [SoundEvent("a", 0, 1, 0.6), SoundEvent("a", 1.2, 2, 0.9)], 0.25
    ... )
    [SoundEvent(phrase='a', onset=0, offset=2, score=0.9)]
    """
    last: dict[str, SoundEvent] = {}
    done = []
    for event in _in_time_order(events):
        before = last.get(event.phrase)
        if before and event.onset - before.offset <= gap + 1e-9:
            last[event.phrase] = replace(
                before,
                offset=max(before.offset, event.offset),
                score=max(before.score, event.score),
            )
            continue
        if before:
            done.append(before)
        last[event.phrase] = event
    return _in_time_order([*done, *last.values()])


def remove_short_events(
    events: Iterable[SoundEvent], min_duration: float
) -> list[SoundEvent]:
    """Leave out events that are shorter than `min_duration` seconds.

    Arguments
    ---------
    events : iterable of SoundEvent
        The events.
    min_duration : float
        Seconds.

    Returns
    -------
    list of SoundEvent
        The others, in the same order.

    Example
    -------
    >>> remove_short_events([SoundEvent("a", 0, 0.1, 0.6)], 0.2)
    []
    """
    return [e for e in events if e.duration >= min_duration - 1e-9]
