"""A tiny detector, exported, loaded again by `opensed detect`.

> python detect_once.py

Writes into the current folder. Its weights are random: what is shown is that
an installed package reads audio, asks and writes events, not that it hears.

Authors
 * The speechbrain-opensed contributors 2026
"""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

from speechbrain_opensed.inference import export_detector
from speechbrain_opensed.lobes.flexsed import FlexSED

YAML = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    dim: 8
model: !new:speechbrain_opensed.lobes.flexsed.FlexSED
    {embed_dim: 16, depth: 2, num_heads: 2, ft_blocks: 1, cls_dim: 8}
"""

Path("train.yaml").write_text(YAML)
export_detector(
    "detector",
    "train.yaml",
    {"model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)},
)
noise = np.random.default_rng(1).normal(0, 0.1, 12 * 22050)
sf.write("noise.wav", noise, 22050)
phrases = ["dog barking", "car horn"]
queries = [word for phrase in phrases for word in ("-q", phrase)]
opensed = Path(sys.executable).with_name("opensed")
subprocess.run(
    [opensed, "detect", "noise.wav", *queries]
    + ["--model", "detector", "--threshold", "0.01", "-o", "events.tsv"],
    check=True,
)
with open("events.tsv") as file:
    rows = list(csv.DictReader(file, delimiter="\t"))
heard = {row["event_label"] for row in rows}
assert heard == set(phrases), f"events of {heard}, asked for {phrases}"
print(f"{len(rows)} events of {sorted(heard)}")
