#!/usr/bin/env python3
"""The demonstration: train on synthesised sounds, evaluate, mark events.

To run it:
> python demo.py [any override of hparams/demo.yaml]

A model learns 60 of 75 sounds such as "high pulsing bell" and is tested on
all of them: on those it heard, and on 15 combinations of words that it never
heard. Then it marks a fresh recording. What comes out lies in
results/FlexSED/demo.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import soundfile as sf
import torch
from lhotse import CutSet

from lhotse_recipes.schema import trim_events
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.plotting import plot_training

HERE = Path(__file__).resolve().parent
OUTPUT = Path("results/FlexSED/demo")
# Sounds of the fresh recording: two that training had, one that it had not.
PHRASES = ["high pulsing bell", "low rising buzz", "mid warbling tone"]
SEED = 77
# Without these the C library gives memory back after each step of training,
# to ask for it again in the next.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
}


def has_bf16() -> bool:
    """Whether this CPU computes in bf16: training is then twice as fast."""
    return torch.cpu._is_avx512_bf16_supported()


def train(overrides: list[str]) -> None:
    """Runs the recipe as a user would."""
    precision = "bf16" if has_bf16() else "fp32"
    subprocess.run(
        [
            sys.executable,
            HERE / "train.py",
            HERE / "hparams" / "demo.yaml",
            f"--output_folder={OUTPUT}",
            f"--precision={precision}",
            f"--eval_precision={precision}",
            *overrides,
        ],
        check=True,
        env={**KEEP_MEMORY, **os.environ},
    )


def fresh_recording(path: Path):
    """A mixture of sounds that are in no part of the data, and its events."""
    sounds = ProceduralBank(seed=SEED)
    written = sounds.write(
        OUTPUT / "fresh", per_phrase=1, num_backgrounds=1, phrases=PHRASES
    )
    (cut,) = simulate_soundscapes(
        CutSet.from_cuts(written["events"]),
        written["backgrounds"],
        num_clips=1,
        seed=SEED,
        events_per_clip=(3, 3),
        repeats=(1, 2),
        snr=(10.0, 20.0),
    )
    wave = cut.load_audio()[0]
    sf.write(path, wave / abs(wave).max(), cut.sampling_rate)
    return [(e.start, e.end, e.text) for e in trim_events(cut)]


def learning_curves(log: Path) -> dict[str, list[tuple[float, float]]]:
    """Losses by epoch, from the recipe's log."""
    pattern = r"epoch: (\d+).*train loss: (\S+) - valid loss: (\S+),"
    rows = [map(float, row) for row in re.findall(pattern, log.read_text())]
    epochs, *losses = zip(*rows, strict=True)
    return {
        name: list(zip(epochs, values, strict=True))
        for name, values in zip(("train", "valid"), losses, strict=True)
    }


def main() -> None:
    """Runs all of it and prints one table."""
    start = time.monotonic()
    train(sys.argv[1:])
    results = json.loads((OUTPUT / "results.json").read_text())
    scores = {
        "seen": {m: results[f"{m}_seen"] for m in ("PSDS1_A", "PSDS1_T")},
        "zero-shot": {
            m: results[f"{m}_unseen"] for m in ("PSDS1_A", "PSDS1_T")
        },
    }
    plot_training(
        learning_curves(OUTPUT / "train_log.txt"),
        OUTPUT / "training.png",
        scores,
    )
    recording = OUTPUT / "fresh.wav"
    events = fresh_recording(recording)
    detector = SoundEventDetector.from_hparams(OUTPUT / "detector")
    found = detector.detect_file(recording, PHRASES, threshold=0.5)
    found.to_tsv(OUTPUT / "fresh.tsv")
    found.plot(OUTPUT / "fresh.png")

    print(f"\n{'':12}{'PSDS1_A':>9}{'PSDS1_T':>9}")
    for name, row in scores.items():
        print(f"{name:12}{row['PSDS1_A']:9.3f}{row['PSDS1_T']:9.3f}")
    ratio = scores["zero-shot"]["PSDS1_T"] / scores["seen"]["PSDS1_T"]
    print(f"zero-shot PSDS1_T is {ratio:.0%} of the seen classes'\n")
    print("A fresh recording, as mixed and as detected (seconds):")
    for phrase in PHRASES:
        true = [f"{a:.2f}-{b:.2f}" for a, b, p in events if p == phrase]
        heard = [
            f"{e.onset:.2f}-{e.offset:.2f}"
            for e in found.events
            if e.phrase == phrase
        ]
        print(f"  {phrase:20} {', '.join(true):28} {', '.join(heard)}")
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes; in {OUTPUT}:")
    print("  results.json  per_class.tsv  training.png  fresh.wav  fresh.png")
    print(f'  try: opensed detect YOUR.wav -q "{PHRASES[0]}" --model', end=" ")
    print(OUTPUT / "detector")


if __name__ == "__main__":
    main()
