"""What metric statistics share: arrays from tensors, and lines of numbers.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

__all__ = ["as_array", "write_table"]


def as_array(values: Any) -> np.ndarray:
    """A tensor on any device, or an array, as float32.

    Arguments
    ---------
    values : torch.Tensor | np.ndarray
        Of any shape and type.

    Returns
    -------
    np.ndarray
        The same numbers.

    Example
    -------
    >>> as_array([1, 2])
    array([1., 2.], dtype=float32)
    """
    # Metrics on arrays shall not need torch, which takes a while to load.
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    return np.asarray(values, np.float32)


def write_table(
    filestream: TextIO,
    summary: Mapping[str, float],
    verbose: bool = False,
    rows: Iterable[Sequence[Any]] = (),
) -> None:
    """Write `name: number` lines, and a tab-separated table below.

    Arguments
    ---------
    filestream : TextIO
        Where to write.
    summary : Mapping[str, float]
        The numbers.
    verbose : bool
        Whether to print the same.
    rows : Iterable[Sequence]
        The table, its header first.

    Example
    -------
    >>> import sys
    >>> write_table(sys.stdout, {"accuracy": 0.5}, rows=[["class"], ["dog"]])
    accuracy: 0.5
    class
    dog
    """
    lines = [f"{name}: {value}" for name, value in summary.items()]
    lines += ["\t".join(map(str, row)) for row in rows]
    text = "\n".join(lines) + "\n"
    filestream.write(text)
    if verbose:
        print(text)
