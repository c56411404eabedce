"""A text file that can be read while it grows.

Results that come one by one over hours are written so: whoever looks sees all
that is done, and nothing of what is not.
"""

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from lhotse_recipes.outputs import is_stream, locked, write_atomically

__all__ = ["GrowingText"]


class GrowingText:
    """
    Writes pieces of text, each whole or not at all.

    What was there before stays until the first piece comes. A symbolic link
    stays, too, and a device or pipe is written to as it is.

    :param path: the file; missing folders are made.
    :raises OSError: it cannot be written, or another process writes to it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "events.tsv"
    >>> with GrowingText(path) as text:
    ...     text.write("one\\n")
    ...     print(path.read_text(), end="")
    ...     text.write("two\\n")
    one
    >>> path.read_text()
    'one\\ntwo\\n'
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._opened = ExitStack()
        self._file: int | None = None
        self._stream = None
        if is_stream(self.path):
            self._stream = self._opened.enter_context(
                write_atomically(self.path)
            )
        else:
            self._opened.enter_context(locked(self.path))

    def __enter__(self) -> "GrowingText":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def write(self, piece: str) -> None:
        """
        Write a piece; it can be read when this returns.

        :param piece: any text.
        :raises OSError: it cannot be written; what was before is there.
        """
        if self._stream is not None:
            self._stream.write(piece)
            self._stream.flush()
        elif self._file is None:
            with write_atomically(self.path) as file:
                file.write(piece)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            self._opened.callback(os.close, self._file)
        else:
            self._append(self._file, piece.encode())

    def _append(self, file: int, piece: bytes) -> None:
        end = os.fstat(file).st_size
        try:
            if os.write(file, piece) < len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(file, end)
            raise OSError(
                error.errno,
                f"{error.strerror}; what was written before is kept",
                str(self.path),
            ) from error
