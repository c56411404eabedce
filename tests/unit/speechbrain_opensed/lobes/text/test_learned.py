"""Learned phrases stand beside those that a text encoder knows."""

import pytest
import torch
from safetensors.torch import save_file

from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.text.learned import LearnedPhrases


def test_a_file_and_a_mapping_say_the_same(tmp_path):
    plain = HashTextEncoder(dim=4)
    table = {"my doorbell": torch.arange(4.0), "öfen": torch.ones(4)}
    save_file(table, tmp_path / "t.safetensors")
    asked = ["öfen", "rain", "my doorbell", "öfen"]
    told = LearnedPhrases(plain, table)(asked)
    assert torch.equal(
        told, LearnedPhrases(plain, tmp_path / "t.safetensors")(asked)
    )
    assert torch.equal(told[0], table["öfen"])
    assert torch.equal(told[1], plain(["rain"])[0])
    assert torch.equal(told[2], table["my doorbell"])


def test_bad_tables_are_refused(tmp_path):
    plain = HashTextEncoder(dim=4)
    with pytest.raises(ValueError, match=r"'a' has shape \[3\]"):
        LearnedPhrases(plain, {"a": torch.ones(3)})
    with pytest.raises(ValueError, match="finite"):
        LearnedPhrases(plain, {"a": torch.full((4,), torch.nan)})
    with pytest.raises(FileNotFoundError, match="learned phrases"):
        LearnedPhrases(plain, tmp_path / "no.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="bad.safetensors"):
        LearnedPhrases(plain, tmp_path / "bad.safetensors")
