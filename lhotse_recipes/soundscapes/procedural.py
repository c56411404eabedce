"""A bank of made-up sounds that say what they are: "high pulsing bell"."""

import io
import itertools
import os
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from lhotse import AudioSource, CutSet, MonoCut, Recording

from lhotse_recipes.building.corpus import ordered_map, process_pool
from lhotse_recipes.fingerprint import Stamp, digest
from lhotse_recipes.io import write_atomically, write_jsonl
from lhotse_recipes.schema import event
from lhotse_recipes.soundscapes.synthesis import (
    COLOURS,
    PATTERNS,
    REGISTERS,
    TIMBRES,
    coloured_noise,
    synthesize_event,
)

__all__ = ["ProceduralBank"]

VOCABULARY = "procedural"
BACKGROUND_SECONDS = 12.0

# Part of what identifies a written bank: raise it when the sounds change.
_VERSION = 2
_EVENT, _BACKGROUND = 0, 1


@dataclass(frozen=True)
class ProceduralBank:
    """
    A seeded generator of describable events and coloured-noise backgrounds.

    A phrase is a register, a pattern and a timbre, so a phrase that was never
    heard consists of words that were. Variant ``k`` of a phrase depends on
    the seed, the phrase and ``k`` alone.

    :param seed: of all sounds.
    :param sampling_rate: samples per second.

    >>> bank = ProceduralBank(seed=0)
    >>> len(bank.phrases), bank.phrases[0]
    (75, 'low steady tone')
    >>> samples = bank.synthesize("high pulsing bell", variant=3)
    >>> samples.dtype, samples.ndim
    (dtype('float32'), 1)
    """

    seed: int = 0
    sampling_rate: int = 16000
    words: tuple[tuple[str, ...], ...] = field(
        default=(tuple(REGISTERS), PATTERNS, TIMBRES), init=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.sampling_rate < 8000:
            raise ValueError(
                f"sampling_rate {self.sampling_rate} leaves no room for the "
                "high register; use at least 8000"
            )

    @property
    def phrases(self) -> tuple[str, ...]:
        """All phrases, register by register."""
        return tuple(
            " ".join(words) for words in itertools.product(*self.words)
        )

    def synthesize(self, phrase: str, variant: int) -> np.ndarray:
        """
        Make one event.

        :param phrase: one of :attr:`phrases`.
        :param variant: any number from 0.
        :return: float32 array ``[samples]``, 0.6 to 3 s.
        """
        words = self._split(phrase)
        place = [
            axis.index(word)
            for axis, word in zip(self.words, words, strict=True)
        ]
        rng = np.random.default_rng([self.seed, _EVENT, *place, variant])
        register, pattern, timbre = words
        return synthesize_event(
            register, pattern, timbre, rng, self.sampling_rate
        )

    def background(
        self, index: int, duration: float = BACKGROUND_SECONDS
    ) -> np.ndarray:
        """
        Make one background: noise whose colour goes by ``index``.

        :param index: any number from 0.
        :param duration: seconds.
        :return: float32 array ``[samples]``.
        """
        rng = np.random.default_rng([self.seed, _BACKGROUND, index])
        exponent = COLOURS[index % len(COLOURS)] + rng.uniform(-0.2, 0.2)
        return coloured_noise(duration, exponent, rng, self.sampling_rate)

    def write(
        self,
        output_dir: str | Path | None = None,
        per_phrase: int = 8,
        num_backgrounds: int = 20,
        *,
        phrases: Iterable[str] | None = None,
        num_jobs: int = 1,
        first_variant: int = 0,
    ) -> dict[str, CutSet]:
        """
        Write the sounds as FLAC, with manifests, or find them written.

        :param output_dir: folder; by default one below the user's cache
            (``$XDG_CACHE_HOME`` or ``~/.cache``), named by the parameters.
        :param per_phrase: variants of each phrase.
        :param num_backgrounds: number of backgrounds, 12 s each.
        :param phrases: which phrases; all by default.
        :param num_jobs: processes.
        :param first_variant: number of the first variant, so that training
            and test can have different ones.
        :return: ``{"events": CutSet, "backgrounds": CutSet}``; each event cut
            has one supervision from its start to its end.
        :raises ValueError: the folder holds a bank of other parameters, or a
            phrase is unknown.
        """
        chosen = self.phrases if phrases is None else tuple(phrases)
        for phrase in chosen:
            self._split(phrase)
        wanted: dict[str, Any] = {
            "version": _VERSION,
            "seed": self.seed,
            "sampling_rate": self.sampling_rate,
            "phrases": list(dict.fromkeys(chosen)),
            "variants": [first_variant, first_variant + per_phrase],
            "backgrounds": num_backgrounds,
        }
        if output_dir is None:
            output_dir = _cache_folder(wanted)
        folder = Path(output_dir).absolute()
        stamp = Stamp(folder / "procedural_bank.json", wanted)
        there = stamp.refuse_other(
            "a procedural bank", "remove it or choose another folder"
        )
        if not there:
            items = [
                (phrase, variant)
                for phrase in wanted["phrases"]
                for variant in range(*wanted["variants"])
            ] + [(None, index) for index in range(num_backgrounds)]
            self._write_audio(folder, items, num_jobs)
        cuts = {
            "events": CutSet.from_cuts(
                self._cut(folder, phrase, variant)
                for phrase in wanted["phrases"]
                for variant in range(*wanted["variants"])
            ),
            "backgrounds": CutSet.from_cuts(
                self._cut(folder, None, index)
                for index in range(num_backgrounds)
            ),
        }
        if not there:
            for part, items in cuts.items():
                write_jsonl(folder / f"procedural_cuts_{part}.jsonl.gz", items)
            stamp.write()
        return cuts

    def _split(self, phrase: str) -> list[str]:
        words = phrase.split(" ")
        if len(words) != len(self.words) or any(
            word not in axis
            for word, axis in zip(words, self.words, strict=True)
        ):
            axes = " + ".join("/".join(axis) for axis in self.words)
            raise ValueError(f"unknown phrase {phrase!r}; a phrase is {axes}")
        return words

    def _write_audio(
        self, folder: Path, items: Sequence[tuple], num_jobs: int
    ) -> None:
        make = partial(_write_one, self, folder)
        pool = process_pool(num_jobs) if num_jobs > 1 else nullcontext()
        with pool as workers:
            deque(
                ordered_map(
                    make, items, executor=workers, desc="procedural bank"
                ),
                maxlen=0,
            )

    def _cut(self, folder: Path, phrase: str | None, number: int) -> MonoCut:
        path = _path_of(folder, phrase, number)
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing from a bank that was complete; remove "
                f"{folder} to have it made again"
            )
        num_samples = soundfile.info(str(path)).frames
        name = f"procedural-{self.seed}-{path.parent.name}-{number}"
        duration = num_samples / self.sampling_rate
        recording = Recording(
            id=name,
            sources=[AudioSource("file", [0], str(path))],
            sampling_rate=self.sampling_rate,
            num_samples=num_samples,
            duration=duration,
        )
        supervisions = []
        if phrase is not None:
            supervisions.append(event(name, 0, 0.0, duration, phrase, phrase))
        return MonoCut(
            id=name,
            start=0.0,
            duration=duration,
            channel=0,
            recording=recording,
            supervisions=supervisions,
            custom={"vocabulary": VOCABULARY, "events_complete": True},
        )


def _cache_folder(parameters: dict) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = f"procedural-{digest(parameters)[:12]}"
    return Path(root) / "lhotse_recipes" / name


def _path_of(folder: Path, phrase: str | None, number: int) -> Path:
    if phrase is None:
        return folder / "backgrounds" / f"{number}.flac"
    return folder / "events" / phrase.replace(" ", "_") / f"{number}.flac"


def _write_one(bank: ProceduralBank, folder: Path, item: tuple) -> None:
    phrase, number = item
    if phrase is None:
        samples = bank.background(number)
    else:
        samples = bank.synthesize(phrase, number)
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, bank.sampling_rate, format="FLAC")
    with write_atomically(_path_of(folder, phrase, number), "wb") as file:
        file.write(encoded.getvalue())
