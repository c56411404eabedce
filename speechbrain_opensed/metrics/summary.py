"""What metric statistics share: arrays from tensors, and lines of numbers.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

__all__ = ["FEW_CLASSES", "as_array", "mark_few", "write_table"]

#: A score over fewer is no score of a detector.
FEW_CLASSES = 3


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


def mark_few(summary: Mapping[str, float], classes: int) -> dict[str, float]:
    """Names scores over too few classes so that none takes them for one.

    Arguments
    ---------
    summary : Mapping[str, float]
        Scores by name, and counts, which are whole numbers.
    classes : int
        How many classes the scores are over.

    Returns
    -------
    dict[str, float]
        The same, where classes are many.

    Example
    -------
    >>> mark_few({"PSDS1": 1.0, "clips": 8}, classes=1)
    {'PSDS1_over_1_class': 1.0, 'clips': 8}
    """
    if classes >= FEW_CLASSES:
        return dict(summary)
    over = f"over_{classes}_{'class' if classes == 1 else 'classes'}"
    return {
        name if isinstance(value, int) else f"{name}_{over}": value
        for name, value in summary.items()
    }


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
