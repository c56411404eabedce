"""Sound that is no file yet, as one.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from lhotse.cut import Cut

from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.sound import writing_sound
from speechbrain_opensed.dataio.audio import read_cut

__all__ = ["as_samples", "check_rate", "sound_file", "sound_name"]

_MAX_RATE = 768_000


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
    with scratch_folder() as folder:
        path = folder / "sound"
        if isinstance(audio, (bytes, bytearray, memoryview)):
            _refuse(rate, "a file's bytes")
            path.write_bytes(audio)
        elif hasattr(audio, "read"):
            _refuse(rate, "a file")
            content = audio.read()
            if not isinstance(content, bytes):
                raise ValueError(
                    "the file object gives text: open it with mode 'rb'"
                )
            path.write_bytes(content)
        elif isinstance(audio, Cut):
            _refuse(rate, "a cut")
            path = _write(path, read_cut(audio).T, audio.sampling_rate)
        else:
            path = _write(path, _samples(audio), rate)
        try:
            yield path
        except ValueError as error:
            # Nobody knows the name of a file that we made.
            name = sound_name(audio) or "the sound"
            raise ValueError(str(error).replace(str(path), name)) from error


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
    is_array = hasattr(audio, "__array__") or isinstance(audio, (list, tuple))
    try:
        samples = as_samples(audio) if is_array else None
    except ValueError:
        if not hasattr(audio, "__array__"):
            samples = None
        else:
            raise
    if samples is None or samples.ndim not in (1, 2):
        shape = "" if samples is None else f" of shape {list(samples.shape)}"
        raise ValueError(
            f"{type(audio).__name__}{shape} is no sound: give a path, bytes, "
            "a file object, samples [time] or [time, channels], or a cut"
        )
    # Sound has more samples than channels.
    if samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        samples = samples.T
    return samples


def check_rate(rate: Any) -> int:
    """Samples per second, or an error.

    Arguments
    ---------
    rate : any
        What a user gave.

    Returns
    -------
    int
        The rate.

    Raises
    ------
    ValueError
        If it is no whole number, or none that a recording has.

    Example
    -------
    >>> check_rate(np.int64(16000))
    16000
    """
    whole = isinstance(rate, (int, np.integer)) and not isinstance(rate, bool)
    if isinstance(rate, (float, np.floating)) and float(rate).is_integer():
        whole = True
    if not whole or not 0 < rate <= _MAX_RATE:
        raise ValueError(
            f"rate is {rate!r}: give samples per second, a whole number up "
            f"to {_MAX_RATE}"
        )
    return int(rate)


def as_samples(audio: Any) -> np.ndarray:
    """Samples as floating point numbers; whole ones are at full scale.

    Arguments
    ---------
    audio : np.ndarray, torch.Tensor or sequence
        Any shape.

    Returns
    -------
    np.ndarray
        The same shape.

    Raises
    ------
    ValueError
        If they are no real numbers.

    Example
    -------
    >>> as_samples(np.array([16384, -32768], "int16")).tolist()
    [0.5, -1.0]
    """
    if hasattr(audio, "detach"):
        audio = audio.detach().cpu()
        audio = (audio.float() if audio.is_floating_point() else audio).numpy()
    try:
        samples = np.asarray(audio)
    except ValueError as error:
        raise ValueError(f"samples are of no one shape ({error})") from error
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples / float(np.iinfo(samples.dtype).max + 1)
    if samples.dtype.kind != "f":
        raise ValueError(
            f"samples of type {samples.dtype}: give real numbers, between -1 "
            "and 1"
        )
    return samples


def _write(path, samples, rate):
    if rate is None:
        raise ValueError("samples without a rate: give rate=, in Hz")
    rate = check_rate(rate)
    if samples.size == 0:
        raise ValueError("no samples: there is nothing to detect")
    path = path.with_suffix(".wav")
    if not np.isfinite(samples).all():
        raise ValueError(
            "samples hold NaN or infinite values: mend their source"
        )
    with writing_sound(path):
        soundfile.write(path, samples.astype(np.float32), rate, "FLOAT")
    return path
