#!/usr/bin/env python3
"""Many runs of train.py, one after the other, in one process.

To run it:
> python sweep.py hparams/demo.yaml --host coop,kgcoop --sept_weight 0,1 \
>     --seed 0,1,2

Values with commas are tried one by one, all with all. A run whose results
are there is passed over, so a sweep that was stopped goes on.

Authors
 * The speechbrain-opensed contributors 2026
"""

import itertools
import sys
from pathlib import Path

from tqdm import tqdm
from train import EITHER, main

from speechbrain_opensed.training.hparams import load_hparams
from speechbrain_opensed.training.runs import claim_run


def runs(options):
    """All combinations of the options' values, as arguments."""
    names, values = [], []
    for name, value in options:
        names.append(name)
        listed = value.startswith(("[", "{", "!", '"', "'"))
        values.append([value] if listed else value.split(","))
    for chosen in itertools.product(*values):
        yield [f"{name}={one}" for name, one in zip(names, chosen, strict=True)]


def pairs(arguments):
    """Options and their values, of `--name value` and `--name=value`."""
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        yield name, value if equals else next(words, "")


def is_done(file, arguments):
    """Whether this very run's results are there."""
    overrides = "\n".join(
        f"{name[2:]}: {value}" for name, value in pairs(arguments)
    )
    hparams = load_hparams(file, overrides, EITHER)
    if not (Path(hparams["output_folder"]) / "results.json").is_file():
        return False
    claim_run(file, overrides, hparams)
    return True


if __name__ == "__main__":
    file, *options = sys.argv[1:]
    for arguments in tqdm(list(runs(pairs(options))), desc="runs"):
        if not is_done(file, arguments):
            main([file, *arguments])
