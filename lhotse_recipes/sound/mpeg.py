"""MPEG audio (mp3, mp2) counted frame by frame, and read to its end.

Decoders estimate a file's length from its first frame or believe the number
that a Xing, Info or VBRI frame announces. Radio streams have none of these,
joined files those of their first part; the frames themselves do not lie.
"""

import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MpegCount", "audio_chunks", "count_mpeg", "feed"]

_RATES = (44100, 48000, 32000)
# kbit/s by [MPEG-1?][layer - 1].
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416,
                448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
                384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
                320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224,
                 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # fmt: skip
_TAGS = (b"Xing", b"Info", b"VBRI")


@dataclass(frozen=True)
class MpegCount:
    """
    What the frames of a file add up to.

    :param frames: frames that hold sound.
    :param samples: samples in each channel.
    :param announced: frames that the first index frame announces; None where
        there is none.
    :param indices: index frames: more than one where files were joined.
    :param cut_short: whether the last frame ends with the file, unfinished.
    """

    frames: int
    samples: int
    announced: int | None
    indices: int
    cut_short: bool

    @property
    def believable(self) -> bool:
        """Whether a decoder that believes the announced number is right."""
        return (
            self.indices == 1
            and self.announced is not None
            and abs(self.frames - self.announced) <= 1
        )

    @property
    def truncated(self) -> bool:
        """Whether less is there than was announced."""
        return (
            self.indices == 1
            and self.announced is not None
            and self.frames < self.announced - 1
        )


def _header(data: mmap.mmap, at: int) -> tuple[int, int, int] | None:
    """Bytes, samples and offset of an index of the frame at a place."""
    word = int.from_bytes(data[at : at + 4], "big")
    version, layer = (word >> 19) & 3, 4 - ((word >> 17) & 3)
    kbit, rate = (word >> 12) & 15, (word >> 10) & 3
    if (
        word >> 21 != 0x7FF
        or version == 1
        or layer == 4
        or kbit in (0, 15)
        or rate == 3
    ):
        return None
    first = version == 3
    hertz = _RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    bits = _KBITS[first, layer][kbit - 1] * 1000
    padding = (word >> 9) & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4, 384, 0
    samples = 576 if layer == 3 and not first else 1152
    mono = (word >> 6) & 3 == 3
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return samples // 8 * bits // hertz + padding, samples, 4 + side


def _frames(data: mmap.mmap) -> Iterator[tuple[int, int, int, bytes]]:
    """Place, bytes, samples and index tag of each frame."""
    at = _after_id3(data, 0)
    synced = False
    while at + 4 <= len(data):
        found = _header(data, at)
        if found is None:
            synced = False
            following = data.find(b"\xff", at + 1)
            if data[at : at + 3] == b"ID3":
                following = _after_id3(data, at)
            if following < 0:
                return
            at = max(following, at + 1)
            continue
        size, samples, index = found
        end = at + size
        # Two frames in a row: what looks like one header may be anything, a
        # picture in a tag above all.
        if not synced and end != len(data) and not _header(data, end):
            at += 1
            continue
        synced = True
        tag = data[at + index : at + index + 4] if index else b""
        if data[at + 36 : at + 40] == b"VBRI":
            tag = b"VBRI"
        yield at, size, samples, tag if tag in _TAGS else b""
        at = end


def _after_id3(data: mmap.mmap, at: int) -> int:
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at


@contextmanager
def _mapped(path: str | Path) -> Iterator[mmap.mmap]:
    """A file's bytes, of which only those in use lie in memory."""
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        yield data


def count_mpeg(path: str | Path) -> MpegCount:
    """
    Count the frames of an MPEG audio file.

    :param path: the file.
    :return: the count; no frames where the file holds no MPEG audio.

    >>> import tempfile
    >>> frame = b"\\xff\\xfb\\x90\\xc0" + bytes(413)
    >>> path = Path(tempfile.mkdtemp()) / "a.mp3"
    >>> _ = path.write_bytes(frame * 10)
    >>> count = count_mpeg(path)
    >>> count.frames, count.samples, count.announced
    (10, 11520, None)
    """
    number = total = indices = 0
    announced = None
    cut_short = False
    with _mapped(path) as data:
        for at, size, samples, tag in _frames(data):
            if tag:
                indices += 1
                if indices == 1:
                    announced = _announced(data, at, tag)
                continue
            if at + size > len(data):
                cut_short = True
                continue
            number += 1
            total += samples
    return MpegCount(number, total, announced, indices, cut_short)


def _announced(data: mmap.mmap, at: int, tag: bytes) -> int | None:
    if tag == b"VBRI":
        return int.from_bytes(data[at + 50 : at + 54], "big")
    place = data.find(tag, at)
    flags = int.from_bytes(data[place + 4 : place + 8], "big")
    if not flags & 1:
        return None
    return int.from_bytes(data[place + 8 : place + 12], "big")


def audio_chunks(path: str | Path) -> Iterator[bytes]:
    """
    The frames that hold sound, without index frames, tags and the unfinished.

    :param path: the file.
    :return: bytes of some frames at a time.
    """
    begin = end = None
    with _mapped(path) as data:
        for at, size, _, tag in _frames(data):
            if tag or at + size > len(data):
                continue
            if begin is not None and (at != end or end - begin > 1 << 20):
                yield data[begin:end]
                begin = at
            begin = at if begin is None else begin
            end = at + size
        if begin is not None:
            yield data[begin:end]


def feed(path: str | Path) -> int:
    """
    A pipe from which the frames of a file can be read.

    From a pipe a decoder cannot estimate: it reads to the end.

    :param path: the file.
    :return: the pipe's descriptor, to be closed by the reader.
    """
    reader, writer = os.pipe()

    def write() -> None:
        # A reader that has enough closes the pipe.
        with suppress(BrokenPipeError, OSError), os.fdopen(writer, "wb") as out:
            for chunk in audio_chunks(path):
                out.write(chunk)

    threading.Thread(target=write, daemon=True).start()
    return reader
