"""A small random FineLAP, the YAML that describes it, and its export."""

import json
from pathlib import Path

import torch

from speechbrain_opensed.inference import export_detector
from speechbrain_opensed.lobes.finelap import FineLAP

__all__ = ["ROBERTA", "SIZES", "aligner_yaml", "export_aligner"]

ROBERTA = dict(
    vocab_size=99,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
)
SIZES = dict(
    embed_dim=16,
    depth=1,
    num_heads=2,
    embed_size=16,
    tokenizer="hash",
    roberta=ROBERTA,
)
# Windows of 10 s, as released, in frames that fill them.
FRAMES = dict(frame_seconds=10 / 64)


def aligner_yaml(hop: float = 10 / 64, window: float = 10.0, **sizes) -> str:
    """The YAML of a recipe that trains one."""
    model = json.dumps(SIZES | (sizes or FRAMES))
    return f"""
spec: !new:speechbrain_opensed.core.spec.SedSpec
    hop_seconds: {hop}
    window_seconds: {window}
    normalize: null
model: !new:speechbrain_opensed.lobes.finelap.FineLAP {model}
text_encoder: !new:speechbrain_opensed.lobes.text.finelap.FineLAPTextEncoder
    model: !ref <model>
"""


def export_aligner(folder: Path, *spec: float, **sizes) -> str:
    """The folder of an exported FineLAP, below this one."""
    yaml = folder / "aligner.yaml"
    yaml.write_text(aligner_yaml(*spec, **sizes))
    torch.manual_seed(0)
    model = FineLAP(**SIZES | (sizes or FRAMES))
    return str(export_detector(folder / "aligner", yaml, {"model": model}))
