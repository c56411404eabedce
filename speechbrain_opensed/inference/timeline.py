"""Several sounds at the times that were asked for, and whether they are heard.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lhotse_recipes.io import read_text
from speechbrain_opensed.inference.events import SoundEvent, clean_phrase
from speechbrain_opensed.inference.waves import guard_peak, is_silent

__all__ = [
    "Cue",
    "Comparison",
    "compare_events",
    "generate_timeline",
    "read_cues",
]

# Level of an event where it is heard, and of what is behind all of them.
_EVENT_DB, _BACKGROUND_DB = -20.0, -45.0
# What is so far below the loudest frame is a pause.
_PAUSE_DB = -30.0
_FRAME_SECONDS = 0.01
# An event without an end lasts to its first pause of that length.
_PAUSE_SECONDS, _LONGEST_SECONDS = 0.25, 3.0
_FADE_IN, _FADE_OUT = 0.002, 0.02
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)\s*(?:s|sec|seconds?)?"
_SENTENCE = re.compile(
    rf"^(?P<phrase>.+?)\s+(?:at\s+{_NUMBER}|from\s+{_NUMBER}\s+to\s+{_NUMBER})$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cue:
    """A sound that is to be heard at some time.

    Arguments
    ---------
    phrase : str
        What it is.
    onset : float
        Its begin in seconds.
    offset : float, optional
        Its end. None: when it ends by itself.

    Example
    -------
    >>> Cue("dog barking", 2.0).offset is None
    True
    """

    phrase: str
    onset: float
    offset: float | None = None

    def __str__(self) -> str:
        if self.offset is None:
            return f"{self.phrase} at {self.onset:g} s"
        return f"{self.phrase} from {self.onset:g} to {self.offset:g} s"


def read_cues(text: str | Path) -> list[Cue]:
    """Cues as people write them, or as a file holds them.

    Arguments
    ---------
    text : str or Path
        `"PHRASE at S, PHRASE from S to S"`, in seconds; between them commas,
        semicolons or line breaks. Or a text file of such lines.

    Returns
    -------
    list of Cue
        In the order of their onsets.

    Raises
    ------
    FileNotFoundError
        If a Path is no file.
    ValueError
        If a cue cannot be understood, or there is none.

    Example
    -------
    >>> for cue in read_cues("car horn from 5 to 7 s, dog barking at 2 s"):
    ...     print(cue)
    dog barking at 2 s
    car horn from 5 to 7 s
    """
    if isinstance(text, Path):
        if not text.is_file():
            raise FileNotFoundError(f"no timeline {text}: check the path")
        text = read_text(text)
    cues = []
    for line in filter(None, map(str.strip, re.split(r"[,;\n]", text))):
        match = _SENTENCE.match(line)
        if match is None:
            raise ValueError(
                f"{line!r} in the timeline is not understood: write PHRASE at "
                "SECONDS, or PHRASE from SECONDS to SECONDS"
            )
        at, start, end = match.group(2, 3, 4)
        offset = None if end is None else float(end)
        cue = Cue(
            clean_phrase(match["phrase"]),
            float(start if at is None else at),
            offset,
        )
        if offset is not None and offset <= cue.onset:
            raise ValueError(f"{cue}: it ends before it begins")
        cues.append(cue)
    if not cues:
        raise ValueError("the timeline is empty: write PHRASE at SECONDS")
    return sorted(cues, key=lambda cue: cue.onset)


def generate_timeline(
    generator: Any,
    cues: Sequence[Cue],
    duration_s: float,
    *,
    background: str | None = None,
    references: Any = None,
    clip_seconds: float = 10.0,
    seed: int = 0,
    **settings: Any,
) -> tuple[Tensor, int, list[SoundEvent]]:
    """Generates each sound by itself and puts it where it belongs.

    A sound begins where it is first heard: silence before it is cut off. It
    is repeated if it ends before it should, and cut if it goes on. All have
    the same level, 25 dB above the background.

    Arguments
    ---------
    generator : StyleTransferGenerator or StyledPipeline
        Makes the sounds, `clip_seconds` each.
    cues : sequence of Cue
        What is to be heard.
    duration_s : float
        Of the whole, in seconds.
    background : str, optional
        What is heard behind all of it.
    references : optional
        Sounds whose style all of them follow.
    clip_seconds : float
        What the generator was trained on.
    seed : int
        The i-th cue gets `seed + i`, the background the next one.
    **settings
        Others of the generator's `generate`.

    Returns
    -------
    tuple of torch.Tensor, int and list of SoundEvent
        Samples `[time]`, their rate, and where each sound is in truth.

    Raises
    ------
    ValueError
        If there is no cue, the timeline is longer than the clip, or a sound
        came out silent.

    Example
    -------
    >>> class Hum:
    ...     def generate(self, text, references, duration_s, seed):
    ...         wave = torch.zeros(round(duration_s * 1000))
    ...         wave[200:700] = 0.1
    ...         return wave, 1000
    >>> cues = read_cues("hum at 0.4, drone from 1 to 1.8")
    >>> wave, rate, events = generate_timeline(Hum(), cues, 2.0)
    >>> len(wave), [(e.phrase, e.onset, e.offset) for e in events]
    (2000, [('hum', 0.4, 0.9), ('drone', 1.0, 1.8)])
    """
    _check_cues(cues, duration_s)

    def make(text, number, seconds):
        wave, rate = generator.generate(
            text,
            references,
            duration_s=seconds,
            seed=seed + number,
            **settings,
        )
        if is_silent(wave):
            raise ValueError(
                f"{text!r} came out silent: try another seed or other words"
            )
        return wave, rate

    placed: list[SoundEvent] = []
    sounds = []
    for number, cue in enumerate(cues):
        wave, rate = make(cue.phrase, number, clip_seconds)
        most = duration_s - cue.onset
        if cue.offset is None:
            sound = _first(wave, rate, min(most, _LONGEST_SECONDS))
        else:
            sound = _filling(wave, rate, cue.offset - cue.onset)
        sounds.append(sound)
        offset = cue.onset + len(sound) / rate
        placed.append(SoundEvent(cue.phrase, cue.onset, offset, 1.0))
    whole = torch.zeros(round(duration_s * rate))
    if background is not None:
        wave, _ = make(background, len(cues), duration_s)
        whole += _at_level(wave, _BACKGROUND_DB)[: len(whole)]
    for event, sound in zip(placed, sounds, strict=True):
        start = round(event.onset * rate)
        part = sound[: len(whole) - start]
        whole[start : start + len(part)] += part
    return guard_peak(whole, "the timeline"), rate, placed


@dataclass(frozen=True)
class Comparison:
    """Which of the events that were asked for a detector has heard.

    Arguments
    ---------
    pairs : list of tuple
        Each event that was asked for, and the one that was heard for it, or
        None.
    false_alarms : list of SoundEvent
        What was heard and not asked for.

    Example
    -------
    >>> asked = SoundEvent("dog", 2.0, 3.0, 1.0)
    >>> heard = Comparison([(asked, SoundEvent("dog", 2.1, 2.9, 0.8))], [])
    >>> heard.fscore, round(heard.onset_error, 3)
    (1.0, 0.1)
    """

    pairs: list[tuple[SoundEvent, SoundEvent | None]]
    false_alarms: list[SoundEvent]

    @property
    def found(self) -> int:
        """How many were heard."""
        return sum(other is not None for _, other in self.pairs)

    @property
    def fscore(self) -> float:
        """2 x found / (asked + heard)."""
        heard = self.found + len(self.false_alarms)
        return 2 * self.found / (len(self.pairs) + heard)

    @property
    def onset_error(self) -> float:
        """Mean distance of onsets of those found, in seconds; NaN if none."""
        errors = [
            abs(asked.onset - other.onset)
            for asked, other in self.pairs
            if other is not None
        ]
        return float(np.mean(errors)) if errors else float("nan")

    def table(self) -> str:
        """One line for each event, then false alarms and scores."""
        width = max(
            [5, *(len(e.phrase) for e, _ in self.pairs)]
            + [len(e.phrase) for e in self.false_alarms]
        )
        lines = [f"{'event':{width}}  {'asked':>7} {'heard':>7} {'error':>7}"]
        for asked, other in self.pairs:
            line = f"{asked.phrase:{width}}  {asked.onset:7.2f} "
            if other is None:
                lines.append(line + f"{'not':>7} {'':>7}".rstrip())
            else:
                error = other.onset - asked.onset
                lines.append(line + f"{other.onset:7.2f} {error:+7.2f}")
        for extra in self.false_alarms:
            lines.append(
                f"{extra.phrase:{width}}  {'not':>7} {extra.onset:7.2f}"
            )
        lines.append(
            f"F-score {self.fscore:.2f}, mean onset error "
            f"{self.onset_error:.3f} s of {self.found} found"
        )
        return "\n".join(lines)


def compare_events(
    asked: Iterable[SoundEvent],
    heard: Iterable[SoundEvent],
    collar: float = 0.2,
) -> Comparison:
    """Finds for each event that was asked for the one that was heard.

    Events of one phrase are paired one to one, so that as many as possible
    have onsets within the collar, and these as near as possible.

    Arguments
    ---------
    asked, heard : iterable of SoundEvent
        What was asked for, and what a detector found.
    collar : float
        Largest distance of onsets in seconds.

    Returns
    -------
    Comparison
        Pairs in the order of `asked`, and what is left.

    Example
    -------
    >>> asked = [SoundEvent("dog", 2.0, 3.0, 1.0)]
    >>> late = [SoundEvent("dog", 2.5, 3.0, 0.9)]
    >>> compare_events(asked, late).found, compare_events(asked, late, 1).found
    (0, 1)
    """
    asked, heard = list(asked), list(heard)
    partner: dict[int, int] = {}
    for phrase in dict.fromkeys(event.phrase for event in asked):
        rows = [i for i, e in enumerate(asked) if e.phrase == phrase]
        columns = [i for i, e in enumerate(heard) if e.phrase == phrase]
        if not columns:
            continue
        distance = np.abs(
            np.subtract.outer(
                [asked[i].onset for i in rows],
                [heard[i].onset for i in columns],
            )
        )
        # Onsets in float: 2.2 s is 0.2 s from 2 s.
        cost = np.where(distance <= collar + 1e-9, distance, 1e6)
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if cost[row, column] < 1e6:
                partner[rows[row]] = columns[column]
    taken = set(partner.values())
    pairs = [
        (event, heard[partner[i]] if i in partner else None)
        for i, event in enumerate(asked)
    ]
    return Comparison(pairs, [e for i, e in enumerate(heard) if i not in taken])


def _check_cues(cues, duration_s):
    if not cues:
        raise ValueError("the timeline is empty: give a cue")
    for cue in cues:
        end = cue.onset if cue.offset is None else cue.offset
        if cue.onset >= duration_s or end > duration_s:
            raise ValueError(
                f"the timeline is longer than the clip of {duration_s:g} s "
                f"({cue}): give a longer duration or an earlier time"
            )


def _active(wave, rate):
    """Which frames are heard, and the length of a frame in samples."""
    frame = max(1, round(_FRAME_SECONDS * rate))
    whole = torch.nn.functional.pad(wave, (0, -len(wave) % frame))
    power = whole.reshape(-1, frame).square().mean(1)
    return power > power.max() * 10 ** (_PAUSE_DB / 10), frame


def _first(wave, rate, most):
    """From the first frame that is heard to the first pause."""
    active, frame = _active(wave, rate)
    on = active.nonzero().flatten().tolist()
    pause = _PAUSE_SECONDS * rate / frame
    last = on[0]
    for index in on:
        if index - last > pause:
            break
        last = index
    sound = wave[on[0] * frame : min((last + 1) * frame, len(wave))]
    return _shaped(sound[: round(most * rate)], rate)


def _filling(wave, rate, seconds):
    """From the first frame that is heard on, repeated as often as needed."""
    active, frame = _active(wave, rate)
    on = active.nonzero().flatten().tolist()
    sound = wave[on[0] * frame : min((on[-1] + 1) * frame, len(wave))]
    samples = round(seconds * rate)
    times = -(-samples // len(sound))
    if times > 1:
        sound = _faded(sound, rate).repeat(times)
    return _shaped(sound[:samples], rate)


def _shaped(sound, rate):
    return _faded(_at_level(sound, _EVENT_DB), rate)


def _faded(sound, rate):
    sound = sound.clone()
    for seconds, end in ((_FADE_IN, False), (_FADE_OUT, True)):
        count = min(round(seconds * rate), len(sound) // 2)
        slope = torch.linspace(0, 1, count + 2)[1:-1]
        if not count:
            continue
        if end:
            sound[-count:] *= slope.flip(0)
        else:
            sound[:count] *= slope
    return sound


def _at_level(wave, level_db):
    level = wave.square().mean().sqrt().clamp(min=1e-8)
    return wave * (10 ** (level_db / 20) / level)
