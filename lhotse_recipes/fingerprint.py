"""What is kept on disk says what it was made from.

Whoever reuses a file compares first: another source or another setting means
that it is made anew, or refused in words, and never taken for what was asked.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from lhotse_recipes.outputs import write_atomically

__all__ = [
    "Stamp",
    "audio_files",
    "audio_key",
    "content_of",
    "digest",
    "state_of",
]

# What says nothing about the sound of a cut.
_SILENT = ("id", "supervisions", "custom")


def digest(value: Any) -> str:
    """
    A short text that changes with the value.

    :param value: plain data; mappings count without their order.
    :return: 24 hexadecimal digits.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest("a")
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def state_of(
    path: str | Path, leave_out: Collection[str | Path] = ()
) -> dict[str, Any]:
    """
    Where a file or folder is, and a digest of what it holds.

    A file counts by its content; of a folder, sizes and times of all files
    do, but for hidden ones, which are notes of programs.

    :param path: the file, or a folder with all that lies below it.
    :param leave_out: folders in it that are written to meanwhile.
    :return: ``{"path", "files", "state"}``.
    :raises FileNotFoundError: there is nothing.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("rain")
    >>> before = state_of(folder)
    >>> _ = (folder / "b.txt").write_text("dog")
    >>> before["files"], state_of(folder)["state"] == before["state"]
    (1, False)
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    place = os.path.abspath(path)
    if not path.is_dir():
        return {"path": place, "files": 1, "state": content_of(path)}
    rows = []
    for file in _walk(path, {os.path.realpath(one) for one in leave_out}):
        status = os.stat(file)
        name = os.path.relpath(file, path)
        rows.append([name, status.st_size, status.st_mtime_ns])
    return {"path": place, "files": len(rows), "state": digest(rows)}


def _walk(root: Path, spared: set[str]) -> Iterator[str]:
    seen = set(spared)
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not name.startswith(".") and os.path.isfile(path):
                yield path


def content_of(path: str | Path) -> str:
    """
    A digest of what is in a file, wherever it lies.

    :param path: the file.
    :return: hexadecimal digits.
    """
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()[:24]


def audio_key(cut: Cut) -> str:
    """
    What a cut sounds like, as a short text.

    :param cut: a cut of one or several tracks.
    :return: a digest of the cut without its id and annotations, and of its
        files' paths, sizes and times of change.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> audio_key(dummy_cut(0)) == audio_key(dummy_cut(0, duration=0.5))
    False
    """
    return digest(_described(cut.to_dict()))


def _described(value: Any) -> Any:
    """A cut's description without what is not heard; files with their state."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, list | tuple):
        return [_described(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _described(v) for k, v in value.items() if k not in _SILENT}
    if value.get("type") == "file" and "source" in value:
        kept["source"] = os.path.abspath(value["source"])
        kept["state"] = _file_state(kept["source"])
    return kept


def audio_files(cut: Cut) -> dict[str, list[int]]:
    """
    The files that a cut's sound is in, as far as they are there.

    :param cut: a cut of one or several tracks.
    :return: path → size in bytes and time of change in nanoseconds.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> audio_files(dummy_cut(0))
    {}
    """
    tracks = getattr(cut, "tracks", None)
    parts = [cut] if tracks is None else [track.cut for track in tracks]
    paths = [
        os.path.abspath(source.source)
        for part in parts
        if getattr(part, "recording", None) is not None
        for source in part.recording.sources
        if source.type == "file"
    ]
    states = {path: _file_state(path) for path in paths}
    return {path: state for path, state in states.items() if state is not None}


def _file_state(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


@dataclass(frozen=True)
class Stamp:
    """
    A small file that says what the files beside it were made from.

    Who makes them writes it last; who finds it with the same words may use
    them.

    :param path: the file.
    :param about: sources and settings, as plain data.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> stamp = Stamp(folder / "made.json", {"seed": 0})
    >>> stamp.fits()
    False
    >>> stamp.write()
    >>> stamp.fits(), Stamp(stamp.path, {"seed": 1}).difference()
    (True, 'other seed (0 instead of 1)')
    """

    path: Path
    about: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> dict[str, Any] | None:
        """What stands there; None where nothing does."""
        try:
            found = json.loads(Path(self.path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}

    def fits(self) -> bool:
        """Whether it is there, says the same, and its files are unchanged."""
        found = self.read()
        if found is None or self._found() != self._plain():
            return False
        folder = Path(self.path).parent
        return all(
            (folder / name).is_file() and content_of(folder / name) == content
            for name, content in found.get("files", {}).items()
        )

    def difference(self) -> str:
        """What stands there that is not so here, in words; "" if nothing."""
        found, wanted = self._found(), self._plain()
        if not found:
            return "what it does not say"
        if found == wanted:
            return "the same, but its files are others now"
        return "; ".join(
            f"other {name} "
            f"({_short(found.get(name))} instead of {_short(wanted.get(name))})"
            for name in {**wanted, **found}
            if found.get(name) != wanted.get(name)
        )

    def refuse_other(self, what: str, remedy: str) -> bool:
        """
        Whether it is there, and says the same.

        :param what: what is there then, for the message.
        :param remedy: what to do about it.
        :return: False where there is none.
        :raises ValueError: it says something else; the message says what.
        """
        if self.read() is None:
            return False
        if not self.fits():
            raise ValueError(
                f"{self.path.parent} holds {what} made from "
                f"{self.difference()}: {remedy} ({self.path.name} in it says "
                "what it was made from)"
            )
        return True

    def remove(self) -> None:
        """Take it away, before what it speaks of is changed."""
        Path(self.path).unlink(missing_ok=True)

    def write(self, files: Iterable[str | Path] = (), **kept: Any) -> None:
        """
        Write it, whole.

        :param files: small files beside or below it, whose contents count.
        :param kept: further plain data to find there.
        """
        if files:
            folder = Path(self.path).parent
            kept["files"] = {
                Path(file).relative_to(folder).as_posix(): content_of(file)
                for file in files
            }
        with write_atomically(self.path) as file:
            json.dump(
                {
                    "about": self._plain(),
                    "version": version("speechbrain-opensed"),
                    **kept,
                },
                file,
                indent=1,
                ensure_ascii=False,
            )

    def _found(self) -> dict[str, Any]:
        found = self.read() or {}
        # Before there was this class, the words stood there alone.
        about = found.get("about", found)
        return about if isinstance(about, dict) else {}

    def _plain(self) -> Any:
        return json.loads(json.dumps(dict(self.about), default=str))


def _short(value: Any) -> str:
    if isinstance(value, dict) and {"path", "state"} <= value.keys():
        return f"{value['path']}, {value['files']} files {value['state'][:6]}"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"{value}"[:200]
