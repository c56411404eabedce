"""Whether a FLAC file is one stream, or several that were joined.

A stream begins with ``fLaC`` and a block of 34 bytes that tells its length
(RFC 9639, sections 6 and 8.2). Decoders read the first one; what stands
behind it, another one or a tag, they leave out or take for damage.
"""

import mmap
from pathlib import Path

__all__ = ["flac_links"]

# The marker, and the header of the first block: its kind, and its length.
_BEGINS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


def flac_links(path: str | Path) -> list[tuple[int, int]]:
    """
    Find the streams of a FLAC file.

    :param path: the file.
    :return: begin and end, in bytes, of the streams that follow each other.

    >>> import soundfile, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.flac"
    >>> soundfile.write(path, [0.0, 0.5, 0.25], 8000)
    >>> one = path.read_bytes()
    >>> _ = path.write_bytes(one * 2)
    >>> flac_links(path) == [(0, len(one)), (len(one), 2 * len(one))]
    True
    """
    begins: list[int] = []
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        for marker in _BEGINS:
            at = data.find(marker)
            while at >= 0:
                begins.append(at)
                at = data.find(marker, at + len(marker))
        size = len(data)
    # In front of the first marker may stand a tag.
    begins = [0, *sorted(begins)[1:]]
    return list(zip(begins, [*begins[1:], size], strict=True))
