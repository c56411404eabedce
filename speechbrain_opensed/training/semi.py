"""Learning from clips with tags, and from clips of which nothing is known.

As DCASE's systems for DESED do (https://arxiv.org/abs/1703.01780 and
https://hal.science/hal-02160855), for any prompts.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from speechbrain_opensed.dataio.mixup import mix_clips
from speechbrain_opensed.dataio.sets.detection import SedBatch
from speechbrain_opensed.losses.semi import (
    consistency_loss,
    pseudo_loss,
    weak_loss,
)
from speechbrain_opensed.training.brain import OpenSEDBrain

__all__ = ["SemiSupervised", "augment_with"]


def augment_with(
    augment: Callable[..., tuple[Tensor, Tensor]],
    mel: Tensor,
    batch: SedBatch,
    teacher: Tensor | None,
    generator: torch.Generator,
) -> tuple[Tensor, SedBatch, Tensor | None]:
    """Augments spectrograms; a teacher's tracks move along with the labels.

    Arguments
    ---------
    augment : callable
        Such as a :class:`~speechbrain_opensed.dataio.augment.MelAugment`.
    mel : torch.Tensor
        `[batch, mel, time]`.
    batch : SedBatch
        With the labels.
    teacher : torch.Tensor or None
        Probabilities `[batch, queries, frames]`.
    generator : torch.Generator
        Source of all choices.

    Returns
    -------
    tuple
        Spectrograms, the batch with its labels, and the teacher's tracks.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> def louder(mel, tracks, generator, lengths):
    ...     return 2 * mel, tracks
    >>> nothing = SimpleNamespace(targets=torch.zeros(1, 1, 2), wav_lens=None)
    >>> augment_with(louder, torch.ones(1, 1, 8), nothing, None, None)[0].sum()
    tensor(16.)
    """
    tracks = batch.targets
    if teacher is not None:
        tracks = torch.cat([tracks, teacher], dim=1)
    mel, tracks = augment(mel, tracks, generator, batch.wav_lens)
    width = batch.targets.shape[1]
    batch = copy(batch)
    batch.targets = tracks[:, :width]
    return mel, batch, None if teacher is None else tracks[:, width:]


@dataclass(frozen=True)
class SemiSupervised:
    """What a Brain adds to the loss of annotated frames.

    The teacher is the moving average of the weights that validation and
    test are run with, `ema_decay` of `OpenSEDBrain`; or a detector that is
    trained already.

    Arguments
    ---------
    weak_weight : float
        Of the loss of tags, see :func:`~speechbrain_opensed.losses.semi`.
    consistency_weight : float
        Of the distance to the teacher, once it is fully counted.
    pseudo_weight : float
        Of the teacher's labels where nothing is annotated, likewise.
    pseudo_thresholds : tuple of float
        From when on the teacher is sure.
    ramp_steps : int
        Steps until a teacher is fully counted.
    mixup_alpha, mixup_share : float
        See :func:`~speechbrain_opensed.dataio.mixup.mix_clips`; a share of
        0: no mixup.
    teacher : callable, optional
        From a batch to probabilities, such as a
        :class:`~speechbrain_opensed.inference.teacher.DetectorTeacher`
        (knowledge distillation, https://arxiv.org/abs/1503.02531); default:
        the moving average.

    Raises
    ------
    ValueError
        If a weight is negative, the thresholds are none, or a teacher is
        given whom nobody asks.

    Example
    -------
    >>> semi = SemiSupervised(ramp_steps=10)
    >>> [round(semi.ramp(step), 3) for step in (0, 5, 10, 20)]
    [0.007, 0.287, 1.0, 1.0]
    >>> semi.needs_teacher
    True
    """

    weak_weight: float = 0.5
    consistency_weight: float = 2.0
    pseudo_weight: float = 0.0
    pseudo_thresholds: tuple[float, float] = (0.05, 0.95)
    ramp_steps: int = 1000
    mixup_alpha: float = 0.2
    mixup_share: float = 0.5
    teacher: Callable[[SedBatch], Tensor] | None = None

    def __post_init__(self) -> None:
        weights = self.weak_weight, self.consistency_weight, self.pseudo_weight
        low, high = self.pseudo_thresholds
        if min(weights) < 0 or not 0 <= low < high <= 1:
            raise ValueError(
                f"weights {weights} must not be negative, and thresholds "
                f"({low}, {high}) have to grow from 0 to 1"
            )
        if self.teacher is not None and not self.needs_teacher:
            raise ValueError(
                "a teacher has no effect while consistency_weight and "
                "pseudo_weight are 0: give one of them, such as 2.0"
            )

    @property
    def needs_teacher(self) -> bool:
        """Whether anything comes from one."""
        return self.consistency_weight > 0 or self.pseudo_weight > 0

    def ramp(self, step: int) -> float:
        """How much the teacher counts after so many steps."""
        if step >= self.ramp_steps:
            return 1.0
        return math.exp(-5 * (1 - step / self.ramp_steps) ** 2)

    def mix(self, batch: SedBatch, generator: torch.Generator) -> SedBatch:
        """The batch, perhaps mixed."""
        if not self.mixup_share:
            return batch
        return mix_clips(batch, generator, self.mixup_alpha, self.mixup_share)

    def teach(
        self, brain: OpenSEDBrain, batch: SedBatch, ask: Callable[[], Tensor]
    ) -> Tensor | None:
        """What the teacher hears.

        Arguments
        ---------
        brain : OpenSEDBrain
            With the moving average of its weights.
        batch : SedBatch
            What the clips are asked.
        ask : callable
            Gives logits of the Brain's modules.

        Returns
        -------
        torch.Tensor or None
            Probabilities; None where no teacher is needed.

        Raises
        ------
        ValueError
            If the Brain keeps no average.
        """
        if not self.needs_teacher:
            return None
        if self.teacher is not None:
            return self.teacher(batch)
        if brain.ema is None:
            raise ValueError(
                "the teacher is the moving average of the weights: set "
                "ema_decay, such as 0.999, or consistency_weight and "
                "pseudo_weight to 0, or give a detector as teacher"
            )
        with torch.no_grad(), brain.averaged():
            # Only these: the modules that are trained stay as they are.
            brain.ema.module.eval()
            return ask().float().sigmoid()

    def loss(
        self,
        logits: Tensor,
        teacher: Tensor | None,
        batch: SedBatch,
        step: int,
    ) -> Tensor:
        """The sum of what is added.

        Arguments
        ---------
        logits : torch.Tensor
            `[batch, queries, frames]`.
        teacher : torch.Tensor or None
            Probabilities of the same shape.
        batch : SedBatch
            What the clips were asked.
        step : int
            Steps that were made.

        Returns
        -------
        torch.Tensor
            A number.
        """
        # Clips with tags: sounds of which no times are known.
        tagged = (batch.clip_mask & ~batch.mask).any(1)
        loss = self.weak_weight * weak_loss(
            logits,
            batch.frame_mask,
            batch.clip_targets,
            batch.clip_mask & tagged[:, None],
        )
        if teacher is None:
            return loss
        asked = batch.asked
        unknown = (asked & ~batch.mask)[:, :, None] & batch.frame_mask[:, None]
        taught = self.consistency_weight * consistency_loss(
            logits, teacher, batch.frame_mask, asked
        ) + self.pseudo_weight * pseudo_loss(
            logits, teacher, unknown, self.pseudo_thresholds
        )
        return loss + self.ramp(step) * taught
