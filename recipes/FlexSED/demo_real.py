#!/usr/bin/env python3
"""The same for your own recordings: train on a pretrained encoder, look.

To run it:
> python demo_real.py /path/to/recordings [any override of event_bank.yaml]

The recordings lie in one folder per label, or are named by a csv with path
and label. mn04_as_mAP_432.pt, 4 MB, has to be on the machine; the message of
a run without it says where to get it. What comes out lies in
results/FlexSED/demo_real.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import sys
import time
from pathlib import Path
from subprocess import CalledProcessError

import soundfile as sf
from lhotse import CutSet

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _demo.runs import run_recipe, timeline_table  # noqa: E402

from lhotse_recipes.schema import trim_events
from speechbrain_opensed.core.hub import models_folder
from speechbrain_opensed.inference import SoundEventDetector

HERE = Path(__file__).resolve().parent
OUTPUT = Path("results/FlexSED/demo_real")
CLAP = "clap-htsat-unfused"
# Fewer mixtures than the recipe's, for a quarter of its time.
SMALL = {"num_train": 1200, "num_valid": 60, "num_test": 200}


def main() -> None:
    """Runs all of it and prints what came out."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("name your recordings: demo_real.py /path/to/recordings")
    start = time.monotonic()
    bank, *given = sys.argv[1:]
    clap = models_folder() / CLAP
    chosen = {**SMALL, "text_source": str(clap)}
    if not clap.is_dir():
        chosen |= {"text_source": "hash", "text_dim": 64}
    names = {x.lstrip("-").partition("=")[0] for x in given if x[:2] == "--"}
    if "text_source" in names:
        chosen = SMALL
    elif not clap.is_dir():
        print(
            f"no CLAP in {clap}: words are hashed, so that only words of your "
            "labels are understood"
        )
    options = [f"--{k}={v}" for k, v in chosen.items() if k not in names]
    try:
        run_recipe(
            HERE / "train.py",
            HERE / "hparams/event_bank.yaml",
            OUTPUT,
            [f"--bank_folder={bank}", *options, *given],
        )
    except CalledProcessError as error:
        sys.exit(error.returncode)
    results = json.loads((OUTPUT / "results.json").read_text())
    cuts = CutSet.from_file(OUTPUT / "mixtures/mixtures_cuts_test.jsonl.gz")
    cut = max(cuts.subset(first=20), key=lambda c: len(trim_events(c)))
    mixed = [(e.start, e.end, e.text) for e in trim_events(cut)]
    wave = cut.load_audio()[0]
    recording = OUTPUT / "mixture.wav"
    sf.write(recording, wave / abs(wave).max(), cut.sampling_rate)
    phrases = sorted({phrase for *_, phrase in mixed})
    found = SoundEventDetector.from_source(OUTPUT).detect(recording, phrases)
    found.plot(OUTPUT / "mixture.png")

    for name, value in results.items():
        if name.startswith("PSDS"):
            print(f"{name:24}{value:.3f}")
    print("\nA mixture of test recordings, as mixed and as detected (seconds):")
    heard = [(e.onset, e.offset, e.phrase) for e in found.events]
    print(timeline_table(phrases, mixed, heard))
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes; in {OUTPUT}:")
    print(
        "  report.html  results.json  per_class.tsv  mixture.wav  mixture.png"
    )
    print(f"  try: opensed detect YOUR.wav --model {OUTPUT}")


if __name__ == "__main__":
    main()
