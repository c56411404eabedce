"""Files in folders of others: which of them may be replaced.

A list beside the folder says which files were written by us, and what they
were. Others, and those of ours that somebody has edited, stay.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lhotse_recipes.json_files import read_json
from lhotse_recipes.outputs import locked, write_atomically

__all__ = ["list_of", "replacing"]

_LIST = ".opensed-written.json"


def list_of(folder: str | Path) -> Path:
    """
    Where it is noted what was written into a folder.

    :param folder: the folder.
    :return: a file beside it; in it, where nothing can be written beside it.

    >>> list_of("/somewhere/labels").name
    '.opensed-written.json'
    """
    folder = Path(os.path.abspath(folder))
    if os.access(folder.parent, os.W_OK):
        return folder.with_name(f".{folder.name}{_LIST}")
    return folder / _LIST


@contextmanager
def replacing(
    folder: str | Path, paths: Iterable[str | Path]
) -> Iterator[None]:
    """
    Write files into a folder that may hold files of others.

    :param folder: the folder, made when missing.
    :param paths: the files in it that are about to be written.
    :raises ValueError: one is there and was not written this way, or was
        edited since.
    :raises OSError: another process writes to the folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for text in ("rain", "snow"):
    ...     with replacing(folder, [folder / "a.txt"]):
    ...         _ = (folder / "a.txt").write_text(text)
    >>> _ = (folder / "a.txt").write_text("by hand")
    >>> with replacing(folder, [folder / "a.txt"]):
    ...     pass
    Traceback (most recent call last):
    ValueError: .../a.txt is there already and was not written by us, or ...
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    listed = list_of(folder)
    with locked(listed):
        known = read_json(listed, dict) if listed.is_file() else {}
        names = {Path(p).relative_to(folder).as_posix(): p for p in paths}
        for name, path in names.items():
            _refuse_foreign(Path(path), known.get(name))
        # First as ours in any state, so that a rerun after a kill goes on.
        _list(listed, {**known, **dict.fromkeys(names, "")})
        try:
            yield
        finally:
            now = {name: _sha256(Path(path)) for name, path in names.items()}
            found = {name: digest for name, digest in now.items() if digest}
            _list(listed, {**known, **found})


def _refuse_foreign(path: Path, digest: object) -> None:
    if not path.exists() or digest in ("", _sha256(path)):
        return
    raise ValueError(
        f"{path} is there already and was not written by us, or was edited "
        "since: move it away, or choose another folder"
    )


def _list(path: Path, files: dict[str, object]) -> None:
    if not files:
        path.unlink(missing_ok=True)
        return
    with write_atomically(path) as file:
        json.dump(files, file, indent=1)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()
