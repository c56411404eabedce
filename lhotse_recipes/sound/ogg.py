"""Whether an Ogg file (Vorbis, Opus, FLAC) ends, and where its parts begin.

The last page of a whole stream says so: bit 4 of its header type
(RFC 3533, section 6). A download that broke off has a last page like any
other, or half of one. Joined files are a chain of streams (section 4), of
which decoders may read the first alone.
"""

import io
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

__all__ = ["is_ogg", "ogg_links", "open_links", "read_links"]

_FIRST, _LAST = 2, 4


def is_ogg(path: str | Path) -> bool:
    """
    Whether a file begins with an Ogg page.

    :param path: the file.
    :return: whether it does.
    """
    with open(path, "rb") as file:
        return file.read(4) == b"OggS"


def ogg_links(path: str | Path) -> list[tuple[int, int]]:
    """
    Walk over the pages of an Ogg file.

    :param path: the file.
    :return: begin and end, in bytes, of the streams that follow each other;
        nothing where one of them is not whole.

    >>> import tempfile
    >>> def page(kind):
    ...     return (
    ...         b"OggS" + bytes([0, kind]) + bytes(20) + bytes([1, 3]) + b"ab."
    ...     )
    >>> path = Path(tempfile.mkdtemp()) / "a.ogg"
    >>> _ = path.write_bytes((page(2) + page(0) + page(4)) * 2)
    >>> ogg_links(path)
    [(0, 93), (93, 186)]
    >>> _ = path.write_bytes(page(2) + page(0))
    >>> ogg_links(path)
    []
    """
    begins: list[int] = []
    kind, end = 0, 0
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        at = data.find(b"OggS")
        while at >= 0:
            if at + 27 > len(data):
                return []
            last, kind = kind, data[at + 5]
            # Streams side by side begin with several first pages in a row.
            if kind & _FIRST and not (begins and last & _FIRST):
                if begins and not last & _LAST:
                    return []
                begins.append(at)
            sizes = data[at + 27 : at + 27 + data[at + 26]]
            end = at + 27 + data[at + 26] + sum(sizes)
            if end > len(data):
                return []
            at = data.find(b"OggS", end)
    if not begins or not kind & _LAST:
        return []
    return list(zip(begins, [*begins[1:], end], strict=True))


def open_links(
    path: str | Path, links: list[tuple[int, int]]
) -> Iterator[soundfile.SoundFile]:
    """
    Open each of the streams that follow each other.

    :param path: the file.
    :param links: begin and end of each, in bytes.
    :return: the open streams, one at a time.
    """
    with open(path, "rb") as file:
        for begin, end in links:
            file.seek(begin)
            with soundfile.SoundFile(io.BytesIO(file.read(end - begin))) as one:
                yield one


def read_links(
    path: str | Path, links: list[tuple[int, int]], size: int
) -> Iterator[np.ndarray]:
    """
    Read the streams of a joined file, one after the other.

    :param path: the file.
    :param links: begin and end of each, in bytes.
    :param size: samples of a block.
    :return: blocks ``[samples, channels]``, float32.
    """
    for file in open_links(path, links):
        for first in range(0, file.frames, size):
            wanted = min(size, file.frames - first)
            yield file.read(wanted, dtype="float32", always_2d=True)
