"""Models that would grow without end are refused while they are built.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["BoundedSizes"]

_MAKERS = frozenset(
    [torch.empty, torch.zeros, torch.ones, torch.full, torch.rand]
    + [torch.randn, torch.arange, torch.linspace, torch.eye]
)
# They say how or where, not how much.
_HOW = ("device", "generator", "pin_memory", "out")


class BoundedSizes(TorchFunctionMode):
    """Counts the tensors that are made, before memory is asked for.

    What a model from elsewhere gives as its depth or width is a number like
    any other, and could be a billion.

    Arguments
    ---------
    most_numbers : int
        In all tensors together; a U-Net of Tango has 0.9 billion.
    most_tensors : int
        How many tensors.

    Example
    -------
    >>> with BoundedSizes(most_numbers=100):
    ...     torch.nn.Linear(10, 10, bias=False)
    ...     torch.nn.Linear(10, 1)
    Traceback (most recent call last):
    ValueError: the model would have more than 100 numbers in its tensors
    """

    def __init__(
        self, most_numbers: int = 2_000_000_000, most_tensors: int = 5000
    ):
        super().__init__()
        self.most_numbers, self.most_tensors = most_numbers, most_tensors
        self.numbers = self.tensors = 0

    def __torch_function__(
        self,
        func: Callable,
        types: Any,
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Counts a call that makes a tensor, and lets it through."""
        kwargs = kwargs or {}
        if func in _MAKERS:
            what = {k: v for k, v in kwargs.items() if k not in _HOW}
            self.numbers += func(*args, **what, device="meta").numel()
            self.tensors += 1
            if self.numbers > self.most_numbers:
                raise ValueError(
                    f"the model would have more than {self.most_numbers} "
                    "numbers in its tensors"
                )
            if self.tensors > self.most_tensors:
                raise ValueError(
                    f"the model would have more than {self.most_tensors} "
                    "tensors"
                )
        return func(*args, **kwargs)
