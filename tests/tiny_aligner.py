"""An exported aligner that is there in no time: random, and small."""

from pathlib import Path

import torch

from speechbrain_opensed.inference import export_detector
from speechbrain_opensed.lobes.finelap import FineLAP
from tests.finelap_yaml import YAML

__all__ = ["export_aligner"]


def export_aligner(folder: Path) -> str:
    """The folder of an exported FineLAP, below this one."""
    (folder / "aligner.yaml").write_text(YAML)
    torch.manual_seed(0)
    model = FineLAP(
        embed_dim=16,
        depth=1,
        num_heads=2,
        embed_size=16,
        tokenizer="hash",
        frame_seconds=0.15625,
        roberta=dict(
            vocab_size=99,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        ),
    )
    out = folder / "aligner"
    return str(export_detector(out, folder / "aligner.yaml", {"model": model}))
