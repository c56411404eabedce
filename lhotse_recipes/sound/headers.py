"""What a header of uncompressed sound says against the bytes that are there."""

import re
import struct
from pathlib import Path

__all__ = ["check_sizes", "missing_bytes", "wrong_size"]

# Where libsndfile's log tells a size that does not fit the file, and by how
# many bytes of padding the two may differ.
_SIZES = {
    "WAV": (r"data", 0),
    "WAVEX": (r"data", 0),
    "CAF": (r"data", 0),
    "AIFF": (r"SSND", 0),
    "AU": (r"Data Size", 0),
    "W64": (r"riff", 7),
    "RF64": (r"Riff size", 1),
}
_LONGEST_WAV = 1 << 32
# Programs leave up to so many bytes of their own at a file's end.
_SLACK = 4096
_BLOCK = 1 << 20


def _written_to_a_pipe(size: int) -> bool:
    """Whether a size stands for "unknown", near the largest there is."""
    return 0x7FFF0000 <= size <= 0x80010000 or size >= 0xFFFF0000


def missing_bytes(container: str, log: str) -> tuple[int, int] | None:
    """
    Whether a file holds less than its header announces.

    :param container: libsndfile's name of the format.
    :param log: libsndfile's log of the header.
    :return: bytes announced and present, or None where all are there.

    >>> missing_bytes("WAV", "data : 640000 (should be 1000)")
    (640000, 1000)
    >>> missing_bytes("WAV", "data : 4294967295 (should be 1000)")
    """
    name, padding = _SIZES.get(container, (None, 0))
    if name is None:
        return None
    sizes = re.search(rf"^\s*{name}\s*: ?(\d+) \(should be (\d+)\)", log, re.M)
    if sizes is None:
        return None
    announced, present = int(sizes[1]), int(sizes[2])
    # The two sizes of 64 bits have no such convention below 2 ** 62.
    unknown = announced >= 1 << 62
    if container not in ("W64", "RF64"):
        unknown = _written_to_a_pipe(announced)
    if unknown or announced <= present + padding:
        return None
    return announced, present


def wrong_size(container: str, log: str, size: int, frames: int) -> bool:
    """
    Whether a WAV holds far more than its header says.

    :param container: libsndfile's name of the format.
    :param log: libsndfile's log of the header.
    :param size: bytes of the file.
    :param frames: samples in each channel that libsndfile would read.
    :return: whether it was never finished, or is longer than 4 GiB, which
        the header's 32 bits cannot tell.

    >>> wrong_size("WAV", " Block Align : 2", 5_000_000_000, 350_000_000)
    True
    >>> wrong_size("WAV", " Block Align : 2", 640_044, 320_000)
    False
    """
    if container not in ("WAV", "WAVEX"):
        return False
    if frames == 0:
        return size > 1024
    align = re.search(r"Block Align\s*: (\d+)", log)
    held = frames * int(align[1]) if align else size
    return size > _LONGEST_WAV and size - held > _LONGEST_WAV // 2


def unread_bytes(path: Path) -> int:
    """
    How many bytes lie behind the last chunk of a WAV that are no chunk.

    A recorder that was stopped leaves a header of an earlier moment, and
    samples that nobody would read.

    :param path: the file.
    :return: their number; 0 where the next bytes name a chunk or tag, or all
        are zeros, which a recorder reserves.

    >>> import struct, tempfile
    >>> head = b"RIFF" + struct.pack("<I", 48) + b"WAVE"
    >>> data = b"data" + struct.pack("<I", 2) + bytes(2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.wav"
    ...     _ = file.write_bytes(head + data + bytes([1, 255] * 9))
    ...     unread_bytes(file)
    18
    """
    size, place, seen = path.stat().st_size, 12, False
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        while place + 8 <= size:
            file.seek(place)
            name, length = struct.unpack("<4sI", file.read(8))
            if not all(32 <= letter < 127 for letter in name):
                break
            seen = seen or name == b"data"
            place += 8 + length + length % 2
        if not seen or place >= size or name[:3] in (b"ID3", b"TAG"):
            return 0
        file.seek(place)
        while block := file.read(_BLOCK):
            if block.strip(b"\0"):
                return size - place
        return 0


def check_sizes(path: Path, container: str, log: str, frames: int) -> None:
    """
    Refuse a file whose header and bytes do not fit.

    :param path: the file.
    :param container: libsndfile's name of the format.
    :param log: libsndfile's log of the header.
    :param frames: samples in each channel that libsndfile would read.
    :raises ValueError: it is truncated, was not closed, or is longer than its
        header can say.
    """
    sizes = missing_bytes(container, log)
    if sizes is not None:
        raise ValueError(
            f"{path} is truncated: {sizes[0]} bytes announced, {sizes[1]} "
            "present; fetch it again, or accept what is left with: ffmpeg -i "
            "INPUT out.wav"
        )
    size = path.stat().st_size
    if wrong_size(container, log, size, frames):
        raise ValueError(
            f"{path} has {size} bytes, its header tells of {frames} samples: "
            "it was not closed, or is longer than a WAV's header can say; "
            "write it anew with: ffmpeg -ignore_length 1 -i INPUT -rf64 auto "
            "out.wav"
        )
    unread = unread_bytes(path) if container in ("WAV", "WAVEX") else 0
    if unread > max(_SLACK, size // 100):
        raise ValueError(
            f"{path} holds {unread} bytes behind what its header tells of "
            f"({frames} samples): it was not closed; write it anew with: "
            "ffmpeg -ignore_length 1 -i INPUT out.wav"
        )
