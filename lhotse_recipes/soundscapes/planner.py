"""Decide where each sound of a soundscape goes, without touching audio."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lhotse import Recording

from lhotse_recipes.soundscapes.sources import FRAME_SECONDS, Source

__all__ = ["Placement", "Plan", "Piece", "Scene", "Settings", "plan_clip"]

# Random onsets that are tried before an event repeats less often.
_TRIES = 20
# Seconds of a clip: a day.
_LONGEST = 86_400


@dataclass(frozen=True)
class Settings:
    """The ranges of :func:`simulate_soundscapes`, checked."""

    seed: int
    duration: float
    sampling_rate: int
    events_per_clip: tuple[int, int]
    repeats: tuple[int, int]
    snr: tuple[float, float]
    gap: tuple[float, float]
    background_dbfs: tuple[float, float]
    event_duration: tuple[float, float] | None
    max_polyphony: int | None
    balance: bool
    silence_dbfs: float
    trim_db: float
    speed: tuple[float, float] | None = None
    vary_snr: bool = False
    repeat_below: float | None = None
    peak: float | None = None
    captions: bool = False

    def __post_init__(self) -> None:
        ranges = {
            "events_per_clip": (self.events_per_clip, 0),
            "repeats": (self.repeats, 1),
            "snr": (self.snr, -np.inf),
            "gap": (self.gap, 0.02),
            "background_dbfs": (self.background_dbfs, -np.inf),
            "event_duration": (self.event_duration or (1.0, 1.0), 0.05),
            "speed": (self.speed or (1.0, 1.0), 0.1),
        }
        for name, ((low, high), least) in ranges.items():
            if not least <= low <= high < np.inf:
                raise ValueError(
                    f"{name} ({low}, {high}) must be a range (least, most) of "
                    f"at least {least}"
                )
        if not 0.5 <= self.duration <= _LONGEST:
            raise ValueError(
                f"duration {self.duration:g} s: give 0.5 to {_LONGEST} s"
            )
        if not 1000 <= self.sampling_rate <= 768_000:
            raise ValueError(
                f"sampling_rate {self.sampling_rate}: give 1000 to 768000 Hz"
            )
        if self.max_polyphony is not None and self.max_polyphony < 1:
            raise ValueError("max_polyphony must be at least 1, or None")
        if self.peak is not None and not 0 < self.peak <= 1:
            raise ValueError(
                f"peak {self.peak} must be above 0 and at most 1, or None"
            )

    @property
    def num_samples(self) -> int:
        """Samples of one clip."""
        return round(self.duration * self.sampling_rate)


@dataclass(frozen=True)
class Scene:
    """The sources to draw from: events by label, and backgrounds."""

    labels: tuple[str, ...]
    events: tuple[tuple[Source, ...], ...]
    backgrounds: tuple[Source, ...]
    vocabulary: str
    rooms: tuple[Recording, ...] = ()


@dataclass(frozen=True)
class Piece:
    """
    Samples ``[start, start + num_samples)`` of a source, put at ``at``.

    With a ``speed`` other than 1 they are those of the source played so many
    times faster.
    """

    source: Source
    start: int
    num_samples: int
    at: int
    speed: float = 1.0


@dataclass(frozen=True)
class Placement:
    """One occurrence of an event and its signal-to-noise ratio in dB."""

    piece: Piece
    snr: float


@dataclass(frozen=True)
class Plan:
    """
    One soundscape.

    :param background: pieces that cover the clip without a gap.
    :param reference: which of them Lhotse shall refer ratios to (the longest).
    :param reference_db: its level relative to that of all pieces together.
    :param gain: factor of the background.
    :param events: occurrences, by onset.
    :param repeats_left_out: repetitions for which there was no room.
    :param events_left_out: labels for which there was no room.
    :param room: response of the room that all of it is heard in.
    """

    background: tuple[Piece, ...]
    reference: int
    reference_db: float
    gain: float
    events: tuple[Placement, ...]
    repeats_left_out: int
    events_left_out: tuple[str, ...]
    room: Recording | None = None


def plan_clip(scene: Scene, settings: Settings, index: int) -> Plan:
    """
    Plan one clip; it depends on the settings, the scene and ``index`` alone.

    :param scene: what there is to mix.
    :param settings: ranges.
    :param index: number of the clip.
    :return: the plan.
    """
    rng = np.random.default_rng([settings.seed, index])
    background = _plan_background(scene, settings, rng)
    low, high = settings.events_per_clip
    count = min(int(rng.integers(low, high + 1)), len(scene.labels))
    weights = None
    if not settings.balance:
        weights = np.array([len(sources) for sources in scene.events], float)
        weights /= weights.sum()
    chosen = rng.choice(len(scene.labels), count, replace=False, p=weights)
    placed: list[Placement] = []
    fewer, left_out = 0, []
    for which in chosen:
        sources = scene.events[which]
        source = sources[int(rng.integers(len(sources)))]
        speed = _speed(settings, rng)
        start, num_samples = _crop(source, speed, settings, rng)
        repeats = int(
            rng.integers(settings.repeats[0], settings.repeats[1] + 1)
        )
        long = settings.repeat_below
        if long is not None and num_samples >= long * settings.sampling_rate:
            repeats = 1
        snr = round(float(rng.uniform(*settings.snr)), 3)
        onsets = _place(num_samples, repeats, placed, settings, rng)
        fewer += repeats - len(onsets) if onsets else 0
        if not onsets:
            left_out.append(source.label)
        for number, at in enumerate(onsets):
            if settings.vary_snr and number > 0:
                snr = round(float(rng.uniform(*settings.snr)), 3)
            piece = Piece(source, start, num_samples, at, speed)
            placed.append(Placement(piece, snr))
    placed.sort(key=lambda one: (one.piece.at, one.piece.source.label))
    room = None
    if scene.rooms:
        room = scene.rooms[int(rng.integers(len(scene.rooms)))]
    return Plan(*background, tuple(placed), fewer, tuple(left_out), room)


def _speed(settings: Settings, rng: np.random.Generator) -> float:
    if settings.speed is None:
        return 1.0
    low, high = settings.speed
    # In steps of 1/50 the usual rates are resampled quickly.
    least, most = math.ceil(50 * low - 1e-9), math.floor(50 * high + 1e-9)
    if least > most:
        return round((low + high) / 2, 3)
    return round(int(rng.integers(least, most + 1)) / 50, 2)


def _place(
    num_samples: int,
    repeats: int,
    placed: Sequence[Placement],
    settings: Settings,
    rng: np.random.Generator,
) -> list[int]:
    """Onsets of the repetitions; fewer of them where there is no room."""
    rate = settings.sampling_rate
    for many in range(repeats, 0, -1):
        for _ in range(_TRIES):
            gaps = np.ceil(rng.uniform(*settings.gap, size=many - 1) * rate)
            steps = np.concatenate([[0], gaps + num_samples]).cumsum()
            room = settings.num_samples - int(steps[-1]) - num_samples
            if room < 0:
                continue
            first = int(rng.integers(room + 1))
            onsets = [first + int(step) for step in steps]
            if settings.max_polyphony is None or _sparse_enough(
                onsets, num_samples, placed, settings.max_polyphony
            ):
                return onsets
    return []


def _sparse_enough(
    onsets: Sequence[int],
    num_samples: int,
    placed: Sequence[Placement],
    max_polyphony: int,
) -> bool:
    spans = [(one.piece.at, one.piece.num_samples) for one in placed]
    spans += [(onset, num_samples) for onset in onsets]
    # The number of sounds can only be largest where one of them begins.
    return all(
        sum(at <= onset < at + length for at, length in spans) <= max_polyphony
        for onset, _ in spans
    )


def _crop(
    source: Source,
    speed: float,
    settings: Settings,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Start and length, at that speed, of the part of an event that is used."""
    hop = round(FRAME_SECONDS * settings.sampling_rate)
    floor = source.levels.max() * 10.0 ** (-settings.trim_db / 10.0)
    active = np.flatnonzero(source.levels >= floor)
    longest = settings.duration
    if settings.event_duration is not None:
        longest = min(longest, float(rng.uniform(*settings.event_duration)))
    most = int(longest * speed / FRAME_SECONDS)
    first, last = int(active[0]), int(active[-1])
    if last - first >= most:
        first = int(rng.choice(active[active <= last - most + 1]))
        last = int(active[active < first + most][-1])
    begin = first * hop
    length = min((last + 1) * hop, source.num_samples) - begin
    if speed == 1.0:
        return source.start + begin, min(length, settings.num_samples)
    start = round((source.start + begin) / speed)
    # Lhotse knows the length of what is sped up to a sample or so.
    length = min(round(length / speed), settings.num_samples)
    whole = int(source.recording.num_samples / speed) - 1
    return start, min(length, whole - start)


