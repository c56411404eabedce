"""Detect in parts of a manifest, by several workers.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import torch

__all__ = ["in_order", "parts_of", "workers"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def parts_of(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many items at a time, read when they are asked for.

    Arguments
    ---------
    items : iterable
        Any number of items.
    size : int
        How many a part has at most.

    Yields
    ------
    list
        The next part.

    Example
    -------
    >>> list(parts_of("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


@contextmanager
def workers(num_jobs: int, executor: Any | None) -> Iterator[Any | None]:
    """What work is given to.

    Arguments
    ---------
    num_jobs : int
        Threads, which share the model and torch's threads.
    executor : object, optional
        Used in their place, and left running: all that has `submit`.

    Yields
    ------
    object or None
        Has `submit`; None where this thread does the work.

    Raises
    ------
    ValueError
        If there is nobody to do the work, or a thing that takes none.

    Example
    -------
    >>> with workers(2, None) as pool:
    ...     pool.submit(len, "abc").result()
    3
    """
    if num_jobs < 1:
        raise ValueError(f"num_jobs={num_jobs}: 1 or more")
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise ValueError(
                f"executor is a {type(executor).__name__}, without submit: "
                "give one of concurrent.futures, or a client of Dask"
            )
        yield executor
    elif num_jobs == 1:
        yield None
    else:
        threads = torch.get_num_threads()
        each = max(1, threads // num_jobs)
        pool = ThreadPoolExecutor(num_jobs, "annotate", _share, (each,))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(threads)


def _share(threads: int) -> None:
    torch.set_num_threads(threads)


def in_order(
    pool: Any,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
) -> Iterator[tuple[Item, Result]]:
    """Results in the order of the items, of which few are read in advance.

    `Executor.map` would read all of them before it gives the first result.

    Arguments
    ---------
    pool : object
        Has `submit`, which gives something with `result`.
    function : callable
        Applied to each item.
    items : iterable
        Any number of items.
    ahead : int
        How many are under way at once.

    Yields
    ------
    (item, result)
        One by one.

    Example
    -------
    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(in_order(pool, len, ["a", "bb"], ahead=2))
    [('a', 1), ('bb', 2)]
    """
    under_way: deque[tuple[Item, Any]] = deque()
    rest = iter(items)
    try:
        while True:
            for item in islice(rest, ahead - len(under_way)):
                under_way.append((item, pool.submit(function, item)))
            if not under_way:
                return
            item, future = under_way.popleft()
            yield item, future.result()
    finally:
        for _, future in under_way:
            future.cancel()
