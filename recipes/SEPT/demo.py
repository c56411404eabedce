#!/usr/bin/env python3
"""The demonstration: prompts with and without SEPT, on towers made here.

To run it:
> python demo.py [any override of hparams/demo.yaml]

First two small towers learn from captioned mixtures of 45 synthesised
sounds. Then prompts are tuned for 15 of 30 other sounds, and tested on those
and on the 15 that nobody ever heard. What comes out lies in
results/SEPT/demo.

Authors
 * The speechbrain-opensed contributors 2026
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from speechbrain_opensed.evaluation.prompt_results import read_results
from speechbrain_opensed.evaluation.prompt_tables import (
    cost_table,
    markdown,
    result_table,
)
from speechbrain_opensed.plotting import plot_psds_bars
from speechbrain_opensed.training.runs import claim_run

HERE = Path(__file__).resolve().parent
OUTPUT = Path("results/SEPT/demo")
TOWERS = Path("results/SEPT/towers/1986")
SEEDS = (0, 1, 2)


def run(script: str, yaml: str, *options: str) -> None:
    """Runs a script as a user would."""
    subprocess.run(
        [sys.executable, HERE / script, HERE / "hparams" / yaml, *options],
        check=True,
    )


def means(runs: list[dict]) -> dict[str, dict[str, float]]:
    """Method to mean accuracies over seeds."""
    groups = {"zero-shot": [one["zero_shot"] for one in runs]}
    for one in runs:
        name = "CoOp + SEPT" if one["sept_weight"] else "CoOp"
        groups.setdefault(name, []).append(one["scores"])
    return {
        name: {
            score: statistics.fmean(one[score] for one in some)
            for score in ("base", "new", "H", "joint")
        }
        for name, some in groups.items()
    }


def main() -> None:
    """Runs all of it and prints tables."""
    start = time.monotonic()
    if not (TOWERS / "towers.safetensors").is_file():
        run("pretrain.py", "pretrain.yaml")
    # Towers of other settings are none of these.
    yaml = HERE / "hparams" / "pretrain.yaml"
    claim_run(yaml, "", {"output_folder": TOWERS})
    run(
        "sweep.py",
        "demo.yaml",
        "--host=coop",
        "--sept_weight=0,0.3",
        f"--seed={','.join(map(str, SEEDS))}",
        *sys.argv[1:],
    )
    folder = OUTPUT / "base_to_new"
    runs = read_results([folder / "coop-0", folder / "coop-0.3"])
    plot_psds_bars(means(runs), OUTPUT / "demo.png")
    print(f"\n{markdown(result_table(runs))}\n\n{markdown(cost_table(runs))}")
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes; in {OUTPUT}:")
    print("  demo.png  base_to_new/coop-0.3/0/embeddings.png")
    print("  base_to_new/*/*/results.json, with accuracies of each class")


if __name__ == "__main__":
    main()
