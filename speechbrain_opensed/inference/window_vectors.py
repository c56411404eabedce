"""Vectors of recordings of any length, window by window, in flat memory.

Authors
 * The speechbrain-opensed contributors 2026
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lhotse_recipes.sound import (
    announce_conversion,
    inspect_audio,
    mono_blocks,
)
from speechbrain_opensed.inference.clip_batches import batch_waves
from speechbrain_opensed.inference.spaces import SoundSpace
from speechbrain_opensed.inference.windows import sliding_windows

__all__ = ["EncodedFile", "example_direction", "encode_files"]


@dataclass
class EncodedFile:
    """A file of which some windows are under way.

    Arguments
    ---------
    key : Any
        What it is called.
    seconds : float
        How long it is.
    sent, heard : int
        Windows that were cut, and heard.
    read : bool
        Whether all of it was read.
    error : Exception, optional
        Why it cannot be used.

    Example
    -------
    >>> EncodedFile("a.wav").read
    False
    """

    key: Any
    seconds: float = 0.0
    sent: int = 0
    heard: int = 0
    read: bool = False
    error: Exception | None = None


def encode_files(
    space: SoundSpace,
    paths: Iterable[tuple[Any, str | Path]],
    batch_size: int,
    said: set | None = None,
) -> Iterator[tuple[EncodedFile, int, int, Any]]:
    """Hear files one after another, windows of several short ones together.

    Arguments
    ---------
    space : SoundSpace
        The model.
    paths : iterable of (key, path)
        Any key, and the file.
    batch_size : int
        Windows that are heard at once.
    said : set, optional
        What was said before of files that are not what the model takes.

    Yields
    ------
    (EncodedFile, int, int, tuple)
        The file, first frame and frames of a window, and vectors of clip and
        frames; after a file's last window, and where it cannot be used, once
        more with None.

    Example
    -------
    >>> list(encode_files(SoundSpace(), [], 4))
    []
    """
    waiting: deque[EncodedFile] = deque()
    said = set() if said is None else said

    def windows() -> Iterator[tuple[tuple[EncodedFile, int], np.ndarray]]:
        for key, path in paths:
            spec = space.spec
            frame = spec.hop_samples
            frames = spec.num_samples // frame
            file = EncodedFile(key)
            waiting.append(file)
            try:
                info = inspect_audio(path)
                file.seconds = info.duration
                announce_conversion(info, spec.sample_rate, said)
                for start, wave in sliding_windows(
                    mono_blocks(info, spec.sample_rate),
                    frames * frame,
                    max(1, frames // 2) * frame,
                    frame,
                ):
                    file.sent += 1
                    yield (file, start), wave
            except (ValueError, OSError) as error:
                file.error = error
            file.read = True

    def over() -> Iterator[tuple[EncodedFile, int, int, Any]]:
        while waiting and waiting[0].read:
            if waiting[0].sent > waiting[0].heard:
                return
            yield waiting.popleft(), 0, 0, None

    # None is longer than a window, so that their number alone counts.
    for keys, waves in batch_waves(windows(), batch_size, sys.maxsize):
        heard = space.hear(waves)
        for (file, start), wave, one in zip(keys, waves, heard, strict=True):
            yield from over()
            file.heard += 1
            yield file, start, len(wave) // space.spec.hop_samples, one
    yield from over()


def example_direction(
    space: SoundSpace, path: str | Path, level: str
) -> np.ndarray:
    """The mean vector of what is heard in a file, `[dim]` of norm 1.

    Arguments
    ---------
    space : SoundSpace
        The model.
    path : str or Path
        The file.
    level : str
        `moment` or `window`.

    Returns
    -------
    np.ndarray
        The vector.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    ValueError
        If it cannot be used, or nothing is in it.

    Example
    -------
    >>> example_direction.__name__
    'example_direction'
    """
    total = np.zeros(space.dim, np.float64)
    for file, _, _, heard in encode_files(space, [(path, path)], 4):
        if heard is not None:
            clip, frames = heard
            total += clip if level == "window" else frames.sum(axis=0)
        elif file.error is not None:
            raise file.error
    norm = np.linalg.norm(total)
    if not norm > 0:
        raise ValueError(f"{path}: nothing is heard in it")
    return (total / norm).astype(np.float32)
