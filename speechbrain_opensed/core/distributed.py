"""Sums and batches over all processes, with the right gradients.

`DistributedDataParallel` averages the gradients of all processes. The
functions here are made so that this average is the gradient of one loss over
the joined batch.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["gather_rows", "total", "world_size"]


def world_size() -> int:
    """How many processes share the batch of this step.

    Without gradients each counts for itself: in validation every process
    reads all data.

    Returns
    -------
    int
        At least 1.

    Example
    -------
    >>> world_size()
    1
    """
    shared = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if shared and torch.is_grad_enabled() else 1


def total(value: Tensor) -> Tensor:
    """Adds up a number of each process; no gradients.

    Arguments
    ---------
    value : torch.Tensor
        Of one shape in all processes.

    Returns
    -------
    torch.Tensor
        The sum, the same in all processes.

    Example
    -------
    >>> total(torch.tensor(3.0))
    tensor(3.)
    """
    value = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(value)
    return value


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Joins the rows of all processes.

    What any process makes of a row counts in that row's gradient.

    Arguments
    ---------
    rows : torch.Tensor
        `[batch, dim]`; processes may have batches of different sizes.

    Returns
    -------
    torch.Tensor
        `[batches, dim]`, by rank.
    int
        Where this process's rows begin.

    Example
    -------
    >>> rows, first = gather_rows(torch.ones(2, 3))
    >>> rows.shape, first
    (torch.Size([2, 3]), 0)
    """
    world = world_size()
    if world == 1:
        return rows, 0
    sizes = torch.zeros(world, dtype=torch.long, device=rows.device)
    sizes[dist.get_rank()] = len(rows)
    ends = total(sizes).cumsum(0).tolist()
    first = ends[dist.get_rank()] - len(rows)
    return _Gather.apply(rows, first, ends[-1]), first


class _Gather(torch.autograd.Function):
    """Rows put into a place of their own in a table that is added up."""

    @staticmethod
    def forward(ctx, rows, first, size):
        ctx.span = slice(first, first + len(rows))
        table = rows.new_zeros(size, *rows.shape[1:])
        table[ctx.span] = rows
        dist.all_reduce(table)
        return table

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[ctx.span], None, None
