# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Write a recipe
#
# A recipe is a `train.py`, a YAML file and a README. This one runs as it is;
# change the model in the YAML, the loss in the Brain.

# %%
import json
import subprocess
import sys
from pathlib import Path

subprocess.run(
    [sys.executable, "-m", "speechbrain_opensed", "new", "recipe", "my_recipe"],
    check=True,
)
print(Path("my_recipe/hparams/train.yaml").read_text()[:1200])

# %% [markdown]
# Everything in the YAML can be overridden; that is how variants and ablations
# are run. So small, it takes seconds and learns nothing:

# %%
small = {
    "num_train": 4,
    "num_valid": 2,
    "num_test": 2,
    "number_of_epochs": 1,
    "batch_size": 2,
    "embed_dim": 16,
    "lr": 0.001,
}
subprocess.run(
    [
        *(sys.executable, "my_recipe/train.py"),
        *("my_recipe/hparams/train.yaml", "--output_folder=run"),
        "--device=cpu",
        *(f"--{key}={value}" for key, value in small.items()),
    ],
    check=True,
)
print(Path("run/train_log.txt").read_text())

# %%
results = json.loads(Path("run/results.json").read_text())
print(results["PSDS1_A"])

# %% [markdown]
# The same command again goes on where it stopped, which here is the end; with
# other settings the folder is refused, for it belongs to one run. The detector
# is as good as any other:

# %%
from speechbrain_opensed import SoundEventDetector

det = SoundEventDetector.from_source("run/detector")
print(det.detect("street.wav", ["high pulsing bell"]).scores.shape)
