"""Released layouts load strictly and give the original numbers."""

import json
import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from speechbrain_opensed.checkpoints import (
    load_dasheng,
    load_flexsed,
    read_state,
)
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.flexsed import FlexSED

FIXTURES = Path(__file__).parents[3] / "fixtures"
TINY = dict(embed_dim=16, depth=2, num_heads=2, ft_blocks=[1], cls_dim=8)


@pytest.fixture(scope="module")
def parity():
    with safe_open(FIXTURES / "flexsed_tiny.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    state = {
        key[3:]: value
        for key, value in tensors.items()
        if key.startswith("sd.")
    }
    return config, state, tensors


def test_parity_with_the_original(parity):
    config, state, expected = parity
    model = load_flexsed(state, config=config)
    wav = expected["wav_int16"].float() / 32768
    with torch.no_grad():
        mel = model.mel(wav)
        feats = model.encode(wav)
        logits = model.decode(feats, expected["queries"])
    assert torch.allclose(
        mel[..., ::50], expected["mel_magnitude"], atol=1e-4, rtol=1e-4
    )
    error = (feats[:, ::10] - expected["encoder_out"]).abs().max()
    assert error <= 1e-4
    error = (logits.flatten(0, 1) - expected["logits"][:, 0]).abs().max()
    assert error <= 1e-4


def released_shapes(name: str) -> dict[str, tuple[int, ...]]:
    lines = (FIXTURES / name).read_text().split("\n")
    return {
        key: tuple(int(n) for n in re.findall(r"\d+", shape))
        for key, shape in (line.split("\t") for line in lines if line)
    }


@pytest.mark.parametrize(
    "name, model",
    [
        ("flexsed_state_dict.txt", FlexSED),
        ("dasheng_encoder_state_dict.txt", Dasheng),
    ],
)
def test_released_keys_and_shapes(name, model):
    own = model().state_dict()
    released = {
        key: shape
        for key, shape in released_shapes(name).items()
        if "front_end." not in key
    }
    assert {k: tuple(v.shape) for k, v in own.items()} == released


def test_computed_buffers_may_be_absent_or_present():
    state = FlexSED(**TINY).state_dict()
    absent = load_flexsed(state, config=TINY)
    state["encoder.front_end.0.spectrogram.window"] = torch.ones(512)
    present = load_flexsed({"model": state}, config=TINY)
    # They are computed: what the checkpoint has does not count.
    wav = torch.rand(1, 8000)
    assert torch.equal(absent.encode(wav), present.encode(wav))


def test_missing_and_unexpected_tensors_are_named():
    state = FlexSED(**TINY).state_dict()
    state["decoder.extra"] = state.pop("decoder.sed_head.bias")
    with pytest.raises(ValueError) as error:
        load_flexsed(state, config=TINY)
    assert "1 missing (decoder.sed_head.bias)" in str(error.value)
    assert "1 unexpected (decoder.extra)" in str(error.value)


def test_another_size_and_unknown_config_are_named():
    state = FlexSED(**TINY).state_dict()
    with pytest.raises(ValueError, match="cls_embed.0.weight"):
        load_flexsed(state, config={**TINY, "cls_dim": 4})
    with pytest.raises(ValueError, match="unknown config keys .'dephth'"):
        load_flexsed(state, config={"dephth": 3})


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_load(tmp_path, suffix):
    model = FlexSED(**TINY)
    path = tmp_path / f"model{suffix}"
    if suffix == ".pt":
        torch.save({"model": model.state_dict()}, path)
    else:
        save_file(model.state_dict(), path)
    loaded = load_flexsed(path, config=TINY)
    assert torch.equal(
        loaded.decoder.sed_head.weight, model.decoder.sed_head.weight
    )
    assert not loaded.training


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".safetensors", ""])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_content_and_not_the_suffix_tells_the_kind(tmp_path, suffix, kind):
    state = FlexSED(**TINY).state_dict()
    path = tmp_path / f"model{suffix}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        new = kind == "zip"
        torch.save(
            {"state_dict": state}, path, _use_new_zipfile_serialization=new
        )
    found = read_state(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_pickles_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, write in (
        ("new.pt", lambda p: torch.save({"model": Bomb()}, p)),
        ("old.pt", lambda p: p.write_bytes(pickle.dumps({"model": Bomb()}))),
    ):
        write(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name} cannot be read"):
            read_state(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_truncated_and_missing_files_are_named(tmp_path):
    path = tmp_path / "cut.safetensors"
    save_file(FlexSED(**TINY).state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match="cut.safetensors.*download it again"):
        load_flexsed(path, config=TINY)
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        load_flexsed(tmp_path / "nowhere.pt")


def test_folder_holds_the_released_file(tmp_path):
    (tmp_path / "ckpts").mkdir()
    torch.save(
        {"model": FlexSED(**TINY).state_dict()},
        tmp_path / "ckpts" / "flexsed_as.pt",
    )
    assert load_flexsed(tmp_path, config=TINY).freeze_encoder is False


@pytest.mark.parametrize("positions", [10, 500])
def test_dasheng_positions_of_another_length(positions):
    sizes = dict(embed_dim=16, depth=1, num_heads=2)
    state = Dasheng(**sizes, target_length=4 * positions).state_dict()
    encoder = load_dasheng({"model": state}, config=sizes)
    assert encoder.time_pos_embed.shape[-1] == 252
