"""Weights that are none are refused, by file and tensor."""

import os

import pytest
import torch
from torch import nn

from speechbrain_opensed.checkpoints import load_strict, read_state

BROKEN = {
    "NaN": (torch.tensor([[float("nan"), 1.0]]), "1 of 2"),
    "infinite": (torch.tensor([[float("inf"), 1.0]]), "1 of 2"),
    "complex": (torch.ones(1, 2, dtype=torch.complex64), "torch.complex64"),
    "integer": (torch.ones(1, 2, dtype=torch.int64), "torch.int64"),
    "boolean": (torch.ones(1, 2, dtype=torch.bool), "torch.bool"),
    "sparse": (torch.ones(1, 2).to_sparse(), "of another type"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_tensors_are_refused_by_name(kind):
    value, words = BROKEN[kind]
    module = nn.Linear(2, 1)
    before = module.weight.clone()
    with pytest.raises(ValueError, match=f"weight.*{words}|{words}.*weight"):
        load_strict(module, {"weight": value, "bias": torch.zeros(1)})
    assert torch.equal(module.weight, before)


def test_masks_and_counts_pass():
    module = nn.BatchNorm1d(2)
    module.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    state = {name: value.clone() for name, value in module.state_dict().items()}
    load_strict(module, {**state, "weight": torch.ones(2).half()})
    state["num_batches_tracked"] = torch.tensor(1.0)
    with pytest.raises(ValueError, match="num_batches_tracked torch.float32"):
        load_strict(module, state)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_empty_file_is_named(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.touch()
    with pytest.raises(ValueError, match=f"model{suffix} cannot be read"):
        read_state(path)


class Runs:
    def __reduce__(self):
        return os.system, ("echo",)


def test_no_advice_to_run_what_is_in_a_file(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"model": {"weight": Runs()}}, path)
    with pytest.raises(ValueError, match=r"names \w+\.system") as told:
        read_state(path)
    assert "weights_only" not in str(told.value)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="cut off or of another kind"):
        read_state(path)
