#!/usr/bin/env python3
"""The demonstration: align synthesised sounds with language, in time.

To run it:
> python demo.py [any override of hparams/demo.yaml]

A model learns from clips with captions, a few of them annotated, and from
synthetic mixtures. Then it finds clips by their captions and captions by
their clips, names single sounds, and marks when sounds occur, in clips made
of sounds that it never heard in this form. Its test scores stand beside
those of the same model before training. What comes out lies in
results/FineLAP/demo.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _demo.runs import (  # noqa: E402
    fresh_recording,
    logged_curve,
    run_recipe,
    timeline_table,
)

from speechbrain_opensed.evaluation.sets import (
    evaluate_sets,
    flat,
    open_sets,
)
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.plotting import plot_training
from speechbrain_opensed.training.hparams import load_hparams

HERE = Path(__file__).resolve().parent
OUTPUT = Path("results/FineLAP/demo")
PHRASES = ["high pulsing bell", "low steady buzz", "mid steady hiss"]
SEED = 77
# What is printed, and what the test calls it.
SCORES = {
    "text to audio, R@1": "mixtures retrieval T2A_R@1",
    "audio to text, R@1": "mixtures retrieval A2T_R@1",
    "detection, PSDS1_A": "mixtures detection PSDS1_A",
    "grounding, PSDS": "mixtures grounding psds2021",
    "zero-shot classes": "single classification accuracy",
}
CURVES = {
    "R@1": "valid mixtures retrieval T2A_R@1",
    "PSDS1_A": "valid mixtures detection PSDS1_A",
}


def untrained() -> dict[str, float]:
    """Test scores of the model as training finds it."""
    hparams = load_hparams(OUTPUT / "hyperparams.yaml")
    opened = open_sets(hparams["test_sets"])
    return flat(evaluate_sets(hparams["model"], opened))


def chance(numbers: dict[str, float]) -> dict[str, float]:
    """What guessing reaches, where that is a number."""
    clips = numbers["mixtures retrieval clips"]
    return {
        SCORES["text to audio, R@1"]: 1 / clips,
        # Any of a clip's captions will do: as many as for other clips.
        SCORES["audio to text, R@1"]: 1 / clips,
        SCORES["zero-shot classes"]: 1
        / numbers["single classification classes"],
    }


def main() -> None:
    """Runs all of it and prints one table."""
    start = time.monotonic()
    run_recipe(
        HERE / "train.py", HERE / "hparams/demo.yaml", OUTPUT, sys.argv[1:]
    )
    trained = flat(json.loads((OUTPUT / "results.json").read_text()))
    columns = {
        "chance": chance(trained),
        "untrained": untrained(),
        "trained": trained,
    }
    log = OUTPUT / "train_log.txt"
    plot_training(
        {name: logged_curve(log, key) for name, key in CURVES.items()},
        OUTPUT / "training.png",
        {
            column: {name: numbers[key] for name, key in SCORES.items()}
            for column, numbers in columns.items()
            if column != "chance"
        },
        ylabel="score",
    )
    recording = OUTPUT / "fresh.wav"
    events = fresh_recording(
        recording, PHRASES, SEED, duration=10.24, snr=(15.0, 25.0)
    )
    detector = SoundEventDetector.from_hparams(OUTPUT / "detector")
    found = detector.detect_file(recording, PHRASES, threshold=0.3)
    found.to_tsv(OUTPUT / "fresh.tsv")
    found.plot(OUTPUT / "fresh.png")

    print(f"\n{'':20}" + "".join(f"{column:>11}" for column in columns))
    for name, key in SCORES.items():
        cells = (
            f"{numbers[key]:11.3f}" if key in numbers else f"{'-':>11}"
            for numbers in columns.values()
        )
        print(f"{name:20}" + "".join(cells))
    print("\nA fresh recording, as mixed and as detected (seconds):")
    heard = [(e.onset, e.offset, e.phrase) for e in found.events]
    print(timeline_table(PHRASES, events, heard))
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes; in {OUTPUT}:")
    print("  results.json  train_log.txt  training.png  fresh.wav  fresh.png")
    print(f'  try: opensed detect YOUR.wav -q "{PHRASES[0]}" --model', end=" ")
    print(OUTPUT / "detector")


if __name__ == "__main__":
    main()
