"""What went wrong, in words for those who run a program.

Authors
 * The speechbrain-opensed contributors 2026
"""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

__all__ = ["in_words", "run_recipe"]

_TRACEBACK = "--traceback"
_USAGE, _INTERRUPTED = 2, 130
# As torch says it, on GPU and CPU.
_NO_MEMORY = re.compile("(?i)out of memory|n.?t allocate memory")
_SPACE = "free some space, or choose another folder"
_ACCESS = "choose another folder, or change what may be done in it"
_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.ELOOP: "remove the symbolic links that lead in a circle",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "allow more open files, with: ulimit -n 4096",
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EIO: "look at the disk, and try again",
}


def in_words(
    error: BaseException, again: str = "the same command with --traceback"
) -> str:
    """One line on an error, naming the item and the remedy.

    Arguments
    ---------
    error : Exception
        What was raised. Messages of our own say both; for what nobody
        foresaw there is a last resort.
    again : str
        What shows where it happened.

    Returns
    -------
    str
        The line.

    Example
    -------
    >>> in_words(ValueError("--lr is -1, but has to be more than 0"))
    '--lr is -1, but has to be more than 0'
    >>> in_words(KeyError("id"))
    "KeyError: 'id'. This should not happen: the same command with --traceback \
shows where it happened; please report that"
    """
    if isinstance(error, FileNotFoundError) and error.errno is not None:
        # Raised by the system it is a bare "[Errno 2] ...: 'name'".
        return f"no such file: {error.filename}"
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, MemoryError) or _NO_MEMORY.search(what):
        line = (
            f"{what}. Take a smaller --batch-size (--batch_size of a recipe), "
            "shorter recordings or a shorter --duration"
        )
    elif isinstance(error, BrokenExecutor):
        line = (
            f"{what}. A worker was killed, perhaps for lack of memory: run "
            "the same command again with fewer --num-jobs (--num_workers of "
            "a recipe)"
        )
    elif isinstance(error, OSError) and error.errno in _REMEDIES:
        line = str(error)
        # Of the system, not yet in our words.
        if error.strerror == os.strerror(error.errno):
            line = f"{line}; {_REMEDIES[error.errno]}"
    elif isinstance(error, ValueError | OSError | ImportError) or (
        type(error).__name__ == "LlmError"
    ):
        line = str(error) or type(error).__name__
    else:
        line = (
            f"{what}. This should not happen: {again} shows where it "
            "happened; please report that"
        )
    return " ".join(line.split())


def run_recipe(
    main: Callable[[list[str]], Any], arguments: Sequence[str] | None = None
) -> None:
    """Runs a recipe; its errors are told in one line.

    The traceback stands in the run's log, where there is one, and with
    `--traceback` among the arguments on the screen.

    Arguments
    ---------
    main : callable
        The recipe, given the arguments.
    arguments : sequence of str, optional
        Those of the command line.

    Raises
    ------
    SystemExit
        With 2 after an error, 130 after an interruption.

    Example
    -------
    >>> run_recipe(lambda arguments: None, [])
    >>> def fails(arguments):
    ...     raise ValueError("--batch_size is -1")
    >>> run_recipe(fails, [])
    Traceback (most recent call last):
    SystemExit: 2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if _TRACEBACK in words:
        main([word for word in words if word != _TRACEBACK])
        return
    try:
        main(words)
    except KeyboardInterrupt:
        print("\nInterrupted; what was done before is kept", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except Exception as error:
        _log(error)
        print(f"Error: {in_words(error)}", file=sys.stderr)
        sys.exit(_USAGE)


def _log(error: Exception) -> None:
    """Into files alone: the screen gets the line."""
    trace = type(error), error, error.__traceback__
    record = logging.LogRecord(
        __name__, logging.ERROR, __file__, 0, "Exception:", (), trace
    )
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)
