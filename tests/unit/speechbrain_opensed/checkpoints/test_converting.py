"""Tensors come out of checkpoints; nothing that these name is run."""

import os
import sys
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from speechbrain_opensed.checkpoints.converting import convert_checkpoint


@pytest.fixture
def fairseq(monkeypatch):
    """Classes of modules that are not there any more when it is read."""
    made = {}
    for name in ("omegaconf", "omegaconf.dictconfig"):
        made[name] = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, made[name])
    config = type("DictConfig", (), {})
    config.__module__ = "omegaconf.dictconfig"
    config.__qualname__ = "DictConfig"
    made["omegaconf.dictconfig"].DictConfig = config
    return config


def test_settings_as_objects_are_passed_over(tmp_path, fairseq, monkeypatch):
    settings = fairseq()
    settings.model = {"depth": 12, "inner": fairseq()}
    weights = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}
    torch.save(
        {"cfg": settings, "model": weights, "epoch": 30},
        tmp_path / "eat.pt",
    )
    monkeypatch.undo()
    assert "omegaconf.dictconfig" not in sys.modules
    with pytest.raises(Exception, match="Unsupported global|WeightsUnpickler"):
        torch.load(tmp_path / "eat.pt", weights_only=True)
    target = tmp_path / "out" / "eat.safetensors"
    target.parent.mkdir()
    assert convert_checkpoint(tmp_path / "eat.pt", target) == 2
    found = load_file(target)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in found)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_is_not_run(tmp_path):
    made = tmp_path / "made"
    torch.save({"model": {}, "cfg": Hostile(made)}, tmp_path / "bad.pt")
    with pytest.raises(ValueError, match="names code .*mkdir"):
        convert_checkpoint(tmp_path / "bad.pt", tmp_path / "x.safetensors")
    assert not made.exists() and not (tmp_path / "x.safetensors").exists()


def test_what_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / "x.pt").write_text("no")
    with pytest.raises(ValueError, match="is no checkpoint"):
        convert_checkpoint(tmp_path / "x.pt", tmp_path / "x.safetensors")
    torch.save({"model": {}}, tmp_path / "empty.pt")
    with pytest.raises(ValueError, match="holds no tensors"):
        convert_checkpoint(tmp_path / "empty.pt", tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="ends in .safetensors"):
        convert_checkpoint(tmp_path / "empty.pt", tmp_path / "x.pt")
