"""One worker, and the jobs that wait for it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import asyncio
import errno
import logging
import queue
import threading
import time
from collections.abc import Callable

__all__ = ["Cancelled", "Job", "Worker", "is_full", "tell_trouble"]

logger = logging.getLogger(__name__)

# A file that may not grow is one of a full disk, too.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: OSError) -> bool:
    """Whether the server's disk has no room.

    Example
    -------
    >>> is_full(OSError(errno.ENOSPC, "No space left on device"))
    True
    """
    return error.errno in _FULL


def tell_trouble(error: OSError) -> str:
    """What a client is told of the server's files, whose names stay here.

    Arguments
    ---------
    error : OSError
        What went wrong; the log gets all of it.

    Returns
    -------
    str
        A line without paths.

    Example
    -------
    >>> tell_trouble(OSError(errno.EFBIG, "File too large", "a.wav"))
    "no room is left on the server's disk: remove recordings, or make room ..."
    """
    if is_full(error):
        return (
            "no room is left on the server's disk: remove recordings, or make "
            "room there, and try again"
        )
    logger.error("files of the server fail", exc_info=error)
    why = error.strerror or type(error).__name__
    return f"{why}: the server's log says more"


class Cancelled(Exception):
    """Nobody waits for the job any more."""


class Job:
    """Something to be done by the worker, of which a client is told.

    Arguments
    ---------
    work : callable
        Gets the job; calls :meth:`check` now and then, and :meth:`notify`
        when there is news.
    seconds : float
        How long it may take.

    Example
    -------
    >>> job = Job(lambda job: job.check(), seconds=1)
    >>> job.run()
    >>> job.over, job.error
    (True, None)
    """

    def __init__(self, work: Callable[["Job"], None], seconds: float):
        self._work, self._seconds = work, seconds
        self._cancelled = threading.Event()
        self._deadline = float("inf")
        self.over = False
        self.error: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None

    def watch(self) -> None:
        """The running event loop is told of news from now on."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()

    async def news(self, seconds: float) -> bool:
        """Waits for news, at most so long; whether there is any."""
        assert self._news is not None, "nobody watches"
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        self._news.clear()
        return True

    def notify(self) -> None:
        """There is news."""
        if self._loop is not None and self._news is not None:
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:  # the server is at its end
                self._cancelled.set()

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._cancelled.set()
        self.notify()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Ends the work where it is not wanted, or has taken too long.

        Raises
        ------
        Cancelled
            If nobody waits.
        ValueError
            If it has taken too long.
        """
        if self._cancelled.is_set():
            raise Cancelled
        if time.monotonic() > self._deadline:
            raise ValueError(
                f"stopped after {self._seconds:g} s: send a shorter recording "
                "or fewer phrases, or start the server with more --job-seconds"
            )

    def run(self) -> None:
        """Does the work; what goes wrong becomes :attr:`error`."""
        self._deadline = time.monotonic() + self._seconds
        self.notify()
        try:
            self.check()
            self._work(self)
        except Cancelled:
            self.error = "cancelled"
        except OSError as error:
            self.error = tell_trouble(error)
        except ValueError as error:
            self.error = " ".join(str(error).split()) or type(error).__name__
        except Exception as error:
            # One job must not take the others with it.
            logger.exception("a job failed")
            self.error = f"{type(error).__name__}: the server's log says more"
        finally:
            self.over = True
            self.notify()


class Worker:
    """Runs jobs one after another, in a thread of its own.

    Arguments
    ---------
    max_queue : int
        Jobs that may wait.

    Example
    -------
    >>> worker, done = Worker(max_queue=2), []
    >>> worker.submit(Job(lambda job: done.append("one"), seconds=1))
    >>> worker.close()
    >>> done
    ['one']
    """

    def __init__(self, max_queue: int):
        self._queue: queue.Queue[Job | None] = queue.Queue(max_queue)
        self._jobs: list[Job] = []
        self._lock = threading.Lock()
        self._last_seconds = 1.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Puts a job into the queue.

        Raises
        ------
        queue.Full
            If too many wait.
        """
        with self._lock:
            self._queue.put_nowait(job)
            self._jobs.append(job)

    def ahead(self, job: Job) -> int:
        """How many jobs come before this one, that at work included."""
        with self._lock:
            return self._jobs.index(job) if job in self._jobs else 0

    @property
    def waiting(self) -> int:
        """Jobs that are not done."""
        with self._lock:
            return len(self._jobs)

    @property
    def retry_after(self) -> int:
        """Seconds until there is room, roughly."""
        return int(min(120, max(1, self._last_seconds)))

    def close(self, seconds: float = 5.0) -> None:
        """Does what waits, and ends; whoever is in haste cancels it first."""
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return  # the thread ends with the process
        self._thread.join(seconds)

    def cancel_all(self) -> None:
        """Cancels all that is not done."""
        with self._lock:
            for job in self._jobs:
                job.cancel()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            begun = time.monotonic()
            job.run()
            self._last_seconds = time.monotonic() - begun
            with self._lock:
                self._jobs.remove(job)
