"""Detect in sound that is still coming.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lhotse_recipes.sound import Resampler
from speechbrain_opensed.inference.detection import median_frames, smooth
from speechbrain_opensed.inference.events import (
    SoundEvent,
    check_phrases,
    check_threshold,
)
from speechbrain_opensed.inference.windows import OverlapAdd, WindowCutter

__all__ = ["DetectionStream", "EventBuilder"]


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
    min_duration : float
        Shorter events are left out; seconds.
    merge_gap : float
        Events of one phrase that are at most so far apart become one.

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
        min_duration: float = 0.0,
        merge_gap: float = 0.0,
    ):
        self.phrases = list(phrases)
        self.hop_seconds = hop_seconds
        self.min_duration, self.merge_gap = min_duration, merge_gap
        self._threshold = check_threshold(threshold, self.phrases)
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
        active = np.asarray(scores) > self._threshold
        columns = set(np.flatnonzero(active.any(0)).tolist()) | set(self._open)
        for column in sorted(columns):
            self._runs(column, active[:, column], scores[:, column])
        self._frames += len(active)
        now = self._frames * self.hop_seconds
        for column, event in list(self._held.items()):
            begun = self._open.get(column)
            onset = now if begun is None else begun[0] * self.hop_seconds
            if onset - event.offset > self.merge_gap + 1e-9:
                self._emit(self._held.pop(column))
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
        for event in self._held.values():
            self._emit(event)
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
        event = SoundEvent(
            self.phrases[column],
            round(float(first * self.hop_seconds), 6),
            round(min(float(last * self.hop_seconds), float(duration)), 6),
            highest,
        )
        held = self._held.get(column)
        if held and event.onset - held.offset <= self.merge_gap + 1e-9:
            event = replace(
                held,
                offset=max(held.offset, event.offset),
                score=max(held.score, event.score),
            )
        elif held:
            self._emit(held)
        self._held[column] = event

    def _emit(self, event):
        if event.duration >= self.min_duration - 1e-9:
            self._done.append(event)

    def _take(self):
        done, self._done = self._done, []
        return sorted(done, key=lambda e: (e.offset, e.onset, e.phrase))


class DetectionStream:
    """Detects in samples as they come; made by a detector's `stream`.

    Scores and events are those of the detector's `detect` on the same
    samples, however they are cut into blocks. A frame is final once the
    window that starts behind it is full, at most one and a half windows
    later, plus half a median filter.

    Arguments
    ---------
    detector : SoundEventDetector
        Gives scorer, text encoder and spec.
    phrases : sequence of str
        What to look for.
    rate : int
        Samples per second of what will be fed.
    threshold : float or mapping of phrase to float
        Score above which a frame belongs to an event.
    median_seconds, min_duration, merge_gap : float
        As for `detect_file`, in seconds.
    normalize : str or None
        `window`, None, or `spec`; a stream has no `file` to bring to level.
    batch_size : int
        Windows that are encoded at once.
    keep_scores : bool
        Whether all scores are kept, for :attr:`scores`.

    Raises
    ------
    ValueError
        If an argument makes no sense.

    Example
    -------
    >>> DetectionStream.feed.__doc__.split(".")[0]
    'Takes samples'
    """

    def __init__(
        self,
        detector: Any,
        phrases: Sequence[str],
        rate: int,
        *,
        threshold: float | Mapping[str, float] = 0.5,
        median_seconds: float = 0.36,
        min_duration: float = 0.0,
        merge_gap: float = 0.0,
        normalize: str | None = "spec",
        batch_size: int = 4,
        keep_scores: bool = True,
    ):
        if not (isinstance(rate, int) and 0 < rate <= 768_000):
            raise ValueError(
                f"rate is {rate!r}: give samples per second, a whole number"
            )
        if normalize == "file":
            raise ValueError(
                "a stream cannot bring the whole file to one level: choose "
                "normalize='window', None or 'spec'"
            )
        self.phrases = check_phrases(phrases)
        self.rate, spec = rate, detector.spec
        self._scorer = detector.scorer
        self._queries = detector.embed(self.phrases)
        self._level = detector.level(normalize) == "window"
        self._batch_size = batch_size
        self._median = median_seconds
        self._hop = spec.hop_seconds
        self._half = median_frames(median_seconds, self._hop) // 2
        self._resampler = Resampler(rate, spec.sample_rate)
        self._cutter = WindowCutter(
            self._scorer.size, self._scorer.hop, spec.hop_samples
        )
        self._blend = OverlapAdd()
        self._builder = EventBuilder(
            self.phrases, threshold, self._hop, min_duration, merge_gap
        )
        self._raw = np.zeros((0, len(self.phrases)), np.float32)
        self._context = 0  # frames of `_raw` that are smoothed already
        self._samples = 0
        self._kept: list[np.ndarray] | None = [] if keep_scores else None
        self._over = False

    def feed(self, samples: Any) -> list[SoundEvent]:
        """Takes samples.

        Arguments
        ---------
        samples : np.ndarray or torch.Tensor
            `[time]`, at the stream's rate; any number of them.

        Returns
        -------
        list of SoundEvent
            The events that became final, in order of offset.

        Raises
        ------
        ValueError
            If the stream is finished, or samples are no finite numbers.
        """
        if self._over:
            raise ValueError("the stream is finished: start another one")
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise ValueError(
                f"samples of shape {list(samples.shape)}: give [time], one "
                "channel"
            )
        if not np.isfinite(samples).all():
            at = self._samples + int(np.argmin(np.isfinite(samples)))
            raise ValueError(
                f"a sample is NaN or infinite, at {at / self.rate:.3f} s: "
                "mend its source"
            )
        self._samples += len(samples)
        events = []
        for block in self._resampler.push(samples):
            events += self._score(self._cutter.push(block), False)
        return events

    def finish(self) -> list[SoundEvent]:
        """Ends the stream.

        Returns
        -------
        list of SoundEvent
            The remaining events, in order of offset.

        Raises
        ------
        ValueError
            If it is finished already, or nothing was fed.
        """
        if self._over:
            raise ValueError("the stream is finished: start another one")
        if not self._samples:
            raise ValueError("no samples were fed: there is nothing to detect")
        self._over = True
        windows = []
        for block in self._resampler.flush():
            windows += self._cutter.push(block)
        windows += self._cutter.flush()
        events = self._score(windows, True)
        return events + self._builder.finish(self.duration)

    @property
    def duration(self) -> float:
        """Seconds that were fed."""
        return self._samples / self.rate

    @property
    def scores(self) -> np.ndarray:
        """All final scores so far, smoothed, `[frames, phrases]`.

        Raises
        ------
        ValueError
            If the stream does not keep them.
        """
        if self._kept is None:
            raise ValueError("scores are not kept: start with keep_scores=True")
        empty = np.zeros((0, len(self.phrases)), np.float32)
        return np.concatenate([empty, *self._kept])

    def _score(self, windows, end):
        events = []
        for start, scores in self._scorer.score(
            windows, self._queries, self._batch_size, self._level
        ):
            self._blend.add(start, scores)
            final = self._blend.take()
            if final is not None:
                events += self._smooth(final, False)
        if end:
            final = self._blend.take(end=True)
            nothing = np.zeros((0, len(self.phrases)), np.float32)
            events += self._smooth(nothing if final is None else final, True)
        return events

    def _smooth(self, frames, end):
        self._raw = np.concatenate([self._raw, frames])
        ready = len(self._raw) - (0 if end else self._half)
        if ready <= self._context:
            return []
        smoothed = smooth(self._raw, self._median, self._hop)
        done = smoothed[self._context : ready]
        keep = max(0, ready - self._half)
        self._raw, self._context = self._raw[keep:], ready - keep
        if self._kept is not None:
            self._kept.append(done)
        return self._builder.push(done)
