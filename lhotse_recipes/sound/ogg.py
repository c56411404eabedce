"""Whether an Ogg file (Vorbis, Opus, FLAC) ends where it should.

The last page of a whole stream says so: bit 4 of its header type
(RFC 3533, section 6). A download that broke off has a last page like any
other, or half of one.
"""

from pathlib import Path

__all__ = ["ogg_ends"]

_TAIL = 1 << 17


def ogg_ends(path: str | Path) -> bool:
    """
    Look at the last page of an Ogg file.

    :param path: the file.
    :return: whether it is complete and says that the stream ends.

    >>> import tempfile
    >>> page = b"OggS" + bytes([0, 4]) + bytes(20) + bytes([1, 3]) + b"abc"
    >>> path = Path(tempfile.mkdtemp()) / "a.ogg"
    >>> _ = path.write_bytes(page)
    >>> ogg_ends(path)
    True
    >>> _ = path.write_bytes(page[:-1])
    >>> ogg_ends(path)
    False
    """
    path = Path(path)
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return False
    count = tail[at + 26]
    sizes = tail[at + 27 : at + 27 + count]
    complete = len(sizes) == count and at + 27 + count + sum(sizes) <= len(tail)
    return complete and bool(tail[at + 5] & 4)
