"""Answers that were paid for survive a crash: an append-only journal."""

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lhotse_recipes.json_files import parse_json
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
    fresh : bool
        Begin anew, whatever is there.
    keep : bool
        Whether `entries` holds what was written; else :meth:`read` gives it,
        for more than fits in memory.

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

    def __init__(
        self,
        path: str | Path,
        key: dict[str, Any],
        fresh: bool = False,
        keep: bool = True,
    ):
        self.path = Path(path)
        self.entries: list[dict[str, Any]] = []
        self._keep = keep
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with ExitStack() as opened:
            opened.enter_context(locked(self.path))
            whole = 0 if fresh else self._check(key)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._file = os.open(self.path, flags, 0o666)
            opened.callback(os.close, self._file)
            os.ftruncate(self._file, whole)
            if not whole:
                self._write(key)
            self._opened = opened.pop_all()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: Any) -> None:
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
            if self._keep:
                self.entries.append(entry)

    def close(self) -> None:
        """Closes the file, for others to write to."""
        self._opened.close()

    def read(self) -> Iterator[dict[str, Any]]:
        """The entries, one by one, as they are in the file."""
        rows = self._rows()
        next(rows, None)
        for _, row in rows:
            yield row

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The whole lines: where each ends, and what it says."""
        if not self.path.exists():
            return
        end = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                yield (
                    end,
                    parse_json(
                        line,
                        self.path,
                        dict,
                        "remove the line, or the journal to start afresh",
                        line=number,
                    ),
                )

    def _check(self, key: dict[str, Any]) -> int:
        """Length in bytes of the whole lines; reads the entries."""
        whole = 0
        for number, (end, row) in enumerate(self._rows()):
            whole = end
            if number == 0 and row != json.loads(json.dumps(key)):
                raise ValueError(
                    f"{self.path} was written for {_differences(row, key)}. "
                    "Remove the journal to start afresh, or choose another "
                    "output to keep it."
                )
            if number and self._keep:
                self.entries.append(row)
        return whole

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


def _differences(found: Any, wanted: dict[str, Any]) -> str:
    """What a journal's key says otherwise than this run."""
    if not isinstance(found, dict):
        return "something else"
    return ", ".join(
        f"other {name} ({_short(found.get(name))}; this run is for "
        f"{_short(wanted.get(name))})"
        for name in {**wanted, **found}
        if json.dumps(found.get(name)) != json.dumps(wanted.get(name))
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"
