"""Training objectives, as pure functions.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["detection_loss"]


def detection_loss(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Binary cross-entropy over all (clip, query, frame) that are known.

    FlexSED (https://arxiv.org/abs/2509.18606), section 2.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, queries, frames]`.
    targets : torch.Tensor
        0 or 1, `[batch, queries, frames]`.
    mask : torch.Tensor
        What counts, bool `[batch, queries, frames]`.

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
    loss = F.binary_cross_entropy_with_logits(
        logits.float(), targets, reduction="none"
    )
    return (loss * mask).sum() / mask.sum().clamp(min=1)