def _plan_background(
    scene: Scene, settings: Settings, rng: np.random.Generator
) -> tuple[tuple[Piece, ...], int, float, float]:
    """The first four fields of a plan."""
    silence = 10.0 ** (settings.silence_dbfs / 10.0)
    for _ in range(_TRIES):
        which = int(rng.integers(len(scene.backgrounds)))
        source = scene.backgrounds[which]
        pieces = _cover(source, settings, rng)
        lengths = [piece.num_samples for piece in pieces]
        powers = [_mean_power(piece, settings) for piece in pieces]
        reference = int(np.argmax(lengths))
        power = float(np.average(powers, weights=lengths))
        if powers[reference] > silence:
            ratio = 10.0 * np.log10(powers[reference] / power)
            level = float(rng.uniform(*settings.background_dbfs))
            gain = float(f"{10.0 ** (level / 20.0) / np.sqrt(power):.6g}")
            return pieces, reference, round(float(ratio), 3), gain
    raise ValueError(
        f"background {source.recording.id} is silent for long stretches, so "
        "no signal-to-noise ratio can be set; cut it to where it sounds"
    )


def _cover(
    source: Source, settings: Settings, rng: np.random.Generator
) -> tuple[Piece, ...]:
    """Pieces of the background from a random place on, looped if need be."""
    total, length = settings.num_samples, source.num_samples
    if length >= total:
        start = int(rng.integers(length - total + 1))
        return (Piece(source, source.start + start, total, 0),)
    # No piece is shorter than `least`: slivers are a burden to read.
    least = round(0.1 * settings.sampling_rate)
    start = int(rng.integers(length - 2 * least))
    if 0 < (total - (length - start)) % length < least:
        start += least
    pieces, at = [], 0
    while at < total:
        part = min(length - start, total - at)
        pieces.append(Piece(source, source.start + start, part, at))
        at, start = at + part, 0
    return tuple(pieces)


def _mean_power(piece: Piece, settings: Settings) -> float:
    hop = round(FRAME_SECONDS * settings.sampling_rate)
    begin = (piece.start - piece.source.start) // hop
    end = begin + max(1, piece.num_samples // hop)
    return float(piece.source.levels[begin:end].mean(dtype=np.float64))
