"""Sound files of any kind, rate, channel count and length, block by block."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from lhotse_recipes.sound.channels import mix_down
from lhotse_recipes.sound.ffmpeg import available, decode, probe
from lhotse_recipes.sound.flac import flac_links
from lhotse_recipes.sound.headers import check_sizes
from lhotse_recipes.sound.mpeg import count_mpeg, feed
from lhotse_recipes.sound.ogg import (
    is_ogg,
    ogg_links,
    open_links,
    read_links,
)
from lhotse_recipes.sound.resampling import resample_blocks

__all__ = [
    "READABLE",
    "AudioInfo",
    "announce_conversion",
    "inspect_audio",
    "mono_blocks",
    "read_blocks",
    "refuse_not_finite",
]

logger = logging.getLogger(__name__)

_BY_SOUNDFILE = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff",
    ".aifc", ".caf", ".au", ".snd", ".w64", ".rf64",
)  # fmt: skip
_BY_FFMPEG = (
    ".m4a", ".aac", ".mp4", ".m4v", ".mov", ".wma", ".webm", ".mkv", ".mka",
    ".avi", ".ac3", ".amr", ".3gp",
)  # fmt: skip
#: Suffixes of all files that are taken for sound.
READABLE = (*_BY_SOUNDFILE, *_BY_FFMPEG)
_MAX_RATE, _MAX_CHANNELS = 768_000, 64
# What libsndfile says of a FLAC that was written to a pipe.
_UNKNOWN_LENGTH = 2**63 - 1


@dataclass(frozen=True)
class AudioInfo:
    """
    What a sound file holds, as its end was seen.

    :param path: the file.
    :param sample_rate: samples per second.
    :param channels: number of channels.
    :param frames: samples in each channel.
    :param decoder: what reads it: ``soundfile``, ``mpeg`` (frame by frame,
        where the header is not to be believed), ``ogg`` or ``flac`` (stream
        by stream, where files were joined) or ``ffmpeg``.

    >>> AudioInfo(Path("a.wav"), 16000, 1, 8000).duration
    0.5
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int
    decoder: str = "soundfile"

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def inspect_audio(path: str | Path) -> AudioInfo:
    """
    See what a sound file holds, and that its end is there.

    Lengths are proven, not believed: frames of an MP3 are counted, the last
    page of an Ogg file has to end the stream, sizes in the header of an
    uncompressed file have to fit, the last sample of others has to be there.

    :param path: the file.
    :return: rate, channels and length.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: it is empty, no sound, without samples, truncated, or
        of a rate or number of channels that no recording has.

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
    if not path.is_file():
        raise ValueError(
            f"{path} is a pipe or device: send it to standard input, named -"
        )
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): fetch it again")
    if path.suffix.lower() == ".raw":
        raise ValueError(
            f"{path} is said to hold samples without a header: say what they "
            "are, for example: ffmpeg -f s16le -ar 16000 -ac 1 -i INPUT "
            "out.wav"
        )
    if path.suffix.lower() in _BY_FFMPEG:
        return _inspect_foreign(path, "libsndfile does not know this kind")
    try:
        with soundfile.SoundFile(path) as file:
            info = AudioInfo(path, file.samplerate, file.channels, file.frames)
            container, log = file.format, file.extra_info
            _check_limits(info)
            streams = flac_links(path) if container == "FLAC" else []
            if info.frames == _UNKNOWN_LENGTH:
                info = _read_through(info)
            elif container not in ("MP3", "MPEG", "OGG") and len(streams) < 2:
                _check_last_sample(info, file)
    except soundfile.SoundFileError as error:
        return _inspect_foreign(path, str(error))
    check_sizes(path, container, log, info.frames)
    if container in ("MP3", "MPEG"):
        info = _counted(info)
    elif container == "OGG":
        info = _joined(info, _links(path), "ogg")
    elif len(streams) > 1:
        info = _joined(info, streams, "flac")
    if info.frames <= 0:
        raise ValueError(f"{path} holds no samples: remove it or fetch it")
    return info


def _check_limits(info: AudioInfo) -> None:
    if not 0 < info.sample_rate <= _MAX_RATE:
        raise ValueError(
            f"{info.path} announces {info.sample_rate} samples a second, more "
            f"than {_MAX_RATE}: its header is damaged, export it again"
        )
    if info.channels > _MAX_CHANNELS:
        raise ValueError(
            f"{info.path} announces {info.channels} channels, more than "
            f"{_MAX_CHANNELS}: its header is damaged, or split it first"
        )


def _check_last_sample(info: AudioInfo, file: soundfile.SoundFile) -> None:
    """A header survives truncation; the last sample does not."""
    if info.frames <= 0 or not file.seekable():
        return
    try:
        file.seek(info.frames - 1)
        complete = len(file.read(1)) == 1
    except soundfile.SoundFileError:
        complete = False
    if not complete:
        raise ValueError(
            f"{info.path} is truncated, it ends before its header says: fetch "
            "it again, or accept what is left with: ffmpeg -i INPUT out.wav"
        )


def _read_through(info: AudioInfo) -> AudioInfo:
    """A file whose header leaves the length open, read to its end."""
    frames = sum(len(block) for block in _decoded(info, 1 << 16))
    return AudioInfo(info.path, info.sample_rate, info.channels, frames)


def _links(path: Path) -> list[tuple[int, int]]:
    """The streams of an Ogg file that are joined, all of them whole."""
    links = ogg_links(path)
    if not links:
        raise ValueError(
            f"{path} is truncated: its last page does not end the stream; "
            "fetch it again, or accept what is left with: ffmpeg -i INPUT "
            "out.wav"
        )
    return links


def _joined(
    info: AudioInfo, links: list[tuple[int, int]], decoder: str
) -> AudioInfo:
    """A file with the length of all its streams."""
    if len(links) == 1:
        return info
    kind, frames = (info.sample_rate, info.channels), 0
    with _damage(info.path, links):
        for file in open_links(info.path, links):
            if (file.samplerate, file.channels) != kind:
                raise ValueError(
                    f"{info.path} joins {kind[0]} Hz, {kind[1]} channels and "
                    f"{file.samplerate} Hz, {file.channels} channels: convert "
                    "it first, for example: ffmpeg -i INPUT out.wav"
                )
            _check_last_sample(replace(info, frames=file.frames), file)
            frames += file.frames
    return AudioInfo(info.path, *kind, frames, decoder)


@contextmanager
def _damage(path: Path, links: list[tuple[int, int]]) -> Iterator[None]:
    try:
        yield
    except soundfile.SoundFileError as error:
        raise ValueError(
            f"{path} joins {len(links)} streams, and one of them is truncated "
            f"or damaged ({error}): fetch it again"
        ) from error


def _counted(info: AudioInfo) -> AudioInfo:
    """An MPEG file with the length of its frames, if they say otherwise."""
    count = count_mpeg(info.path)
    if count.truncated or (count.cut_short and count.believable):
        raise ValueError(
            f"{info.path} is truncated, it ends before its header says: "
            f"{count.announced} frames announced, {count.frames} present; "
            "fetch it again, or accept what is left with: ffmpeg -i INPUT "
            "out.wav"
        )
    if count.believable:
        return info
    return AudioInfo(
        info.path, info.sample_rate, info.channels, count.samples, "mpeg"
    )


def _inspect_foreign(path: Path, reason: str) -> AudioInfo:
    if available() is None:
        raise ValueError(
            f"{path} is not a sound file that libsndfile reads ({reason}); "
            "install ffmpeg, or pip install av, or convert it first, for "
            "example: ffmpeg -i INPUT out.wav"
        )
    try:
        rate, channels = probe(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a sound file that libsndfile reads ({reason}) or "
            f"ffmpeg ({error}): convert it first, for example: ffmpeg -i "
            "INPUT out.wav"
        ) from error
    info = AudioInfo(path, rate, channels, 0, "ffmpeg")
    _check_limits(info)
    if is_ogg(path):
        _links(path)
    # What a container announces is an estimate: it is decoded to its end.
    frames = sum(len(block) for block in decode(path, channels))
    if frames == 0:
        raise ValueError(f"{path} holds no samples: remove it or fetch it")
    return AudioInfo(path, rate, channels, frames, "ffmpeg")


def announce_conversion(info: AudioInfo, sample_rate: int, said: set) -> None:
    """
    Log, once per kind of file, that it is not what the model takes.

    :param info: the file.
    :param sample_rate: the model's, in Hz.
    :param said: kinds that were announced before; the file's is added.

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
    path: str | Path | AudioInfo,
    sample_rate: int,
    block_seconds: float = 30.0,
    channel: str | int = "mix",
) -> Iterator[np.ndarray]:
    """
    Stream a file as mono float32 blocks at one rate.

    Memory is bounded by the block, not by the file.

    :param path: the file, or what was seen of it.
    :param sample_rate: rate of the blocks, in Hz.
    :param block_seconds: how much is read at a time.
    :param channel: how several channels become one: ``mix`` averages them,
        ``left`` and ``right`` take the first and the second, ``loudest`` that
        with the most energy, a number that channel, from 1.
    :return: samples ``[time]``, float32. A mixture in which the channels
        cancel each other is announced in the log.
    :raises ValueError: reading stops before the end that was seen, a sample
        is NaN or infinite, or there is no such channel; the message names
        the file and the time.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.wav"
    ...     soundfile.write(file, np.zeros((800, 2)), 8000)
    ...     [block.shape for block in mono_blocks(file, 16000)]
    [(1600,)]
    """
    info = path if isinstance(path, AudioInfo) else inspect_audio(path)
    size = max(1, round(block_seconds * info.sample_rate))
    mono = mix_down(
        str(info.path),
        info.channels,
        lambda: read_blocks(info, size),
        channel,
    )
    yield from resample_blocks(mono, info.sample_rate, sample_rate)


