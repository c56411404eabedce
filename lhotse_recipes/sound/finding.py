"""Which sound files a user means: names, folders, patterns."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lhotse_recipes.sound.files import READABLE

__all__ = ["FoundSounds", "find_sounds", "walk_files"]

#: What stands for standard input.
STANDARD_INPUT = "-"


@dataclass
class FoundSounds:
    """
    What was found, and what was not taken.

    :param paths: path → its place below the folder that was named, or its
        name, for results that lie in a folder of their own.
    :param passed_over: files in folders and patterns that are no sound, by
        their suffixes.
    :param twice: files that were found before, under this or another name.
    :param searched: whether a folder or pattern was among the names.

    >>> FoundSounds({"yard/a.wav": "a.wav"}, ["yard/notes.txt"]).summary()
    '1 file is no sound by its suffix and was passed over: yard/notes.txt'
    """

    paths: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    searched: bool = False

    def summary(self) -> str:
        """What was not taken, in words; empty if there is nothing to say."""
        parts = []
        if self.passed_over:
            parts.append(
                _listed(
                    self.passed_over,
                    "is no sound by its suffix and was passed over",
                    "are no sound by their suffix and were passed over",
                )
            )
        if self.twice:
            parts.append(
                _listed(
                    self.twice,
                    "was named twice and is heard once",
                    "were named twice and are heard once",
                )
            )
        return "; ".join(parts)


def _listed(names: list[str], one: str, several: str, most: int = 20) -> str:
    count = (
        f"1 file {one}" if len(names) == 1 else f"{len(names)} files {several}"
    )
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{count}: {', '.join(names[:most])}{more}"


def walk_files(root: str | Path) -> Iterator[str]:
    """
    All files below a folder, in a fixed order.

    Links are followed, each folder is entered once, hidden files and folders
    are left alone.

    :param root: the folder.
    :return: paths that begin with ``root``.
    :raises FileNotFoundError: there is no such folder.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(f"{root}: no such folder")

    def refuse(error: OSError) -> None:
        # What was removed meanwhile is not there; all else is to be told.
        if not isinstance(error, FileNotFoundError):
            raise error

    seen = set()
    for folder, folders, files in os.walk(
        root, onerror=refuse, followlinks=True
    ):
        try:
            status = os.stat(folder)
        except FileNotFoundError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.join(folder, name)


def find_sounds(names: Iterable[str]) -> FoundSounds:
    """
    The sound files that are meant by names, folders and patterns.

    A file that is named is taken whatever its suffix, and also where it is
    missing, for whoever opens it to say so. Of folders (with all below them)
    and of patterns (``*``, ``?``, ``[]``, ``**``), what has a suffix in
    ``READABLE`` is taken, the rest is noted.

    :param names: what a user wrote; ``-`` is standard input.
    :return: what was found.
    :raises FileNotFoundError: a folder or pattern without sounds.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.wav", "b.FLAC", "notes.txt"):
    ...     (folder / name).touch()
    >>> found = find_sounds([str(folder), str(folder / "*.wav")])
    >>> list(found.paths.values()), len(found.passed_over), len(found.twice)
    (['a.wav', 'b.FLAC'], 1, 1)
    """
    found = FoundSounds()
    known: set[str] = set()
    for name in names:
        files, named = _searched(name), False
        if files is None:
            files, named = [(name, os.path.basename(name))], True
        found.searched |= not named
        before = len(found.paths) + len(found.twice)
        for path, below in files:
            real = path if path == STANDARD_INPUT else os.path.realpath(path)
            if not named and not path.lower().endswith(READABLE):
                found.passed_over.append(path)
            elif real in known:
                found.twice.append(path)
            else:
                known.add(real)
                found.paths[path] = below
        if len(found.paths) + len(found.twice) == before:
            what = "in folder" if os.path.isdir(name) else "fits the pattern"
            raise FileNotFoundError(
                f"no sound file {what} {name}; sounds end in "
                f"{', '.join(READABLE)}"
            )
    return found


def _searched(name: str) -> list[tuple[str, str]] | None:
    """Files of a folder or pattern and their places; None: it is a file."""
    if name == STANDARD_INPUT or os.path.isfile(name):
        return None
    if os.path.isdir(name):
        return _below(name)
    if os.path.lexists(name) or not glob.has_magic(name):
        return None
    files = []
    for path in sorted(glob.glob(name, recursive=True)):
        if not os.path.isdir(path):
            files.append((path, os.path.basename(path)))
        elif "**" not in name:  # it has entered the folder itself
            files += _below(path)
    return files


def _below(folder: str) -> list[tuple[str, str]]:
    return [(p, os.path.relpath(p, folder)) for p in walk_files(folder)]
