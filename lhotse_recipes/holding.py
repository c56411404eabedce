"""Files that are held by the process that works on them, and by no other.

The system gives a lock back however a process ends. So what a killed one left
unfinished can be told from what another one is writing, and is removed by the
next that writes there.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["hold", "is_held", "let_go", "new_part", "scratch_folder"]

_PART = re.compile(r"\.opensed-[0-9a-f]{16}\.part")
_SCRATCH = re.compile(r"opensed-([a-z]+-)?\w{8}\.part")
_held: set[int] = set()
_swept: set[str] = set()


def hold(path: str | Path, make: bool = False, wait: bool = False) -> int:
    """
    Take the lock of a file or folder.

    :param path: the file or folder; no symbolic link.
    :param make: make an empty file where there is none.
    :param wait: until another process gives it back.
    :return: a file descriptor, for :func:`let_go`.
    :raises BlockingIOError: another process has it.
    :raises OSError: it cannot be opened, or the file system has no locks.

    >>> held = hold(tempfile.mkdtemp())
    >>> is_held(held), let_go(held), is_held(held)
    (True, None, False)
    """
    flags = os.O_RDWR | os.O_CREAT if make else os.O_RDONLY
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        held = os.open(path, flags, 0o666)
        try:
            fcntl.flock(held, how)
            # It may have been removed, and made anew, in between.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(held), os.lstat(path)):
                    _held.add(held)
                    return held
        except BaseException:
            os.close(held)
            raise
        os.close(held)


def let_go(held: int | None) -> None:
    """
    Give a lock back; nothing in a process that was forked meanwhile.

    :param held: what :func:`hold` gave.
    """
    if held in _held:
        _held.remove(held)
        os.close(held)


def is_held(held: int | None) -> bool:
    """
    Whether this process has a lock; one that was forked has none.

    :param held: what :func:`hold` gave.
    :return: True until :func:`let_go`.
    """
    return held in _held


def _forget() -> None:
    # A worker must not keep what its parent gives back.
    for held in _held:
        with suppress(OSError):
            os.close(held)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


def new_part(folder: Path, is_folder: bool = False) -> tuple[Path, int | None]:
    """
    A hidden file or folder for what is not finished.

    What others left in the same folder, and nobody holds, is removed.

    :param folder: where it is made.
    :param is_folder: make a folder, not a file.
    :return: its path, and what to :func:`let_go` when it is moved or removed.
    :raises OSError: it cannot be made.

    >>> part, held = new_part(Path(tempfile.mkdtemp()))
    >>> part.name.endswith(".part"), part.is_file()
    (True, True)
    >>> let_go(held)
    """
    _sweep(folder, _PART)
    while True:
        part = folder / f".opensed-{secrets.token_hex(8)}.part"
        if is_folder:
            part.mkdir()
        else:
            part.touch(exist_ok=False)
        try:
            return part, hold(part, wait=True)
        except FileNotFoundError:  # taken for one that was left
            continue
        except OSError:  # no locks here: nobody removes it, either
            return part, None


@contextmanager
def scratch_folder(what: str = "") -> Iterator[Path]:
    """
    A folder of one's own among the system's temporary files.

    Unlike one of :mod:`tempfile`, what a killed process leaves is removed by
    the next that asks for such a folder.

    :param what: a word for its name, in small letters.
    :return: context manager giving the folder, which is empty.

    >>> with scratch_folder("test") as folder:
    ...     folder.is_dir(), folder.name.startswith("opensed-test-")
    (True, True)
    """
    home = Path(tempfile.gettempdir())
    _sweep(home, _SCRATCH)
    prefix = f"opensed-{what}-" if what else "opensed-"
    held = None
    while True:
        folder = Path(tempfile.mkdtemp(".part", prefix, home))
        try:
            held = hold(folder, wait=True)
        except FileNotFoundError:  # taken for one that was left
            continue
        except OSError:  # no locks here: nobody removes it, either
            pass
        break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        let_go(held)


def _sweep(folder: Path, names: re.Pattern) -> None:
    """Remove what nobody finishes any more, once for each folder."""
    place = os.path.abspath(folder)
    if place in _swept:
        return
    _swept.add(place)
    try:
        with os.scandir(place) as entries:
            left = [one.path for one in entries if names.fullmatch(one.name)]
    except OSError:
        return
    for path in left:
        with suppress(OSError):
            _remove(path)


def _remove(path: str) -> None:
    about = os.lstat(path)
    if about.st_uid != os.geteuid():
        return
    held = hold(path)
    try:
        if stat.S_ISDIR(about.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    finally:
        let_go(held)
