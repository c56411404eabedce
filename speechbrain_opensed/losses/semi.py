"""Objectives for what is known of clips, but not of their frames.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["clip_scores", "consistency_loss", "pseudo_loss", "weak_loss"]


def clip_scores(scores: Tensor, frame_mask: Tensor) -> Tensor:
    """How surely each query is heard somewhere in a clip.

    Linear softmax pooling (https://arxiv.org/abs/1810.09050): frames weigh
    as much as they score.

    Arguments
    ---------
    scores : torch.Tensor
        Probabilities `[batch, queries, frames]`.
    frame_mask : torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.

    Returns
    -------
    torch.Tensor
        Probabilities `[batch, queries]`.

    Example
    -------
    >>> import torch
    >>> scores = torch.tensor([[[1.0, 0.0, 0.0, 0.5]]])
    >>> mask = torch.tensor([[True, True, True, False]])
    >>> clip_scores(scores, mask).item()
    1.0
    """
    scores = scores * frame_mask[:, None]
    return scores.square().sum(-1) / scores.sum(-1).clamp(min=1e-7)


def weak_loss(
    logits: Tensor, frame_mask: Tensor, targets: Tensor, mask: Tensor
) -> Tensor:
    """Binary cross-entropy of clips and their tags.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, queries, frames]`.
    frame_mask : torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.
    targets : torch.Tensor
        Whether it sounds somewhere in the clip, 0 to 1, `[batch, queries]`.
    mask : torch.Tensor
        What counts, bool `[batch, queries]`.

    Returns
    -------
    torch.Tensor
        The mean over what counts; 0 where nothing does.

    Example
    -------
    >>> import torch
    >>> logits = torch.tensor([[[9.0, -9.0, -9.0]]])
    >>> known = torch.ones(1, 1, dtype=torch.bool)
    >>> frames = torch.ones(1, 3, dtype=torch.bool)
    >>> loss = weak_loss(logits, frames, torch.ones(1, 1), known)
    >>> loss.item() < 1e-3
    True
    """
    scores = clip_scores(logits.float().sigmoid(), frame_mask)
    scores = scores.clamp(1e-6, 1 - 1e-6)
    loss = -(targets * scores.log() + (1 - targets) * (1 - scores).log())
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def consistency_loss(
    logits: Tensor, teacher: Tensor, frame_mask: Tensor, asked: Tensor
) -> Tensor:
    """Squared distance of a student's scores to its teacher's.

    Mean teacher (https://arxiv.org/abs/1703.01780), of frames and of clips;
    whether anything is known of them does not matter.

    Arguments
    ---------
    logits : torch.Tensor
        The student's, `[batch, queries, frames]`.
    teacher : torch.Tensor
        The teacher's probabilities, of the same shape.
    frame_mask : torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.
    asked : torch.Tensor
        Queries that are not padding, bool `[batch, queries]`.

    Returns
    -------
    torch.Tensor
        The mean over frames plus that over clips.

    Example
    -------
    >>> import torch
    >>> frames = torch.ones(1, 2, dtype=torch.bool)
    >>> asked = torch.ones(1, 1, dtype=torch.bool)
    >>> teacher = torch.full((1, 1, 2), 0.5)
    >>> consistency_loss(torch.zeros(1, 1, 2), teacher, frames, asked).item()
    0.0
    """
    student = logits.float().sigmoid()
    mask = asked[:, :, None] & frame_mask[:, None]
    frames = ((student - teacher).square() * mask).sum()
    clips = clip_scores(student, frame_mask) - clip_scores(teacher, frame_mask)
    return frames / mask.sum().clamp(min=1) + (
        clips.square() * asked
    ).sum() / asked.sum().clamp(min=1)


def pseudo_loss(
    logits: Tensor,
    teacher: Tensor,
    unknown: Tensor,
    thresholds: tuple[float, float] = (0.05, 0.95),
) -> Tensor:
    """Binary cross-entropy of what a teacher is sure of and nobody annotated.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, queries, frames]`.
    teacher : torch.Tensor
        Probabilities of the same shape.
    unknown : torch.Tensor
        Where nothing is annotated, bool, of the same shape.
    thresholds : tuple of float
        Up to the first of these it is absent, from the second on present.

    Returns
    -------
    torch.Tensor
        The mean over what the teacher is sure of; 0 where it is of nothing.

    Example
    -------
    >>> import torch
    >>> teacher = torch.tensor([[[0.99, 0.5, 0.01]]])
    >>> unknown = torch.ones(1, 1, 3, dtype=torch.bool)
    >>> logits = torch.tensor([[[9.0, 0.0, -9.0]]])
    >>> pseudo_loss(logits, teacher, unknown).item() < 1e-3
    True
    """
    low, high = thresholds
    sure = unknown & ((teacher <= low) | (teacher >= high))
    loss = F.binary_cross_entropy_with_logits(
        logits.float(), (teacher >= high).float(), reduction="none"
    )
    return (loss * sure).sum() / sure.sum().clamp(min=1)