class _Stream(soundfile.SoundFile):
    """Read forwards only.

    SoundFile seeks to where it is after each read, which makes libsndfile
    1.2 decode the next blocks of an MP3 wrongly.
    """

    def seekable(self) -> bool:
        return False


def read_blocks(
    info: AudioInfo, size: int, finite: bool = True
) -> Iterator[np.ndarray]:
    """
    Read a file that was inspected, with all its channels, at its own rate.

    :param info: the file.
    :param size: samples of a block.
    :param finite: whether samples that are NaN or infinite are refused.
    :return: blocks ``[samples, channels]``, float32.
    :raises ValueError: reading stops before the end that was seen, or a
        sample is NaN or infinite.
    """
    position = 0
    for block in _decoded(info, size):
        block = block[: info.frames - position]
        if finite:
            refuse_not_finite(info, block, position)
        position += len(block)
        if len(block):
            yield block
        if position >= info.frames:
            return
    # A decoder may keep back what it needs for the next frame.
    kept = 2 * 1152 if info.decoder == "mpeg" else 0
    if position < info.frames - kept:
        raise _truncated(info, position, "no more samples")
    if position < info.frames:
        yield np.zeros((info.frames - position, info.channels), np.float32)


def refuse_not_finite(
    info: AudioInfo, block: np.ndarray, position: int
) -> None:
    """
    Refuse samples that are no numbers.

    :param info: the file that they are of.
    :param block: samples ``[samples, channels]``.
    :param position: that of the first one, in the file.
    :raises ValueError: names the file and the time.

    >>> info = AudioInfo(Path("a.wav"), 8000, 1, 8)
    >>> refuse_not_finite(info, np.array([[0.0], [np.nan]]), 0)
    Traceback (most recent call last):
    ValueError: a.wav holds NaN or infinite samples, the first at 0.000 s: ...
    """
    numbers = np.isfinite(block).all(axis=1)
    if not numbers.all():
        first = (position + int(np.argmin(numbers))) / info.sample_rate
        raise ValueError(
            f"{info.path} holds NaN or infinite samples, the first "
            f"at {first:.3f} s: export it again from its source"
        )


def _decoded(info: AudioInfo, size: int) -> Iterator[np.ndarray]:
    if info.decoder == "ffmpeg":
        yield from decode(info.path, info.channels)
        return
    if info.decoder in ("ogg", "flac"):
        ogg = info.decoder == "ogg"
        links = _links(info.path) if ogg else flac_links(info.path)
        with _damage(info.path, links):
            yield from read_links(info.path, links, size)
        return
    source = feed(info.path) if info.decoder == "mpeg" else info.path
    position = 0
    try:
        with _Stream(source) as file:
            while position < info.frames:
                # No further than its end, behind which a tag may stand.
                wanted = min(size, info.frames - position)
                block = file.read(wanted, dtype="float32", always_2d=True)
                if len(block) == 0:
                    return
                position += len(block)
                yield block
    except soundfile.SoundFileError as error:
        raise _truncated(info, position, error) from error


def _truncated(info: AudioInfo, position: int, reason: object) -> ValueError:
    return ValueError(
        f"{info.path} is truncated or damaged: {info.duration:.2f} s "
        f"announced, reading stopped after {position / info.sample_rate:.2f} "
        f"s ({reason}); fetch it again, or accept what is left with: "
        "ffmpeg -i INPUT out.wav"
    )
