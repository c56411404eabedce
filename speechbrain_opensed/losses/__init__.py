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

__all__ = [
    "clip_sigmoid_loss",
    "detection_loss",
    "dice_loss",
    "frame_sigmoid_loss",
    "info_nce_loss",
    "min_snr_weights",
    "semantic_expansion_loss",
    "velocity_loss",
]
