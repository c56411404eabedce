"""In which precision the heaviest part of a model may compute.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection

import torch

__all__ = ["PRECISIONS", "check_precision"]

PRECISIONS = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def check_precision(
    precision: str, possible: Collection[str] = tuple(PRECISIONS)
) -> None:
    """Refuses a precision that a model does not compute in.

    Models without a part that would be heavy, and those that computed in
    another one before they were exported, have `fp32` alone; they say so by
    `precisions = ("fp32",)`.

    Arguments
    ---------
    precision : str
        What was asked for.
    possible : collection of str
        What there is.

    Raises
    ------
    ValueError
        If it is none of these.

    Example
    -------
    >>> check_precision("bf16")
    >>> check_precision("bf16", ["fp32"])
    Traceback (most recent call last):
    ValueError: precision bf16 has no effect on this model, which ...
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"unknown precision {precision!r}: choose from {list(PRECISIONS)}"
        )
    if precision not in possible:
        raise ValueError(
            f"precision {precision} has no effect on this model, which "
            f"computes in {' or '.join(possible)}: leave --precision out"
        )
