"""Tracks as steps: constant between a few jumps.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor

__all__ = ["piecewise_constant"]


def piecewise_constant(tracks: Tensor, penalty: float) -> Tensor:
    """Fits steps to tracks, exactly.

    Minimises the squared error plus `penalty` times the number of jumps
    (the Potts functional, solved by dynamic programming as in Friedrich et
    al., "Complexity penalized M-estimation", J. Comput. Graph. Stat. 17,
    2008). A threshold then finds whole events or none, where a rippling
    track is cut to pieces; each event has one score, the mean over it.

    Arguments
    ---------
    tracks : torch.Tensor
        `[..., time]`.
    penalty : float
        How much error a jump has to save; 0 changes nothing.

    Returns
    -------
    torch.Tensor
        The same shape and type.

    Raises
    ------
    ValueError
        If the penalty is negative.

    Example
    -------
    >>> piecewise_constant(torch.tensor([0.0, 1.0, 0.0, 5.0, 7.0]), 4.0)
    tensor([0.3333, 0.3333, 0.3333, 6.0000, 6.0000])
    """
    if penalty < 0:
        raise ValueError(f"penalty {penalty} of a jump: give 0 or more")
    time = tracks.shape[-1]
    if penalty == 0 or time == 0 or tracks.numel() == 0:
        return tracks
    x = tracks.detach().double().reshape(-1, time)
    total = torch.nn.functional.pad(x.cumsum(1), (1, 0))
    squares = torch.nn.functional.pad(x.square().cumsum(1), (1, 0))
    # best[:, t]: least cost of the first t frames; last[:, t]: where the
    # step begins that ends there.
    best = x.new_zeros(len(x), time + 1)
    best[:, 0] = -penalty
    last = torch.zeros(len(x), time + 1, dtype=torch.long, device=x.device)
    lengths = torch.arange(time, 0, -1, dtype=x.dtype, device=x.device)
    for end in range(1, time + 1):
        gain = total[:, end : end + 1] - total[:, :end]
        cost = (
            best[:, :end]
            + squares[:, end : end + 1]
            - squares[:, :end]
            - gain.square() / lengths[time - end :]
        )
        value, last[:, end] = cost.min(dim=1)
        best[:, end] = value + penalty
    rows = torch.arange(len(x), device=x.device)
    end = torch.full_like(rows, time)
    begin = last[rows, end]
    steps = torch.empty_like(x)
    for frame in range(time - 1, -1, -1):
        done = frame < begin
        end = torch.where(done, begin, end)
        begin = torch.where(done, last[rows, end], begin)
        mean = (total[rows, end] - total[rows, begin]) / (end - begin)
        steps[:, frame] = mean
    return steps.to(tracks.dtype).view_as(tracks)
