"""A detector of random weights that is loaded in no time."""

from pathlib import Path

import torch

from speechbrain_opensed.inference import export_detector
from speechbrain_opensed.lobes.flexsed import FlexSED

__all__ = ["export_tiny"]

YAML = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    dim: 8
model: !new:speechbrain_opensed.lobes.flexsed.FlexSED
    embed_dim: 16
    depth: 2
    num_heads: 2
    ft_blocks: 1
    cls_dim: 8
"""


def export_tiny(folder: Path, seed: int = 0) -> str:
    """The folder of an exported detector."""
    (folder / "train.yaml").write_text(YAML)
    torch.manual_seed(seed)
    modules = {"model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)}
    return str(export_detector(folder / "out", folder / "train.yaml", modules))
