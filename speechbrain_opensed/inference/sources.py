"""Sound that is no file yet, as one.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from lhotse.cut import Cut

__all__ = ["sound_file", "sound_name"]


@contextmanager
def sound_file(audio: Any, rate: int | None = None) -> Iterator[Path]:
    """A file with the sound, for as long as the context lasts.

    Arguments
    ---------
    audio : str, Path, bytes, file object, array, tuple or lhotse.cut.Cut
        See `SoundEventDetector.detect`.
    rate : int, optional
        Samples per second, for an array.

    Yields
    ------
    Path
        The file itself where there is one, else a temporary one.

    Raises
    ------
    ValueError
        If it is none of these, or a rate is missing or without effect.

    Example
    -------
    >>> with sound_file((np.zeros(800), 8000)) as path:
    ...     soundfile.info(path).duration
    0.1
    """
    if isinstance(audio, tuple) and len(audio) == 2:
        if rate is not None:
            raise ValueError(
                "the rate is given twice: in the pair and as rate="
            )
        audio, rate = audio
    if isinstance(audio, (str, os.PathLike)):
        _refuse(rate, "a file")
        yield Path(audio)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        if isinstance(audio, (bytes, bytearray, memoryview)):
            _refuse(rate, "a file's bytes")
            path.write_bytes(audio)
        elif hasattr(audio, "read"):
            _refuse(rate, "a file")
            path.write_bytes(audio.read())
        elif isinstance(audio, Cut):
            _refuse(rate, "a cut")
            path = _write(path, audio.load_audio().T, audio.sampling_rate)
        else:
            path = _write(path, _samples(audio), rate)
        yield path


def sound_name(audio: Any) -> str:
    """What a result calls the sound: its path, or nothing.

    Arguments
    ---------
    audio : any
        See `SoundEventDetector.detect`.

    Returns
    -------
    str
        The path, a cut's id, a file object's name, or an empty text.

    Example
    -------
    >>> sound_name("a.wav"), sound_name(b"RIFF")
    ('a.wav', '')
    """
    if isinstance(audio, (str, os.PathLike)):
        return str(audio)
    if isinstance(audio, Cut):
        return audio.id
    name = getattr(audio, "name", "")
    return name if isinstance(name, str) else ""


def _refuse(rate, what):
    if rate is not None:
        raise ValueError(f"rate={rate} has no effect: {what} says its own")


def _samples(audio):
    if hasattr(audio, "detach"):
        audio = audio.detach().cpu().numpy()
    try:
        samples = np.asarray(audio)
    except ValueError as error:
        raise ValueError(f"samples are of no one shape ({error})") from error
    if samples.dtype.kind == "i":
        samples = samples / float(np.iinfo(samples.dtype).max + 1)
    if samples.dtype.kind != "f" or samples.ndim not in (1, 2):
        raise ValueError(
            f"{type(audio).__name__} of shape {list(samples.shape)}: give a "
            "path, bytes, a file object, samples [time] or [time, channels], "
            "or a cut"
        )
    # Sound has more samples than channels.
    if samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        samples = samples.T
    return samples


def _write(path, samples, rate):
    if rate is None:
        raise ValueError("samples without a rate: give rate=, in Hz")
    if samples.size == 0:
        raise ValueError("no samples: there is nothing to detect")
    path = path.with_suffix(".wav")
    soundfile.write(path, samples.astype(np.float32), int(rate), "FLOAT")
    return path
