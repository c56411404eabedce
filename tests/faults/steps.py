"""Counts what a process changes in a folder, and ends it between two steps."""

import mmap
import os
import signal
import struct
import sys
import time
from pathlib import Path

__all__ = ["Steps"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    *("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link"),
    *("os.symlink", "os.truncate", "os.chmod"),
)


class Steps:
    """Tells of the changes of a forked process, by Python's audit hooks.

    What libraries write past Python is not counted; files that they write
    are moved and listed by Python.

    Arguments
    ---------
    folder : Path
        Whose changes count.
    """

    def __init__(self, folder: Path):
        self._shared = mmap.mmap(-1, 24)
        self._folder = str(folder)

    def reset(self) -> None:
        """Before another process."""
        self._shared[:] = struct.pack("qdd", 0, 0.0, time.monotonic())

    @property
    def number(self) -> int:
        """Changes so far."""
        return struct.unpack("qdd", self._shared[:])[0]

    @property
    def since(self) -> float:
        """Seconds from the reset to the first change."""
        _, first, begun = struct.unpack("qdd", self._shared[:])
        return first - begun if first else 0.0

    def count(self) -> None:
        """In the process: count."""
        self.kill_at(-1)

    def kill_at(self, last: int) -> None:
        """In the process: die, with all workers, before this change."""
        shared, folder = self._shared, self._folder

        def hook(name, args):
            if name == "open":
                if not (isinstance(args[2], int) and args[2] & _WRITES):
                    return
            elif name not in _CHANGES:
                return
            paths = [a for a in args[:2] if isinstance(a, str | os.PathLike)]
            if not any(os.fspath(p).startswith(folder) for p in paths):
                return
            number, first, begun = struct.unpack("qdd", shared[:])
            first = first or time.monotonic()
            if number + 1 == last:
                os.killpg(0, signal.SIGKILL)
            shared[:] = struct.pack("qdd", number + 1, first, begun)

        sys.addaudithook(hook)
