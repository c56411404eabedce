"""Training objectives, as pure functions."""

from speechbrain_opensed.losses.alignment import (
    clip_sigmoid_loss,
    info_nce_loss,
)
from speechbrain_opensed.losses.detection import (
    detection_loss,
    dice_loss,
    frame_sigmoid_loss,
)
from speechbrain_opensed.losses.diffusion import (
    min_snr_weights,
    velocity_loss,
)
from speechbrain_opensed.losses.prompts import (
    semantic_expansion_loss,
)
from speechbrain_opensed.losses.semi import (
    clip_scores,
    consistency_loss,
    pseudo_loss,
    weak_loss,
)

__all__ = [
    "clip_scores",
    "clip_sigmoid_loss",
    "consistency_loss",
    "detection_loss",
    "dice_loss",
    "frame_sigmoid_loss",
    "info_nce_loss",
    "min_snr_weights",
    "pseudo_loss",
    "semantic_expansion_loss",
    "velocity_loss",
    "weak_loss",
]
