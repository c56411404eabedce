"""Keep generated waves within bounds, and write them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import io
from pathlib import Path

import soundfile
import torch
from speechbrain.utils.logger import get_logger
from torch import Tensor

from lhotse_recipes.io import write_atomically

__all__ = ["check_wave_path", "guard_peak", "is_silent", "write_wave"]

logger = get_logger(__name__)

_FORMATS = {".wav": "WAV", ".flac": "FLAC"}
_PEAK = 0.99
_SILENCE = 10 ** (-70 / 20)


def guard_peak(wave: Tensor, name: str = "the sound") -> Tensor:
    """Bring down a wave that would be clipped.

    Arguments
    ---------
    wave : torch.Tensor
        `[time]`.
    name : str
        How messages call it.

    Returns
    -------
    torch.Tensor
        `[time]`, of a peak of at most 1; unchanged if it was.

    Raises
    ------
    ValueError
        If it is not finite.

    Example
    -------
    >>> guard_peak(torch.tensor([0.5, -2.0]))
    tensor([ 0.2475, -0.9900])
    """
    if not torch.isfinite(wave).all():
        raise ValueError(
            f"{name} holds NaN or infinite samples: generate it again with "
            "precision fp32 or less guidance"
        )
    peak = float(wave.abs().max())
    if peak <= 1:
        return wave
    logger.info("%s has a peak of %.2f and is brought down", name, peak)
    return wave * (_PEAK / peak)


def is_silent(wave: Tensor) -> bool:
    """Whether nothing is heard: a level below -70 dB of full scale.

    Arguments
    ---------
    wave : torch.Tensor
        `[time]`.

    Returns
    -------
    bool
        Whether it is.

    Example
    -------
    >>> is_silent(torch.zeros(8)), is_silent(torch.full((8,), 0.1))
    (True, False)
    """
    return bool(wave.square().mean().sqrt() < _SILENCE)


def write_wave(path: str | Path, wave: Tensor, sample_rate: int) -> Path:
    """Write 16 bit samples, whole or not at all.

    Arguments
    ---------
    path : str or Path
        A .wav or .flac file.
    wave : torch.Tensor
        `[time]`; brought down where it would be clipped.
    sample_rate : int
        In Hz.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the ending is another, or samples are not finite.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = write_wave(f"{folder}/a.wav", torch.full((160,), 2.0), 16000)
    ...     float(soundfile.read(out)[0].max().round(2))
    0.99
    """
    path = Path(path)
    kind = check_wave_path(path)
    wave = guard_peak(wave.detach().float().cpu(), str(path))
    encoded = io.BytesIO()
    soundfile.write(
        encoded, wave.numpy(), sample_rate, subtype="PCM_16", format=kind
    )
    with write_atomically(path, "wb") as file:
        file.write(encoded.getvalue())
    return path


def check_wave_path(path: str | Path) -> str:
    """Format of a sound file by its ending.

    Arguments
    ---------
    path : str or Path
        The file to be.

    Returns
    -------
    str
        Its name in libsndfile.

    Raises
    ------
    ValueError
        If the ending is neither .wav nor .flac.

    Example
    -------
    >>> check_wave_path("a.WAV")
    'WAV'
    """
    kind = _FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise ValueError(
            f"{path}: sounds are written as {' or '.join(_FORMATS)}"
        )
    return kind
