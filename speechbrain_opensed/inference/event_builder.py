"""Turn frames that come one after another into events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from speechbrain_opensed.inference.events import (
    SoundEvent,
    check_seconds,
    check_threshold,
    end_within,
)

__all__ = ["EventBuilder"]


class EventBuilder:
    """Turns frames that come one after another into events.

    What it gives are the events of `get_events`, `merge_close_events` and
    `remove_short_events` over all frames at once, each as soon as no later
    frame can change it. Memory grows with the number of phrases alone.

    Arguments
    ---------
    phrases : sequence of str
        What the columns of the scores stand for.
    threshold : float or mapping of phrase to float
        Score above which a frame belongs to an event.
    hop_seconds : float
        Length of a frame.
    min_duration : float or mapping of phrase to float
        Shorter events are left out; seconds.
    merge_gap : float or mapping of phrase to float
        Events of one phrase that are at most so far apart become one.
    low_threshold : float or mapping of phrase to float, optional
        An event that reaches the threshold lasts as long as scores are above
        this (hysteresis); default: the threshold itself.

    Raises
    ------
    ValueError
        If one makes no sense.

    Example
    -------
    >>> builder = EventBuilder(["dog"], 0.5, hop_seconds=0.5)
    >>> builder.push(np.array([[0.1], [0.9]]))
    []
    >>> builder.push(np.array([[0.8], [0.2]]))
    [SoundEvent(phrase='dog', onset=0.5, offset=1.5, score=0.9)]
    """

    def __init__(
        self,
        phrases: Sequence[str],
        threshold: float | Mapping[str, float],
        hop_seconds: float,
        *,
        min_duration: float | Mapping[str, float] = 0.0,
        merge_gap: float | Mapping[str, float] = 0.0,
        low_threshold: float | Mapping[str, float] | None = None,
    ):
        self.phrases = list(phrases)
        self.hop_seconds = hop_seconds
        self._shortest = check_seconds(
            "min_duration", min_duration, self.phrases
        )
        self._gap = check_seconds("merge_gap", merge_gap, self.phrases)
        self._high = check_threshold(threshold, self.phrases)
        self._low = self._high
        if low_threshold is not None:
            self._low = check_threshold(low_threshold, self.phrases)
            if (above := np.flatnonzero(self._low > self._high)).size:
                raise ValueError(
                    f"the low threshold of {self.phrases[above[0]]!r} is "
                    f"{self._low[above[0]]:g}, above its threshold "
                    f"{self._high[above[0]]:g}: exchange them"
                )
        self._frames = 0
        self._open: dict[int, tuple[int, float]] = {}
        self._held: dict[int, SoundEvent] = {}
        self._done: list[SoundEvent] = []

    def push(self, scores: np.ndarray) -> list[SoundEvent]:
        """Takes frames.

        Arguments
        ---------
        scores : np.ndarray
            `[frames, phrases]`.

        Returns
        -------
        list of SoundEvent
            What is final now, in order of offset.
        """
        active = np.asarray(scores) > self._low
        columns = set(np.flatnonzero(active.any(0)).tolist()) | set(self._open)
        for column in sorted(columns):
            self._runs(column, active[:, column], scores[:, column])
        self._frames += len(active)
        now = self._frames * self.hop_seconds
        for column, event in list(self._held.items()):
            begun = self._open.get(column)
            onset = now if begun is None else begun[0] * self.hop_seconds
            if onset - event.offset > self._gap[column] + 1e-9:
                self._emit(column, self._held.pop(column))
        return self._take()

    def finish(self, duration: float) -> list[SoundEvent]:
        """The signal is over.

        Arguments
        ---------
        duration : float
            Its length in seconds: no event ends later.

        Returns
        -------
        list of SoundEvent
            The rest, in order of offset.
        """
        for column, (first, highest) in sorted(self._open.items()):
            self._close(column, first, self._frames, highest, duration)
        self._open.clear()
        for column, event in self._held.items():
            self._emit(column, event)
        self._held.clear()
        return self._take()

    def _runs(self, column, active, scores):
        edges = np.flatnonzero(np.diff(np.pad(active.astype(np.int8), 1)))
        begun = self._open.pop(column, None)
        if begun and not active[0]:
            self._close(column, begun[0], self._frames, begun[1])
            begun = None
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            highest = float(scores[first:last].max())
            start = self._frames + int(first)
            if begun:
                start, highest = begun[0], max(begun[1], highest)
                begun = None
            if last == len(active):
                self._open[column] = start, highest
            else:
                self._close(column, start, self._frames + int(last), highest)

    def _close(self, column, first, last, highest, duration=np.inf):
        if not highest > float(self._high[column]):
            return
        event = SoundEvent(
            self.phrases[column],
            round(float(first * self.hop_seconds), 6),
            end_within(float(last * self.hop_seconds), float(duration)),
            highest,
        )
        held = self._held.get(column)
        if held and event.onset - held.offset <= self._gap[column] + 1e-9:
            event = replace(
                held,
                offset=max(held.offset, event.offset),
                score=max(held.score, event.score),
            )
        elif held:
            self._emit(column, held)
        self._held[column] = event

    def _emit(self, column, event):
        if event.duration >= self._shortest[column] - 1e-9:
            self._done.append(event)

    def _take(self):
        done, self._done = self._done, []
        return sorted(done, key=lambda e: (e.offset, e.onset, e.phrase))
