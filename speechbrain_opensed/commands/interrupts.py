"""End within a second of Ctrl-C, whatever is being computed.

Authors
 * The speechbrain-opensed contributors 2026
"""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["INTERRUPTED", "end_at_once", "prompt_interrupts"]

#: Exit code of a command that was interrupted.
INTERRUPTED = 130
# What the command has to end by itself, in seconds.
_PATIENCE = 0.6


@contextmanager
def prompt_interrupts(
    leave: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Ends the process soon after SIGINT, if it does not end by itself.

    Python tells of a signal between two steps of its own; a step inside a
    library may take minutes, and so may waiting for workers. Only for work
    of which nothing is lost by a sudden end, since all that is done is on
    the disk.

    Arguments
    ---------
    leave : callable, optional
        Called before a sudden end, in another thread; quick.

    Yields
    ------
    None
        For the time in which it holds; elsewhere than in the main thread it
        does not.

    Example
    -------
    >>> with prompt_interrupts():
    ...     pass
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(ours, leave), daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    ended = False
    try:
        yield
        ended = True
    except Exception:
        ended = True
        raise
    finally:
        signal.set_wakeup_fd(before)
        # After an interruption the watcher stays, until the process is gone.
        if ended:
            theirs.close()
            watcher.join()
            ours.close()


def _watch(source: socket.socket, leave: Callable[[], None] | None) -> None:
    while signals := source.recv(64):
        if signal.SIGINT in signals:
            break
    else:
        return
    # Nobody waits for this thread where the process ends by itself.
    threading.Event().wait(_PATIENCE)
    try:
        if leave is not None:
            leave()
        sys.stderr.write("\nInterrupted; what was done before is kept\n")
    finally:
        end_at_once()


def end_at_once() -> None:
    """Ends this process and its workers, as one that was interrupted.

    Python's own end takes a second and more where large libraries are
    loaded.

    Example
    -------
    >>> INTERRUPTED
    130
    """
    for worker in multiprocessing.active_children():
        worker.kill()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)
