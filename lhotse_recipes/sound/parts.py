"""A part of a long sound file, without what comes before where that can be."""

from collections.abc import Iterator

import numpy as np
import soundfile

from lhotse_recipes.sound.files import (
    AudioInfo,
    read_blocks,
    refuse_not_finite,
)

__all__ = ["read_part"]

# Where seeking is exact: samples, or frames of samples, are counted.
_EXACT = {"WAV", "WAVEX", "FLAC", "AIFF", "AU", "W64", "RF64", "CAF"}


def read_part(
    info: AudioInfo, size: int, first: int, count: int
) -> Iterator[np.ndarray]:
    """
    Read a part of a file that was inspected, at its own rate.

    :param info: the file.
    :param size: samples of a block.
    :param first: the part's first sample.
    :param count: how many samples it has; fewer are read at the file's end.
    :return: blocks ``[samples, channels]``, float32.
    :raises ValueError: reading stops before the end that was seen, or a
        sample is NaN or infinite.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from lhotse_recipes.sound import inspect_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.wav"
    ...     soundfile.write(file, np.arange(10) / 16, 8000)
    ...     info = inspect_audio(file)
    ...     [len(block) for block in read_part(info, 4, first=3, count=6)]
    [4, 2]
    """
    count = min(count, info.frames - first)
    if info.decoder == "soundfile":
        with soundfile.SoundFile(info.path) as file:
            if file.format in _EXACT and file.seekable():
                yield from _sought(info, file, size, first, count)
                return
    position = 0
    for block in read_blocks(info, size):
        part = block[max(0, first - position) : first + count - position]
        if first + count - position > 0 and len(part):
            yield part
        position += len(block)
        if position >= first + count:
            return


def _sought(
    info: AudioInfo,
    file: soundfile.SoundFile,
    size: int,
    first: int,
    count: int,
) -> Iterator[np.ndarray]:
    position, end = first, first + count
    file.seek(first)
    while position < end:
        wanted = min(size, end - position)
        block = file.read(wanted, dtype="float32", always_2d=True)
        if len(block) < wanted:
            raise ValueError(
                f"{info.path} is truncated or damaged: reading stopped after "
                f"{(position + len(block)) / info.sample_rate:.2f} s; fetch "
                "it again"
            )
        refuse_not_finite(info, block, position)
        position += len(block)
        yield block
