"""Detect in many sounds, one after another, in flat memory.

Windows of several short sounds share a batch; of a long one only the windows
at hand are held.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from lhotse_recipes.sound import AudioInfo, mono_blocks, resample_blocks
from speechbrain_opensed.core.levels import QUIET_PEAK
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.events import SoundEvent, check_phrases
from speechbrain_opensed.inference.scorer import OVERLAP
from speechbrain_opensed.inference.stream import EventTrack

__all__ = [
    "PeakTrack",
    "Sound",
    "detect_one",
    "detect_sounds",
    "sound_of_file",
]

Key = TypeVar("Key")

# Samples of all channels that are read at a time, and seconds at most.
_BLOCK_SAMPLES, _BLOCK_SECONDS = 2**22, 30.0


@dataclass(frozen=True)
class Sound:
    """Something to listen to, that can be read from its beginning.

    Arguments
    ---------
    path : str
        What the result calls it.
    rate : int
        Samples per second.
    duration : float
        Seconds.
    blocks : callable
        Gives an iterator over its samples `[time]`, float32.

    Example
    -------
    >>> sound = Sound("hum", 8000, 0.1, lambda: iter([np.ones(800, "f4")]))
    >>> sum(len(block) for block in sound.blocks())
    800
    """

    path: str
    rate: int
    duration: float
    blocks: Callable[[], Iterator[np.ndarray]]


def sound_of_file(
    info: AudioInfo, channel: str | int = "mix", name: str | None = None
) -> Sound:
    """A sound file, read when it is asked for.

    Arguments
    ---------
    info : AudioInfo
        What was seen of it, of any rate, channel count and length.
    channel : str or int
        How several channels become one; see
        :func:`lhotse_recipes.sound.mono_blocks`.
    name : str, optional
        What the result calls it; default: its path.

    Returns
    -------
    Sound
        At its own rate.

    Example
    -------
    >>> from pathlib import Path
    >>> info = AudioInfo(Path("a.wav"), 44100, 2, 88200)
    >>> sound_of_file(info).duration
    2.0
    """
    most = _BLOCK_SAMPLES / (info.sample_rate * info.channels)
    seconds = min(_BLOCK_SECONDS, most)

    def blocks() -> Iterator[np.ndarray]:
        return mono_blocks(info, info.sample_rate, seconds, channel)

    name = str(info.path) if name is None else name
    return Sound(name, info.sample_rate, info.duration, blocks)


class PeakTrack:
    """Keeps the highest scores of equal spans of time.

    Arguments
    ---------
    group : int
        Frames of a span.

    Raises
    ------
    ValueError
        If a span has no frame.

    Example
    -------
    >>> track = PeakTrack(2)
    >>> track.push(np.array([[0.1], [0.2], [0.3], [0.0], [0.4]]))
    >>> track.scores()[:, 0]
    array([0.2, 0.3, 0.4], dtype=float32)
    """

    def __init__(self, group: int):
        if group < 1:
            raise ValueError("spans are shorter than a frame: give longer ones")
        self.group = group
        self._rows: list[np.ndarray] = []
        self._frames = 0

    def push(self, scores: np.ndarray) -> None:
        """Takes scores `[frames, phrases]`."""
        first = -self._frames % self.group
        head, rest = scores[:first], scores[first:]
        if len(head):
            np.maximum(self._rows[-1], head.max(0), out=self._rows[-1])
        for at in range(0, len(rest), self.group):
            row = rest[at : at + self.group].max(0)
            self._rows.append(row.astype(np.float32))
        self._frames += len(scores)

    def scores(self) -> np.ndarray:
        """The peaks, `[spans, phrases]`, float32."""
        return np.stack(self._rows)


@dataclass
class _Listening:
    """A sound of which some windows are under way."""

    key: Any
    sound: Sound | None = None
    track: EventTrack | None = None
    peaks: PeakTrack | None = None
    kept: list[np.ndarray] = field(default_factory=list)
    events: list[SoundEvent] = field(default_factory=list)
    error: Exception | None = None
    read: bool = False
    sent: int = 0
    scored: int = 0

    @property
    def over(self) -> bool:
        return self.read and self.sent == self.scored

    def sink(
        self, hop: float, columns: int | None, span_seconds: float | None
    ) -> Callable[[np.ndarray], object] | None:
        """What keeps the scores, as many of them as are wanted."""
        if columns:
            assert self.sound is not None, "it was opened"
            frames = int(self.sound.duration / hop) + 2
            self.peaks = PeakTrack(-(-frames // columns))
        elif span_seconds is not None:
            self.peaks = PeakTrack(round(span_seconds / hop))
        elif columns is None:
            return self.kept.append
        return None if self.peaks is None else self.peaks.push


def detect_sounds(
    detector: Any,
    sounds: Iterable[tuple[Key, Callable[[], Sound]]],
    phrases: Sequence[str],
    *,
    normalize: str | None = "spec",
    batch_size: int = 4,
    overlap: float = OVERLAP,
    columns: int | None = None,
    span_seconds: float | None = None,
    progress: Callable[[float], object] | None = None,
    **settings: Any,
) -> Iterator[tuple[Key, Detection | ValueError | OSError]]:
    """Find all phrases in sounds, and give each result as it is ready.

    Arguments
    ---------
    detector : SoundEventDetector
        The model.
    sounds : iterable of (key, callable)
        A name, and what opens the sound when its turn comes.
    phrases : sequence of str
        What to look for.
    normalize : str or None
        See `SoundEventDetector.detect_file`.
    batch_size : int
        Windows that are encoded at once.
    overlap : float
        See `SoundEventDetector.detect_file`.
    columns : int, optional
        Keep so many scores of each phrase at most, the highest ones of equal
        spans, as pictures need them; 0: none. Default: all.
    span_seconds : float, optional
        Keep the highest scores of spans of so many seconds in place of all.
    progress : callable, optional
        Gets the seconds that were read, as they are.
    **settings
        `threshold`, `low_threshold`, `median_seconds`, `min_duration` and
        `merge_gap` as for `detect_file`.

    Yields
    ------
    (key, Detection or ValueError or OSError)
        In the order of the sounds; an error where one cannot be used.

    Raises
    ------
    ValueError
        If a phrase or a setting makes no sense.

    Example
    -------
    >>> detect_sounds.__name__
    'detect_sounds'
    """
    phrases = check_phrases(phrases)
    hop, rate = detector.spec.hop_seconds, detector.spec.sample_rate
    detector.track(phrases, **settings)  # what makes no sense is said first
    level = detector.level(normalize)
    scorer = detector.scorer
    scorer.step(overlap)
    queries = detector.embed(phrases)
    waiting: deque[_Listening] = deque()

    def blocks(sound: Sound) -> Iterator[np.ndarray]:
        gain = _gain(sound, rate) if level == "file" else None
        for block in sound.blocks():
            if progress is not None:
                progress(len(block) / sound.rate)
            yield block if gain is None else block * gain

    def windows() -> Iterator[tuple[tuple[_Listening, int], np.ndarray]]:
        for key, open_sound in sounds:
            one = _Listening(key)
            waiting.append(one)
            try:
                sound = one.sound = open_sound()
                sink = one.sink(hop, columns, span_seconds)
                one.track = detector.track(phrases, sink=sink, **settings)
                resampled = resample_blocks(blocks(sound), sound.rate, rate)
                for start, window in scorer.windows(resampled, overlap):
                    one.sent += 1
                    yield (one, start), window
            except (ValueError, OSError) as error:
                one.error = error
            one.read = True

    def results() -> Iterator[tuple[Any, Detection | ValueError | OSError]]:
        while waiting and waiting[0].over:
            one = waiting.popleft()
            yield one.key, _result(one, phrases, hop)

    for (one, start), scores in scorer.score(
        windows(), queries, batch_size, level == "window"
    ):
        one.scored += 1
        if one.error is None:
            assert one.track is not None
            one.events += one.track.add(start, scores)
        yield from results()
    yield from results()


def detect_one(
    detector: Any,
    path: Any,
    phrases: Sequence[str],
    channel: str | int,
    **settings: Any,
) -> Detection:
    """Find all phrases in a file, with a progress bar if it takes long.

    Arguments
    ---------
    detector : SoundEventDetector
        The model.
    path : str or Path
        The file.
    phrases : sequence of str
        What to look for.
    channel : str or int
        See `SoundEventDetector.detect_file`.
    **settings
        Of :func:`detect_sounds`.

    Returns
    -------
    Detection
        Of the whole file.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it cannot be used, or a setting makes no sense.

    Example
    -------
    >>> detect_one.__name__
    'detect_one'
    """
    with tqdm(
        bar_format="{desc} {percentage:.0f} % of {total:.0f} s, "
        "{remaining} left",
        desc=Path(path).name,
        total=1,
        leave=False,
        delay=2,
    ) as bar:

        def open_sound() -> Sound:
            sound: Sound = detector.open_sound(path, channel)
            bar.total = sound.duration
            return sound

        ((_, found),) = detect_sounds(
            detector,
            [(path, open_sound)],
            phrases,
            progress=bar.update,
            **settings,
        )
    if not isinstance(found, Detection):
        raise found
    return found


def _gain(sound: Sound, rate: int) -> np.float32:
    """What brings the largest sample of a sound to 1."""
    peaks = (
        float(np.abs(block).max(initial=0))
        for block in resample_blocks(sound.blocks(), sound.rate, rate)
    )
    return np.float32(1 / (max(max(peaks), QUIET_PEAK) + 1e-9))


def _result(one, phrases, hop):
    if one.error is not None:
        return one.error
    one.events += one.track.finish(one.sound.duration)
    if one.peaks is not None:
        scores, hop = one.peaks.scores(), hop * one.peaks.group
    else:
        none = np.zeros((0, len(phrases)), np.float32)
        scores = np.concatenate([none, *one.kept])
    return Detection(
        sorted(one.events),
        scores,
        list(phrases),
        one.sound.path,
        one.sound.duration,
        hop,
    )
