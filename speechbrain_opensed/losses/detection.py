"""Objectives over tracks of (clip, query, frame).

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.core.distributed import total, world_size

__all__ = [
    "detection_loss",
    "dice_loss",
    "frame_sigmoid_loss",
]


def detection_loss(
    logits: Tensor, targets: Tensor, mask: Tensor, dice_weight: float = 0.0
) -> Tensor:
    """Binary cross-entropy over all (clip, query, frame) that are known.

    FlexSED (https://arxiv.org/abs/2509.18606), section 2. The Dice term is
    not in the paper.

    Arguments
    ---------
    logits, targets : torch.Tensor
        `[batch, queries, frames]`, targets 0 or 1.
    mask : torch.Tensor
        What counts, bool `[batch, queries, frames]`.
    dice_weight : float
        How much of :func:`dice_loss` is added.

    Returns
    -------
    torch.Tensor
        The mean over what counts; 0 where nothing does.

    Example
    -------
    >>> import torch
    >>> logits, targets = torch.zeros(1, 1, 4), torch.ones(1, 1, 4)
    >>> mask = torch.tensor([[[True, True, False, False]]])
    >>> round(detection_loss(logits, targets, mask).item(), 4)
    0.6931
    """
    logits = logits.float()
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = (loss * mask).sum() / mask.sum().clamp(min=1)
    if dice_weight:
        loss = loss + dice_weight * dice_loss(logits, targets, mask)
    return loss


def dice_loss(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """How far tracks are from covering the events of their query, no more.

    One minus the soft Dice coefficient (V-Net,
    https://arxiv.org/abs/1606.04797, section 3, here without squares) of
    each track whose query is heard in the clip. Cross-entropy has a model
    that is unsure give low scores, which one threshold for all clips cuts to
    pieces; overlap asks for scores near 1 from onset to offset all the same.

    Arguments
    ---------
    logits, targets, mask : torch.Tensor
        As for :func:`detection_loss`, `[batch, queries, frames]`.

    Returns
    -------
    torch.Tensor
        The mean over tracks with events, from 0 (perfect) to 1; 0 where no
        track has any.

    Example
    -------
    >>> import torch
    >>> targets = torch.tensor([[[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    >>> mask = torch.ones(1, 2, 4, dtype=torch.bool)
    >>> dice_loss(100 * (targets - 0.5), targets, mask).item()
    0.0
    """
    targets = targets * mask
    scores = logits.float().sigmoid() * mask
    events = targets.sum(-1)
    # The frame more on both sides makes very short events weigh less.
    overlap = 2 * (scores * targets).sum(-1) + 1
    distance = 1 - overlap / (scores.sum(-1) + events + 1)
    heard = events > 0
    return (distance * heard).sum() / heard.sum().clamp(min=1)


def frame_sigmoid_loss(
    logits: Tensor, targets: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy of (clip, phrase, frame), for any share of clips.

    FineLAP (https://arxiv.org/abs/2604.01155), section 3. It is computed
    from logits: in sigmoid outputs the gradient of a confident error is
    lost. In distributed training all processes divide by the number of what
    counts anywhere, so that each clip weighs the same wherever it is.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, phrases, frames]`.
    targets : torch.Tensor
        0 or 1, `[batch, phrases, frames]`.
    mask : torch.Tensor, optional
        What counts, bool `[batch, phrases, frames]`; False for clips whose
        events are not known. Default: all.

    Returns
    -------
    torch.Tensor
        The mean over what counts; 0, with gradients of 0, where nothing
        does. In distributed training it is the mean over the processes that
        has this meaning.

    Example
    -------
    >>> logits = torch.tensor([[[0.0, -60.0]]], requires_grad=True)
    >>> frame_sigmoid_loss(logits, torch.tensor([[[0.0, 1.0]]])).backward()
    >>> logits.grad.tolist()
    [[[0.25, -0.5]]]
    """
    loss = F.binary_cross_entropy_with_logits(
        logits.float(), targets.float(), reduction="none"
    )
    if mask is None:
        mask = torch.ones_like(loss)
    count = total(mask.sum().double())
    return (loss * mask).sum() * (world_size() / count.clamp(min=1)).float()
