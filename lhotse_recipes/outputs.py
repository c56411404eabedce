"""Everything that is written goes out through here.

Files appear whole or not at all, devices and pipes are written to and not
replaced, and in a folder that is shared with its owner only what a list of
ours names is ever replaced or removed.
"""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from lhotse_recipes.holding import hold, is_held, let_go, new_part

__all__ = [
    "OWN_FILES",
    "is_stream",
    "locked",
    "own_files",
    "refuse_inputs",
    "rewrite_folder",
    "write_atomically",
    "write_together",
]

#: The list of what was written into a folder, in that folder.
OWN_FILES = ".opensed-files.json"
_STREAMS = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")
_BLOCK = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def write_atomically(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """
    Open a temporary file beside ``path`` and move it there on success.

    A reader meets the old file or the whole new one, never a part. When
    anything goes wrong the temporary file is removed; an error of the file
    system (disk full, no permission) is raised again with ``path`` in it.
    A symbolic link stays, and what it points to is written; devices and named
    pipes are written to directly.

    :param path: where the file shall be; missing folders are made.
    :param mode: ``"w"`` (UTF-8, line ends as written) or ``"wb"``.
    :return: context manager giving the open file.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_atomically(folder / "a" / "notes.txt") as file:
    ...     _ = file.write("rain")
    >>> (folder / "a" / "notes.txt").read_text()
    'rain'
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', not {mode!r}")
    with write_together([path], mode) as (file,):
        yield file


@contextmanager
def write_together(
    paths: Iterable[str | Path], mode: str = "wb"
) -> Iterator[list[IO]]:
    """
    Open several files that belong together: all appear, or none does.

    :param paths: the files; the one that is looked for first comes last.
    :param mode: as for :func:`write_atomically`.
    :return: context manager giving the open files.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_together([folder / "a", folder / "b"]) as (a, b):
    ...     _ = a.write(b"1"), b.write(b"2")
    >>> sorted(path.name for path in folder.iterdir())
    ['a', 'b']
    """
    wanted = [Path(path) for path in paths]
    text: dict[str, Any] = {}
    if mode == "w":
        text = {"encoding": "utf-8", "newline": ""}
    temporary: dict[Path, tuple[Path, Path]] = {}
    holds = ExitStack()
    try:
        with ExitStack() as opened:
            files = []
            for path in wanted:
                if is_stream(path):
                    # Appending, since a log may stand behind /dev/stdout.
                    file = open(path, mode, **text, opener=_append)
                else:
                    target = _target(path)
                    try:
                        target.parent.mkdir(parents=True, exist_ok=True)
                        part, held = new_part(target.parent)
                    except OSError as error:
                        raise _unwritten(error, path) from error
                    holds.callback(let_go, held)
                    temporary[path] = part, target
                    file = open(part, mode, **text)
                files.append(opened.enter_context(file))
            yield files
        _move(list(temporary.values()))
    except OSError as error:
        # Errors of other files (a source that is read meanwhile) carry their
        # own names; errors of writing carry none or one of these.
        ours = {str(part): path for path, (part, _) in temporary.items()}
        name = error.filename
        if error.errno is None or not (name is None or str(name) in ours):
            raise
        raise _unwritten(error, ours.get(str(name), wanted[0])) from error
    finally:
        for part, _ in temporary.values():
            # The error that led here is told, not one of tidying up.
            with suppress(OSError):
                part.unlink()
        holds.close()


def _unwritten(error: OSError, path: Path) -> OSError:
    remedy = "choose a writable folder"
    if error.errno in _FULL:
        remedy = "free some space"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "choose a shorter name"
    return OSError(
        error.errno,
        f"{os.strerror(error.errno or 0)}; it was not written, {remedy}",
        str(path),
    )


def is_stream(path: str | Path) -> bool:
    """
    Whether it takes what is written, instead of becoming a file.

    :param path: any path.
    :return: True for devices, pipes and what is open already.

    >>> is_stream("/dev/null"), is_stream("/dev/stdout"), is_stream("a.tsv")
    (True, True, False)
    """
    if os.path.abspath(path).startswith(_STREAMS):
        return os.path.exists(path)
    try:
        kind = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def _append(path: str, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND)


def _target(path: Path) -> Path:
    """The file itself, behind any links, if it may be written."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "this is a folder; name a file", str(path)
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(
            errno.EACCES,
            "the file is write-protected; choose another name",
            str(path),
        )
    return target


def _move(moves: list[tuple[Path, Path]]) -> None:
    """Put files into their places; where one fails, as it was before."""
    for part, target in moves:
        if target.exists():
            shutil.copymode(target, part)
    if len(moves) == 1:
        os.replace(*moves[0])
        return
    kept: list[tuple[Path, Path]] = []
    done = []
    held = None
    try:
        if existing := [target for _, target in moves if target.exists()]:
            folder, held = new_part(existing[0].parent, is_folder=True)
        for number, target in enumerate(existing):
            kept.append((folder / str(number), target))
            try:
                os.link(target, kept[-1][0])
            except OSError:  # not every file system has links
                shutil.copy2(target, kept[-1][0])
        for part, target in moves:
            os.replace(part, target)
            done.append(target)
    except BaseException:
        for target in done:
            target.unlink()
        for old, target in kept:
            if old.exists() and not target.exists():
                os.replace(old, target)
        raise
    finally:
        if existing:
            shutil.rmtree(folder, ignore_errors=True)
            let_go(held)


def refuse_inputs(
    output: str | Path | None, inputs: Iterable[str | Path]
) -> None:
    """
    Refuse an output that is one of the inputs, under whatever name.

    :param output: where something is to be written; None is the screen.
    :param inputs: what is read for it.
    :raises ValueError: they are the same file.

    >>> refuse_inputs("a.wav", ["b.wav"])
    """
    if output is None or not os.path.isfile(output):
        return
    for name in inputs:
        if os.path.isfile(name) and os.path.samefile(output, name):
            raise ValueError(
                f"{output} is read as {name} and would be overwritten; "
                "choose another output"
            )


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """
    Hold what only one process may write; a second one is refused.

    The system gives the lock back however the process ends.

    :param path: the file or folder that is written.
    :raises OSError: another process holds it.

    >>> import tempfile
    >>> with locked(tempfile.mkdtemp()):
    ...     pass
    """
    path = Path(path)
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = hold(lock, make=True)
    except BlockingIOError as error:
        raise OSError(
            errno.EAGAIN,
            "another process is writing here; wait for it, or choose another "
            "output",
            str(path),
        ) from error
    except OSError as error:
        raise _unwritten(error, path) from error
    try:
        yield
    except OSError as error:
        # A write that failed does not know of what file it was.
        if error.filename is None and error.errno in _FULL:
            raise _unwritten(error, path) from error
        raise
    finally:
        # It goes while it is held: nobody can hold the one that is removed.
        if is_held(held):
            with suppress(OSError):
                lock.unlink()
            let_go(held)


def own_files(folder: str | Path) -> dict[str, dict[str, Any]]:
    """
    What was written into a folder by :func:`rewrite_folder`.

    :param folder: the folder.
    :return: path in it → ``{"size", "sha256"}``; nothing where there is no
        list.
    :raises ValueError: the list is damaged.
    """
    path = Path(folder) / OWN_FILES
    if not path.is_file():
        return {}
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["files"]
        if not all(_is_inside(name) for name in listed):
            raise ValueError("a file outside of the folder")
        return {name: dict(about) for name, about in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): move the folder away, or remove "
            "this file and what was written with it"
        ) from error


