"""Detectors that are there in no time: random ones, and one that can hear."""

from pathlib import Path

import torch

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector, export_detector
from speechbrain_opensed.lobes.flexsed import FlexSED

__all__ = ["YAML", "Level", "Loudness", "export_tiny", "loudness_detector"]

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


class Loudness(torch.nn.Module):
    """Hears how loud a frame is; query k asks for loudness above k."""

    def encode(self, wav):
        return wav.unfold(1, 640, 640).abs().amax(2, keepdim=True)

    def decode(self, feats, queries, precision="fp32"):
        return 50 * (feats.transpose(1, 2) - queries[None])


class Level(torch.nn.Module):
    """Reads phrases such as 'above 0.5'."""

    def forward(self, phrases):
        return torch.tensor([[float(p.split()[-1])] for p in phrases])


def loudness_detector() -> SoundEventDetector:
    """Finds what is louder than its phrases say."""
    return SoundEventDetector(
        {"model": Loudness(), "text_encoder": Level()},
        {"spec": SedSpec()},
        {"device": "cpu"},
    )
