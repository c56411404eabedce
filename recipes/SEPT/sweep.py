#!/usr/bin/env python3
"""Many runs of train.py, one after the other, in one process.

To run it:
> python sweep.py hparams/demo.yaml --host coop,kgcoop --sept_weight 0,1 \
>     --seed 0,1,2

Values with commas are tried one by one, all with all. What the YAML's output
folder does not name gets a folder of its own in it, such as `margins-False`. A
run whose results are there is passed over, so a sweep that was stopped goes on.

Authors
 * The speechbrain-opensed contributors 2026
"""

import itertools
import re
from pathlib import Path

import train
from tqdm import tqdm
from train import EITHER

from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.training.hparams import load_hparams
from speechbrain_opensed.training.runs import claim_run


def runs(file, options):
    """All combinations of the options' values, as arguments."""
    names, values = [], []
    for name, value in options:
        names.append(name)
        listed = value.startswith(("[", "{", "!", '"', "'"))
        values.append([value] if listed else value.split(","))
    several = [n for n, v in zip(names, values, strict=True) if len(v) > 1]
    apart = [name for name in several if name[2:] not in named_by(file)]
    if apart and "--output_folder" in names:
        raise ValueError(
            f"{', '.join(apart)} with several values would all go to "
            "--output_folder: leave it out"
        )
    for chosen in itertools.product(*values):
        given = dict(zip(names, chosen, strict=True))
        yield (
            [f"{name}={one}" for name, one in given.items()],
            [f"{name[2:]}-{given[name]}" for name in apart],
        )


def named_by(file):
    """Keys of which the YAML's output folder is made."""
    found = re.search(r"^output_folder:.*", Path(file).read_text(), re.M)
    return re.findall(r"<(\w+)>", found[0])


def pairs(arguments):
    """Options and their values, of `--name value` and `--name=value`."""
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        yield name, value if equals else next(words, "")


def to_do(file, arguments, inner):
    """A run's arguments with its folder; None if its results are there."""
    overrides = "\n".join(
        f"{name[2:]}: {value}" for name, value in pairs(arguments)
    )
    hparams = load_hparams(file, overrides, EITHER)
    if inner:
        folder = str(Path(hparams["output_folder"], *inner))
        return to_do(file, [*arguments, f"--output_folder={folder}"], [])
    if not (Path(hparams["output_folder"]) / "results.json").is_file():
        return arguments
    claim_run(file, overrides, hparams)
    return None


def main(words):
    """Runs what is not there yet."""
    file, *options = words
    for arguments, inner in tqdm(list(runs(file, pairs(options))), desc="runs"):
        if (missing := to_do(file, arguments, inner)) is not None:
            train.main([file, *missing])


if __name__ == "__main__":
    run_recipe(main)