def _is_inside(name: str) -> bool:
    return bool(name) and not {os.sep, ".."}.intersection(Path(name).parts)


@contextmanager
def rewrite_folder(
    folder: str | Path,
    main: str,
    wanted: Iterable[str] = (),
    *,
    gives_way: str | None = None,
) -> Iterator[Path]:
    """
    Give an empty folder to fill, whose files then go into ``folder``.

    What was written this way before is replaced, or removed where it is not
    written any more. All else stays as it is; where a name that is needed is
    taken by something else, nothing is changed. A file of ours that was
    edited since is kept beside, under its name with ``.edited`` and a digest.

    :param folder: the folder, made when missing.
    :param main: the file without which the others are not used: it goes first
        and comes last, so that it never stands among files of another time.
    :param wanted: files that are known to come, so that a name that is taken
        is told before the work is done.
    :param gives_way: a file that is left out where the user has one of that
        name, or edited ours.
    :return: context manager giving the folder to fill.
    :raises ValueError: a name is taken by what was not written by us, or
        ours is of another kind, without the main file.
    :raises OSError: it cannot be written, or another process writes to it.
    """
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder")
    _refuse_taken(folder, main, [main, *wanted], own_files(folder))
    with locked(folder):
        old = own_files(folder)
        try:
            temporary, held = new_part(folder.parent, is_folder=True)
        except OSError as error:
            raise _unwritten(error, folder) from error
        try:
            yield temporary
            if gives_way and _is_theirs(folder, gives_way, old):
                (temporary / gives_way).unlink(missing_ok=True)
                old.pop(gives_way, None)
            new = {
                path.relative_to(temporary).as_posix(): {
                    "size": path.stat().st_size,
                    "sha256": _sha256(path),
                }
                for path in sorted(temporary.rglob("*"))
                if path.is_file()
            }
            with write_atomically(temporary / OWN_FILES) as file:
                json.dump({"files": new}, file, indent=1)
            if not folder.exists():
                os.replace(temporary, folder)
                return
            _refuse_taken(folder, main, new, old)
            _replace_files(folder, temporary, main, old, new)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            let_go(held)


def _is_theirs(folder: Path, name: str, ours: dict[str, Any]) -> bool:
    path = folder / name
    digest = path.is_file() and _sha256(path)
    return os.path.lexists(path) and digest != ours.get(name, {}).get("sha256")


def _refuse_taken(
    folder: Path, main: str, names: Iterable[str], ours: dict[str, Any]
) -> None:
    for name in names:
        if os.path.lexists(folder / name) and name not in ours:
            raise ValueError(
                f"{folder / name} is there already and was not written by "
                "us: move it away, or choose another folder"
            )
    if ours and main not in ours:
        raise ValueError(
            f"{folder / next(iter(ours))} is of another command, and would be "
            "removed: choose another folder"
        )


def _replace_files(
    folder: Path,
    temporary: Path,
    main: str,
    old: dict[str, dict[str, Any]],
    new: dict[str, dict[str, Any]],
) -> None:
    # First the list of both, so that a rerun after a kill knows all of ours.
    with write_atomically(folder / OWN_FILES) as file:
        json.dump({"files": {**old, **new}}, file, indent=1)
    for name in sorted(old, key=lambda name: name != main):
        path = folder / name
        if not path.is_file():
            continue
        digest = _sha256(path)
        if digest in (old[name].get("sha256"), new.get(name, {}).get("sha256")):
            path.unlink()
        else:
            os.replace(path, path.with_name(f"{path.name}.edited-{digest[:8]}"))
        with suppress(OSError):
            path.parent.rmdir()
    for name in [*sorted(new, key=lambda name: name == main), OWN_FILES]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary / name, folder / name)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
