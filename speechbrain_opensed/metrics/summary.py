"""What metric statistics share: arrays from tensors, and how they sum up.

Authors
 * The speechbrain-opensed contributors 2026
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TextIO, overload

import numpy as np

__all__ = ["FEW_CLASSES", "Stats", "as_array", "mark_few"]

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


class Stats(ABC):
    """Collects results batch by batch, then sums them up.

    Drops into `on_stage_start` and `on_stage_end` of a Brain like
    `speechbrain.utils.metric_stats.MetricStats`. A subclass has `append`,
    `clear` and :meth:`compute`.

    Example
    -------
    >>> class Mean(Stats):
    ...     def clear(self):
    ...         self.values, self.summary = [], {}
    ...
    ...     def append(self, values):
    ...         self.values += values
    ...
    ...     def compute(self):
    ...         return {"mean": sum(self.values) / len(self.values)}
    >>> mean = Mean()
    >>> mean.append([1.0, 2.0])
    >>> mean.summarize("mean"), mean.summarize()
    (1.5, {'mean': 1.5})
    """

    summary: dict[str, float]

    def __init__(self) -> None:
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Forget everything; `summary` becomes empty."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """The numbers of what has come."""

    @overload
    def summarize(self, field: None = None) -> dict[str, float]: ...

    @overload
    def summarize(self, field: str) -> float: ...

    def summarize(self, field: str | None = None) -> float | dict[str, float]:
        """Sum up what has come, as `summary`.

        Arguments
        ---------
        field : str | None
            One of the numbers.

        Returns
        -------
        float | dict[str, float]
            That number, or all.
        """
        self.summary = self.compute()
        return self.summary if field is None else self.summary[field]

    def lines(self) -> list[str]:
        """What :meth:`write_stats` writes: a number to a line."""
        return [f"{name}: {value}" for name, value in self.summary.items()]

    def write_stats(self, filestream: TextIO, verbose: bool = False) -> None:
        """Write the numbers, and a table where there are classes.

        Arguments
        ---------
        filestream : TextIO
            Where to write.
        verbose : bool
            Whether to print the same.
        """
        if not self.summary:
            self.summarize()
        text = "\n".join(self.lines()) + "\n"
        filestream.write(text)
        if verbose:
            print(text)
