"""Objectives over pairs of clip and text.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.core.distributed import gather_rows, world_size

__all__ = [
    "clip_sigmoid_loss",
    "info_nce_loss",
]


def clip_sigmoid_loss(
    clip: Tensor, text: Tensor, temperature: Tensor, bias: Tensor
) -> Tensor:
    """Each pair of clip and text judged by itself, right or wrong.

    SigLIP (https://arxiv.org/abs/2303.15343), equation 1. In distributed
    training each process judges its clips against the texts of all, and the
    gradients are those of one process with the joined batch.

    Arguments
    ---------
    clip, text : torch.Tensor
        Those of the same clip in each row, `[batch, dim]`, of norm 1.
    temperature : torch.Tensor
        What cosines are divided by.
    bias : torch.Tensor
        What is added then.

    Returns
    -------
    torch.Tensor
        The sum over all pairs over the number of clips. In distributed
        training it is the mean over the processes that has this meaning.

    Raises
    ------
    ValueError
        If there are not as many texts as clips.

    Example
    -------
    >>> clip, text = torch.eye(2), torch.eye(2)
    >>> loss = clip_sigmoid_loss(clip, text, torch.tensor(0.1), -5.0)
    >>> round(loss.item(), 4)
    0.0134
    """
    _check_pairs(clip, text)
    texts, first = gather_rows(text.float())
    logits = clip.float() @ texts.T / temperature + bias
    sign = -torch.ones_like(logits)
    sign.diagonal(first).fill_(1.0)
    loss = -F.logsigmoid(sign * logits).sum()
    return loss * world_size() / max(1, len(texts))


def info_nce_loss(
    clip: Tensor, text: Tensor, temperature: Tensor, bias: Tensor = 0.0
) -> Tensor:
    """Finds each clip's text among all, and each text's clip.

    The mean of the cross-entropies of both directions
    (https://arxiv.org/abs/2103.00020), over the logits of
    :func:`clip_sigmoid_loss`.

    Arguments
    ---------
    clip, text : torch.Tensor
        Those of the same clip in each row, `[batch, dim]`, of norm 1.
    temperature : torch.Tensor
        What cosines are divided by.
    bias : torch.Tensor
        What is added then; it has no effect and gets a gradient of 0.

    Returns
    -------
    torch.Tensor
        The loss. In distributed training it is the mean over the processes
        that is the joined batch's.

    Raises
    ------
    ValueError
        If there are not as many texts as clips.

    Example
    -------
    >>> clip, text = torch.eye(2), torch.eye(2)
    >>> round(info_nce_loss(clip, text, torch.tensor(1.0)).item(), 4)
    0.3133
    """
    _check_pairs(clip, text)
    clip, text = clip.float(), text.float()
    texts, first = gather_rows(text)
    clips, _ = gather_rows(clip)
    right = torch.arange(first, first + len(clip), device=clip.device)
    loss = sum(
        F.cross_entropy(
            mine @ others.T / temperature + bias, right, reduction="sum"
        )
        for mine, others in ((clip, texts), (text, clips))
    )
    return loss / 2 * world_size() / max(1, len(texts))


def _check_pairs(clip, text):
    if clip.shape != text.shape or clip.ndim != 2:
        raise ValueError(
            f"clips {list(clip.shape)} and texts {list(text.shape)}: give "
            "one text for each clip, both [batch, dim]"
        )
