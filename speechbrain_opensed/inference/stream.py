"""Detect in sound that is still coming.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lhotse_recipes.sound import Resampler
from speechbrain_opensed.inference.calibration import Calibration
from speechbrain_opensed.inference.detection import median_frames, smooth
from speechbrain_opensed.inference.event_builder import EventBuilder
from speechbrain_opensed.inference.events import (
    SoundEvent,
    check_phrases,
    check_seconds,
)
from speechbrain_opensed.inference.scorer import OVERLAP
from speechbrain_opensed.inference.sources import as_samples, check_rate
from speechbrain_opensed.inference.windows import OverlapAdd, WindowCutter

__all__ = ["DetectionStream", "EventBuilder", "EventTrack"]


class EventTrack:
    """Turns the scores of windows into events: blends, smooths, decides.

    Memory grows with the number of phrases, not with time.

    Arguments
    ---------
    phrases : sequence of str
        What the columns of the scores stand for.
    hop_seconds : float
        Length of a frame.
    threshold, low_threshold, median_seconds, min_duration, merge_gap
        As for `SoundEventDetector.detect_file`.
    calibration : Calibration, optional
        Of the scores, before all else.
    sink : callable, optional
        Gets all scores, smoothed, `[frames, phrases]`, block by block.

    Raises
    ------
    ValueError
        If an argument makes no sense.

    Example
    -------
    >>> track = EventTrack(["dog"], 0.5, median_seconds=0)
    >>> track.add(0, np.array([[0.1], [0.9]], "float32"))
    []
    >>> [(e.onset, e.offset) for e in track.finish(duration=1.0)]
    [(0.5, 1.0)]
    """

    def __init__(
        self,
        phrases: Sequence[str],
        hop_seconds: float,
        *,
        threshold: float | Mapping[str, float] = 0.5,
        low_threshold: float | Mapping[str, float] | None = None,
        median_seconds: float | Mapping[str, float] = 0.36,
        min_duration: float | Mapping[str, float] = 0.0,
        merge_gap: float | Mapping[str, float] = 0.0,
        calibration: Calibration | None = None,
        sink: Callable[[np.ndarray], object] | None = None,
    ):
        self._builder = EventBuilder(
            phrases,
            threshold,
            hop_seconds,
            min_duration=min_duration,
            merge_gap=merge_gap,
            low_threshold=low_threshold,
        )
        self._phrases, self._calibration = list(phrases), calibration
        self._hop, self._sink = hop_seconds, sink
        self._median = check_seconds("median_seconds", median_seconds, phrases)
        self._half = median_frames(self._median.max(), hop_seconds) // 2
        self._blend = OverlapAdd()
        self._raw = np.zeros((0, len(phrases)), np.float32)
        self._context = 0  # frames of `_raw` that are smoothed already

    def add(self, start: int, scores: np.ndarray) -> list[SoundEvent]:
        """Takes a window.

        Arguments
        ---------
        start : int
            Index of its first frame.
        scores : np.ndarray
            `[frames, phrases]`.

        Returns
        -------
        list of SoundEvent
            What became final, in order of offset.
        """
        self._blend.add(start, scores)
        final = self._blend.take()
        return [] if final is None else self._smooth(final, False)

    def finish(self, duration: float) -> list[SoundEvent]:
        """The sound is over.

        Arguments
        ---------
        duration : float
            Its length in seconds: no event ends later.

        Returns
        -------
        list of SoundEvent
            The rest, in order of offset.
        """
        final = self._blend.take(end=True)
        rest = self._raw[:0] if final is None else final
        return self._smooth(rest, True) + self._builder.finish(duration)

    def _smooth(self, frames, end):
        if self._calibration is not None:
            frames = self._calibration.apply(frames, self._phrases)
        self._raw = np.concatenate([self._raw, frames])
        ready = len(self._raw) - (0 if end else self._half)
        if ready <= self._context:
            return []
        smoothed = smooth(self._raw, self._median, self._hop)
        done = smoothed[self._context : ready]
        keep = max(0, ready - self._half)
        self._raw, self._context = self._raw[keep:], ready - keep
        if self._sink is not None:
            self._sink(done)
        return self._builder.push(done)


class DetectionStream:
    """Detects in samples as they come; made by a detector's `stream`.

    Scores and events are those of the detector's `detect` on the same
    samples, however they are cut into blocks. A frame is final once the
    window that starts behind it is full, at most one and a half windows
    later, plus half a median filter; with another overlap, at most 2 less
    that overlap windows.

    Arguments
    ---------
    detector : SoundEventDetector
        Gives scorer, text encoder and spec.
    phrases : sequence of str
        What to look for.
    rate : int
        Samples per second of what will be fed.
    normalize : str or None
        `window`, None, or `spec`; a stream has no `file` to bring to level.
    batch_size : int
        Windows that are encoded at once.
    overlap : float
        Share of a window that the next one hears again: more of it gives
        frames that are final sooner, and takes longer to compute.
    keep_scores : bool
        Whether all scores are kept, for :attr:`scores`.
    sink : callable, optional
        Gets scores as they become final, smoothed, `[frames, phrases]`.
    **settings
        `threshold`, `low_threshold`, `median_seconds`, `min_duration` and
        `merge_gap` as for `detect_file`.

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
        normalize: str | None = "spec",
        batch_size: int = 4,
        overlap: float = OVERLAP,
        keep_scores: bool = True,
        sink: Callable[[np.ndarray], object] | None = None,
        **settings: Any,
    ):
        rate = check_rate(rate)
        if normalize == "file":
            raise ValueError(
                "a stream cannot bring the whole file to one level: choose "
                "normalize='window', None or 'spec'"
            )
        self.phrases = check_phrases(phrases)
        self.rate, spec = rate, detector.spec
        self._kept: list[np.ndarray] | None = [] if keep_scores else None
        self._sink = sink
        self._track = detector.track(
            self.phrases,
            sink=self._hand_on,
            **settings,
        )
        self._scorer = detector.scorer
        self._level = detector.level(normalize) == "window"
        self._queries = detector.embed(self.phrases)
        self._batch_size = batch_size
        self._resampler = Resampler(rate, spec.sample_rate)
        self._cutter = WindowCutter(
            self._scorer.size, self._scorer.step(overlap), spec.hop_samples
        )
        self._samples = 0
        self._over = False

    def feed(self, samples: Any) -> list[SoundEvent]:
        """Takes samples.

        Arguments
        ---------
        samples : np.ndarray or torch.Tensor
            `[time]`, at the stream's rate; any number of them. Whole numbers
            are taken as at full scale, such as those of a sound card.

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
        samples = as_samples(samples).astype(np.float32, copy=False)
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
            events += self._score(self._cutter.push(block))
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
        return self._score(windows) + self._track.finish(self.duration)

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

    def _hand_on(self, scores):
        if self._kept is not None:
            self._kept.append(scores)
        if self._sink is not None:
            self._sink(scores)

    def _score(self, windows):
        events = []
        for start, scores in self._scorer.score(
            windows, self._queries, self._batch_size, self._level
        ):
            events += self._track.add(start, scores)
        return events
