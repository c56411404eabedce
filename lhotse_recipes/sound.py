"""Read a sound file of any rate, channel count and length block by block.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import firwin, resample_poly

__all__ = [
    "AudioInfo",
    "announce_conversion",
    "inspect_audio",
    "mono_blocks",
    "resample_blocks",
]

logger = logging.getLogger(__name__)

# A WAV written to a pipe announces (nearly) the largest size there is.
_STREAMED_WAV_BYTES = 0x7FFF0000


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a sound file says.

    Arguments
    ---------
    path : Path
        The file.
    sample_rate : int
        Samples per second.
    channels : int
        Number of channels.
    frames : int
        Samples in each channel.

    Example
    -------
    >>> AudioInfo(Path("a.wav"), 16000, 1, 8000).duration
    0.5
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def inspect_audio(path) -> AudioInfo:
    """Read the header of a sound file and refuse what cannot be used.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    AudioInfo
        Rate, channels and length.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, no audio, without samples or truncated.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.wav"
    ...     soundfile.write(file, np.zeros((800, 2)), 8000)
    ...     info = inspect_audio(file)
    >>> info.sample_rate, info.channels, info.duration
    (8000, 2, 0.1)
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}; check the path")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name the files in it")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): fetch it again")
    try:
        header = soundfile.info(path, verbose=True)
    except soundfile.SoundFileError as error:
        raise ValueError(
            f"{path} is not a sound file that libsndfile reads ({error}); "
            "convert it first, for example: ffmpeg -i INPUT out.wav"
        ) from error
    sizes = re.search(r"data\s*: (\d+) \(should be (\d+)\)", header.extra_info)
    if sizes and int(sizes[2]) < int(sizes[1]) < _STREAMED_WAV_BYTES:
        raise ValueError(
            f"{path} is truncated: {sizes[1]} bytes of samples announced, "
            f"{sizes[2]} present; fetch it again, or accept what is left "
            "with: ffmpeg -i INPUT out.wav"
        )
    if header.frames == 0:
        raise ValueError(f"{path} holds no samples: remove it or fetch it")
    return AudioInfo(path, header.samplerate, header.channels, header.frames)


def announce_conversion(info: AudioInfo, sample_rate: int, said: set):
    """Log, once per kind of file, that it is not what the model takes.

    Arguments
    ---------
    info : AudioInfo
        The file.
    sample_rate : int
        The model's, in Hz.
    said : set
        Kinds that were announced before; the file's is added.

    Example
    -------
    >>> said = set()
    >>> info = AudioInfo(Path("a.wav"), 44100, 2, 8000)
    >>> announce_conversion(info, 16000, said)
    >>> said
    {(44100, 2)}
    """
    kind = (info.sample_rate, info.channels)
    if kind in said or kind == (sample_rate, 1):
        return
    said.add(kind)
    logger.info(
        "%s: %d Hz, %d channels, converted to %d Hz mono (said once)",
        info.path,
        *kind,
        sample_rate,
    )
    if info.sample_rate < sample_rate:
        logger.warning(
            "%s holds nothing above %g kHz, the model expects up to %g kHz: "
            "scores may be worse (said once)",
            info.path,
            info.sample_rate / 2000,
            sample_rate / 2000,
        )


def mono_blocks(
    path, sample_rate: int, block_seconds: float = 30.0
) -> Iterator[np.ndarray]:
    """Stream a file as mono float32 blocks at one rate.

    Channels are averaged. Memory is bounded by the block, not by the file.

    Arguments
    ---------
    path : str or Path
        The file.
    sample_rate : int
        Rate of the blocks, in Hz.
    block_seconds : float
        How much is read at a time.

    Yields
    ------
    np.ndarray
        Samples `[time]`, float32.

    Raises
    ------
    ValueError
        If reading stops before the announced end, or a sample is NaN or
        infinite; the message names the file and the time.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.wav"
    ...     soundfile.write(file, np.zeros((800, 2)), 8000)
    ...     [block.shape for block in mono_blocks(file, 16000)]
    [(1600,)]
    """
    info = inspect_audio(path)
    yield from resample_blocks(
        _read_mono(info, max(1, round(block_seconds * info.sample_rate))),
        info.sample_rate,
        sample_rate,
    )


class _Stream(soundfile.SoundFile):
    """Read forwards only.

    SoundFile seeks to where it is after each read, which makes libsndfile
    1.2 decode the next blocks of an MP3 wrongly.
    """

    def seekable(self):
        return False


def _read_mono(info, block_size):
    position = 0
    with _Stream(info.path) as file:
        while position < info.frames:
            try:
                block = file.read(block_size, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise _truncated(info, position, error) from error
            if len(block) == 0:
                raise _truncated(info, position, "no more samples")
            finite = np.isfinite(block).all(axis=1)
            if not finite.all():
                first = (position + int(np.argmin(finite))) / info.sample_rate
                raise ValueError(
                    f"{info.path} holds NaN or infinite samples, the first "
                    f"at {first:.3f} s: export it again from its source"
                )
            position += len(block)
            yield block.mean(axis=1)


def _truncated(info, position, reason):
    return ValueError(
        f"{info.path} is truncated or damaged: {info.duration:.2f} s "
        f"announced, reading stopped after {position / info.sample_rate:.2f} "
        f"s ({reason}); fetch it again, or accept what is left with: "
        "ffmpeg -i INPUT out.wav"
    )


def resample_blocks(
    blocks: Iterable[np.ndarray], source_rate: int, target_rate: int
) -> Iterator[np.ndarray]:
    """Resample a stream exactly as if it were one array.

    The filter is that of `scipy.signal.resample_poly`; each block is
    filtered together with as much of its neighbours as the filter reaches.

    Arguments
    ---------
    blocks : iterable of np.ndarray
        Consecutive samples `[time]`.
    source_rate, target_rate : int
        Rates in Hz.

    Yields
    ------
    np.ndarray
        Consecutive samples `[time]` at the target rate, in all
        `ceil(samples * target_rate / source_rate)`.

    Example
    -------
    >>> blocks = [np.ones(441, "float32")] * 10
    >>> sum(map(len, resample_blocks(blocks, 44100, 16000)))
    1600
    """
    if source_rate == target_rate:
        yield from blocks
        return
    divisor = math.gcd(source_rate, target_rate)
    up, down = target_rate // divisor, source_rate // divisor
    half = 10 * max(up, down)
    taps = firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0))
    taps = taps.astype(np.float32)
    # Whole multiples of `down` keep every block on the output's grid.
    context = down * math.ceil((half / up + 1) / down)
    step = down * max(1, math.ceil(10 * source_rate / down))
    buffer, before = np.zeros(0, np.float32), 0
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= before + step + context:
            part = resample_poly(
                buffer[: before + step + context], up, down, window=taps
            )
            start = before // down * up
            yield part[start : start + step // down * up]
            keep = max(0, before + step - context)
            buffer, before = buffer[keep:], before + step - keep
    if len(buffer) > before:
        part = resample_poly(buffer, up, down, window=taps)
        yield part[before // down * up :]
