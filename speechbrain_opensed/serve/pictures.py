"""Pieces of a recording for the page: waveform, spectrogram, clips.

Authors
 * The speechbrain-opensed contributors 2026
"""

import io

import numpy as np
import soundfile
from matplotlib.image import imsave

from lhotse_recipes.sound import (
    AudioInfo,
    mix_down,
    mono_blocks,
    read_part,
    resample_blocks,
)
from speechbrain_opensed.plotting.spectrogram import log_mel_image

__all__ = ["clip_samples", "spectrogram_png", "wave_peaks", "wav_bytes"]

# Browsers play no more samples a second than this everywhere.
_MOST_RATE = 48000
_DECIBELS, _QUIET = 80.0, -20.0


def wave_peaks(info: AudioInfo, columns: int) -> list[float]:
    """How far the samples reach, for a picture of the wave.

    Arguments
    ---------
    info : AudioInfo
        The file.
    columns : int
        Spans of time, at most.

    Returns
    -------
    list of float
        For each span of time its sample of the largest size.

    Example
    -------
    >>> import tempfile
    >>> from lhotse_recipes.sound import inspect_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", [0.25, -0.5, 0, 0.125], 8000)
    ...     wave_peaks(inspect_audio(f"{folder}/a.wav"), 2)
    [-0.5, 0.125]
    """
    group = max(1, -(-info.frames // columns))
    peaks: list[float] = []
    rest = np.zeros(0, np.float32)
    for block in mono_blocks(info, info.sample_rate):
        rest = np.concatenate([rest, block])
        whole = len(rest) // group * group
        peaks += _largest(rest[:whole].reshape(-1, group))
        rest = rest[whole:]
    if len(rest):
        peaks += _largest(rest[None])
    return peaks


def _largest(rows):
    if not len(rows):
        return []
    at = np.abs(rows).argmax(1)
    return rows[np.arange(len(rows)), at].astype(float).round(4).tolist()


def spectrogram_png(info: AudioInfo, columns: int) -> bytes:
    """A log-mel picture of a recording, without axes.

    Arguments
    ---------
    info : AudioInfo
        The file.
    columns : int
        Pixels, at most.

    Returns
    -------
    bytes
        A PNG; low tones are at the bottom.

    Example
    -------
    >>> import tempfile
    >>> from lhotse_recipes.sound import inspect_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(8000), 8000)
    ...     spectrogram_png(inspect_audio(f"{folder}/a.wav"), 50)[1:4]
    b'PNG'
    """
    image = log_mel_image(info.path, columns)
    top = max(float(image.max()), _QUIET)
    file = io.BytesIO()
    imsave(
        file,
        image,
        vmin=top - _DECIBELS,
        vmax=top,
        cmap="magma",
        origin="lower",
        format="png",
    )
    return file.getvalue()


def clip_samples(
    info: AudioInfo, onset: float, offset: float
) -> tuple[np.ndarray, int]:
    """A part of a recording, in one channel.

    Arguments
    ---------
    info : AudioInfo
        The file.
    onset, offset : float
        From when to when, in seconds.

    Returns
    -------
    np.ndarray
        Samples `[time]`, float32, at least one.
    int
        Their rate, that of the file.

    Raises
    ------
    ValueError
        If the span is empty or begins behind the end.

    Example
    -------
    >>> import tempfile
    >>> from lhotse_recipes.sound import inspect_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(8000), 8000)
    ...     len(clip_samples(inspect_audio(f"{folder}/a.wav"), 0.5, 2)[0])
    4000
    """
    if not 0 <= onset < min(offset, info.duration):
        raise ValueError(
            f"no sound from {onset:g} to {offset:g} s: the recording has "
            f"{info.duration:g} s"
        )
    rate = info.sample_rate
    first = min(int(onset * rate), info.frames - 1)
    count = max(1, min(round((offset - onset) * rate), info.frames - first))
    size = 2**18

    def read():
        return read_part(info, size, first, count)

    blocks = mix_down(info.path.name, info.channels, read)
    return np.concatenate(list(blocks)), rate


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file that every browser plays.

    Arguments
    ---------
    samples : np.ndarray
        `[time]`.
    rate : int
        Samples per second; brought down where it is too high.

    Returns
    -------
    bytes
        16 bits, one channel.

    Example
    -------
    >>> wav_bytes(np.zeros(384, "float32"), 384000)[:4]
    b'RIFF'
    """
    if rate > _MOST_RATE:
        parts = list(resample_blocks([samples], rate, _MOST_RATE))
        samples, rate = np.concatenate(parts), _MOST_RATE
    file = io.BytesIO()
    soundfile.write(
        file, np.clip(samples, -1, 1), rate, format="WAV", subtype="PCM_16"
    )
    return file.getvalue()
