"""The recipe of the style adapter goes on exactly where it stopped."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.recipes.runner import ROOT

RECIPE = ROOT / "recipes" / "StyleAdapter"
FLAGS = {
    "num_train": 16,
    "num_valid": 2,
    "num_test": 2,
    "batch_size": 4,
    "unet_channels": "[8,16,16]",
    "ref_channels": "[4,8]",
    "ref_blocks": "[1,1]",
    "style_dim": 16,
    "calibrate_clips": 4,
    "num_jobs": 1,
    "trained": "full",
    "noprogressbar": True,
}


def run(folder, epochs, **more):
    flags = {
        **FLAGS,
        "output_folder": folder,
        "data_folder": folder.parent / "data",
        "cache_folder": folder.parent / "cache",
        "number_of_epochs": epochs,
        **more,
    }
    command = [
        f"--{k}" if v is True else f"--{k}={v}" for k, v in flags.items()
    ]
    subprocess.run(
        [sys.executable, RECIPE / "train.py", RECIPE / "hparams/demo.yaml"]
        + command,
        check=True,
        cwd=folder.parent,
    )
    return {
        name: load_file(folder / "generator" / f"{name}.safetensors")
        for name in ("unet", "adapter")
    }


@pytest.mark.slow
def test_a_second_run_goes_on(tmp_path):
    whole = run(tmp_path / "whole", 2)
    first = run(tmp_path / "halves", 1)
    second = run(tmp_path / "halves", 2)
    assert not torch.equal(
        first["unet"]["conv_in.weight"], second["unet"]["conv_in.weight"]
    )
    for name, tensors in whole.items():
        for key, tensor in tensors.items():
            assert torch.equal(tensor, second[name][key]), key
