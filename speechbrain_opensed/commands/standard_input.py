"""Sound on standard input: a file, or bare samples.

Authors
 * The speechbrain-opensed contributors 2026
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
import numpy as np
import soundfile

from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.sound import writing_sound

__all__ = ["RAW_FORMATS", "raw_blocks", "raw_options", "standard_input"]

#: Bare samples, and how numpy and libsndfile call them.
RAW_FORMATS = {
    "s16le": ("<i2", "PCM_16"),
    "s32le": ("<i4", "PCM_32"),
    "f32le": ("<f4", "FLOAT"),
}
_BYTES = 1 << 20


def raw_options(function: Callable) -> Callable:
    """Options for bare samples on standard input.

    Arguments
    ---------
    function : callable
        The command's function; takes `rate`, `raw_format`, `raw_channels`.

    Returns
    -------
    callable
        The function with the options.

    Example
    -------
    >>> @click.command()
    ... @raw_options
    ... def listen(rate, raw_format, raw_channels):
    ...     "Listens."
    >>> [option.name for option in listen.params]
    ['rate', 'raw_format', 'raw_channels']
    """
    for option in (
        click.option(
            "--raw-channels",
            type=click.IntRange(1, 64),
            default=None,
            help="Channels of bare samples; default: 1.",
        ),
        click.option(
            "--raw-format",
            type=click.Choice(list(RAW_FORMATS)),
            default=None,
            help="Kind of bare samples; default: s16le.",
        ),
        click.option(
            "--rate",
            type=click.IntRange(1, 768_000),
            default=None,
            help="Standard input (-) has bare samples, so many a second.",
        ),
    ):
        function = option(function)
    return function


@contextmanager
def standard_input(
    rate: int | None = None,
    raw_format: str | None = None,
    raw_channels: int | None = None,
    source: BinaryIO | None = None,
) -> Iterator[Path]:
    """What comes on standard input, as a file for the time of the context.

    Arguments
    ---------
    rate : int, optional
        Samples per second, where they are bare; None: it is a sound file.
    raw_format : str, optional
        A key of `RAW_FORMATS`.
    raw_channels : int, optional
        Of bare samples.
    source : binary file, optional
        Read in place of standard input.

    Yields
    ------
    Path
        The file, all that came.

    Raises
    ------
    ValueError
        If nothing comes.

    Example
    -------
    >>> import io
    >>> samples = io.BytesIO(bytes(16000))
    >>> with standard_input(8000, source=samples) as path:
    ...     soundfile.info(path).duration
    1.0
    """
    source = sys.stdin.buffer if source is None else source
    with scratch_folder() as folder:
        path = folder / "stdin"
        if rate is None:
            with open(path, "wb") as file:
                shutil.copyfileobj(source, file, _BYTES)
            _close_header(path)
            empty = path.stat().st_size == 0
        else:
            channels, kind = raw_channels or 1, raw_format or "s16le"
            # Its sizes have 64 bits.
            path = path.with_suffix(".w64")
            subtype = RAW_FORMATS[kind][1]
            with (
                writing_sound(path),
                soundfile.SoundFile(path, "w", rate, channels, subtype) as file,
            ):
                for block in raw_blocks(source, kind, channels):
                    file.write(block)
                empty = file.frames == 0
        if empty:
            raise ValueError("nothing came on standard input")
        yield path


def _close_header(path):
    """Size of the samples, where a WAV was written to a pipe without one."""
    with open(path, "r+b") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                rest = path.stat().st_size - file.tell()
                if size == 0 and 0 < rest < 1 << 32:
                    file.seek(-4, 1)
                    file.write(rest.to_bytes(4, "little"))
                return
            file.seek(size + size % 2, 1)


def raw_blocks(
    source: BinaryIO, raw_format: str = "s16le", channels: int = 1
) -> Iterator[np.ndarray]:
    """Bare samples as they come, however they were cut.

    Arguments
    ---------
    source : binary file
        Where they come from.
    raw_format : str
        A key of `RAW_FORMATS`.
    channels : int
        How many take turns.

    Yields
    ------
    np.ndarray
        `[time, channels]`, of the format's own type; a last sample that is
        not whole is left out.

    Example
    -------
    >>> import io
    >>> [block.tolist() for block in raw_blocks(io.BytesIO(b"\\1\\0\\2\\0\\3"))]
    [[[1], [2]]]
    """
    kind = np.dtype(RAW_FORMATS[raw_format][0])
    frame, rest = kind.itemsize * channels, b""
    # A pipe gives what is there, and does not wait for more.
    read = getattr(source, "read1", source.read)
    while piece := read(_BYTES):
        rest += piece
        whole = len(rest) // frame * frame
        if whole:
            yield np.frombuffer(rest[:whole], kind).reshape(-1, channels)
            rest = rest[whole:]
