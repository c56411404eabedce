"""A log-mel picture of a sound file of any length.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import get_window

from lhotse_recipes.sound import inspect_audio, mono_blocks

__all__ = [
    "SAMPLE_RATE",
    "draw_spectrogram",
    "hertz_to_mel",
    "log_mel_image",
]

SAMPLE_RATE = 16000
_FFT, _HOP, _MELS = 512, 160, 64
# Level in dB of what is about as loud as the noise of a recorder.
_QUIET = -20.0


def log_mel_image(path: str | Path, columns: int = 1600) -> np.ndarray:
    """Log-mel spectrogram of a file of any length, with few columns.

    Arguments
    ---------
    path : str or Path
        The sound file; it is read block by block.
    columns : int
        Most columns; neighbouring frames are averaged.

    Returns
    -------
    np.ndarray
        Level in dB, `[mel, columns]`.

    Example
    -------
    >>> import tempfile, soundfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.ones(16000), 16000)
    ...     log_mel_image(f"{folder}/a.wav", columns=50).shape
    (64, 50)
    """
    info = inspect_audio(path)
    frames = max(1, int(info.duration * SAMPLE_RATE) // _HOP)
    group = -(-frames // columns)
    window = get_window("hann", _FFT)
    bank = _mel_bank()
    step = group * _HOP
    buffer, image = np.zeros(_FFT // 2, np.float32), []

    span = step + _FFT - _HOP

    def columns_of(samples):
        while len(samples) >= span:
            views = np.lib.stride_tricks.sliding_window_view(
                samples[:span], _FFT
            )
            power = np.abs(np.fft.rfft(views[::_HOP] * window)) ** 2
            image.append(bank @ power.mean(axis=0))
            samples = samples[step:]
        return samples

    for block in mono_blocks(path, SAMPLE_RATE):
        buffer = columns_of(np.concatenate([buffer, block]))
    columns_of(np.pad(buffer, (0, span)))
    image = image[: -(-frames // group)]
    return 10 * np.log10(np.maximum(np.stack(image, axis=1), 1e-10))


def draw_spectrogram(axis: Any, audio: str | Path, duration: float) -> None:
    """Draw the spectrogram of a sound file.

    Arguments
    ---------
    axis : matplotlib.axes.Axes
        Where to.
    audio : str or Path
        The file.
    duration : float
        Its seconds.

    Example
    -------
    >>> draw_spectrogram(None, "no.wav", 1.0)
    Traceback (most recent call last):
    FileNotFoundError: no such file: no.wav; check the path
    """
    image = log_mel_image(audio)
    axis.imshow(
        image,
        origin="lower",
        aspect="auto",
        cmap="magma",
        # Silence is dark, also where there is nothing else.
        vmax=max(image.max(), _QUIET),
        vmin=max(image.max(), _QUIET) - 80,
        extent=(0, duration, 0, len(image)),
        interpolation="antialiased",
    )
    ticks = [250, 1000, 2000, 4000]
    axis.set_yticks(
        [
            hertz_to_mel(f) / hertz_to_mel(SAMPLE_RATE / 2) * len(image)
            for f in ticks
        ],
        [f"{f / 1000:g}" for f in ticks],
        fontsize=8,
    )
    axis.set_ylabel("kHz", fontsize=8)
    axis.tick_params(axis="x", bottom=False, labelbottom=False)


def hertz_to_mel(hertz: float | np.ndarray) -> float | np.ndarray:
    """Mels of a frequency in Hz.

    Arguments
    ---------
    hertz : float or np.ndarray
        Frequency.

    Returns
    -------
    float or np.ndarray
        Mels, after O'Shaughnessy.

    Example
    -------
    >>> round(hertz_to_mel(1000.0))
    1000
    """
    return 2595 * np.log10(1 + hertz / 700)


def _mel_bank():
    """Triangles between equally spaced mels: `[mels, bins]`."""
    bins = hertz_to_mel(np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1))
    edges = np.linspace(0, hertz_to_mel(SAMPLE_RATE / 2), _MELS + 2)
    width = edges[1] - edges[0]
    rise = 1 - np.abs(bins[None] - edges[1:-1, None]) / width
    bank = np.maximum(rise, 0)
    # Low bands are narrower than a bin: they take the nearest one.
    nearest = np.abs(bins[None] - edges[1:-1, None]).argmin(axis=1)
    empty = bank.sum(axis=1) < 0.5
    bank[empty, nearest[empty]] = 1
    return bank / bank.sum(axis=1, keepdims=True)
