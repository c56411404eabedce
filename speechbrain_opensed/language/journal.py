"""Answers that were paid for survive a crash: an append-only journal."""

import errno
import json
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lhotse_recipes.outputs import locked

__all__ = ["Journal"]


class Journal:
    """Append-only file of JSON lines beside a result that takes long.

    The first line holds a key: what the entries depend on. A journal with
    another key is refused instead of being mixed into new results, and so is
    one that another process writes to. Each entry is on the
    disk when `append` returns; a last line torn by a crash is cut off.

    Arguments
    ---------
    path : str or Path
        The journal; made if missing, with its folders.
    key : dict
        Plain data that must not change from run to run.

    Raises
    ------
    ValueError
        If the journal has another key, or a damaged line.
    OSError
        If another process writes to it, or it cannot be written.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "answers.jsonl"
    >>> with Journal(path, {"model": "tiny"}) as journal:
    ...     journal.append({"question": 1, "answer": "A"})
    >>> with Journal(path, {"model": "tiny"}) as journal:
    ...     journal.entries
    [{'question': 1, 'answer': 'A'}]
    """

    def __init__(self, path: str | Path, key: dict[str, Any]):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with ExitStack() as opened:
            opened.enter_context(locked(self.path))
            whole, self.entries = self._read(key)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._file = os.open(self.path, flags, 0o666)
            opened.callback(os.close, self._file)
            os.ftruncate(self._file, whole)
            if not whole:
                self._write(key)
            self._opened = opened.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def append(self, entry: dict[str, Any]) -> None:
        """Writes one entry; threads may call it at the same time.

        Arguments
        ---------
        entry : dict
            Plain data.
        """
        with self._lock:
            self._write(entry)
            self.entries.append(entry)

    def close(self) -> None:
        """Closes the file, for others to write to."""
        self._opened.close()

    def _read(self, key: dict[str, Any]) -> tuple[int, list[dict]]:
        """Length in bytes of the whole lines, and the entries in them."""
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content.rfind(b"\n") + 1
        rows = []
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise ValueError(
                    f"{self.path}:{number}: this line is not JSON; remove the "
                    "line, or the journal to start afresh."
                ) from None
        if rows and rows[0] != key:
            raise ValueError(
                f"{self.path} was written for {rows[0]}, but this run is for "
                f"{key}. Remove the journal to start afresh, or choose "
                "another output to keep it."
            )
        return whole, rows[1:]

    def _write(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            raise OSError(
                error.errno,
                f"{error.strerror}; what was written before is kept",
                str(self.path),
            ) from error
