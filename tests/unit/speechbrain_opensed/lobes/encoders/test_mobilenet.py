"""MobileNets give the original's numbers, frame by frame in place."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from speechbrain_opensed.checkpoints import load_mobilenet
from speechbrain_opensed.lobes.encoders.mobilenet import (
    MobileNet,
    MobileNetMel,
    _at_frames,
)

FIXTURES = Path(__file__).parents[4] / "fixtures"


@pytest.fixture(scope="module")
def expected():
    return load_file(FIXTURES / "mn04.safetensors")


@pytest.fixture(scope="module")
def wav(expected):
    return expected["wav_int16"].float() / 32768


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return MobileNet(width=0.1, num_tags=5).eval()


def close(ours, theirs):
    return ours.shape == theirs.shape and (ours - theirs).abs().max() <= 1e-4


def test_mel_is_the_original_s(expected, wav):
    assert close(MobileNetMel()(wav), expected["mel"])


@torch.no_grad()
def test_released_weights_give_the_original_s_numbers(
    shared_data, expected, wav
):
    path = shared_data.parent / "weights" / "mn04_as_mAP_432.pt"
    if not path.is_file():
        pytest.skip(f"no released weights at {path}")
    model = load_mobilenet(path)
    x = expected["mel"].unsqueeze(1)
    for number, stage in enumerate(model.features):
        x = stage(x)
        if f"features.{number}" in expected:
            assert close(x, expected[f"features.{number}"])
    assert close(model.embed(wav), expected["embedding"])
    assert close(model(wav), expected["logits"])
    frames = model.encode(wav)
    assert frames.shape == (2, 50, 1679) and model.dim == 1679


def test_layout_is_that_of_the_released_file():
    lines = (FIXTURES / "mn04_state_dict.txt").read_text().splitlines()
    with torch.device("meta"):
        state = MobileNet(0.4).state_dict()
    assert [f"{k} {tuple(v.shape)}" for k, v in state.items()] == lines


@pytest.mark.parametrize("width", [0.1, 0.4, 0.5, 1.0, 2.0, 3.0, 4.0])
def test_width_is_read_from_the_tensors(width, monkeypatch):
    monkeypatch.setattr(
        "speechbrain_opensed.checkpoints.mobilenet.load_strict",
        lambda model, state: model,
    )
    with torch.device("meta"):
        state = MobileNet(width, num_tags=7).state_dict()
        found = load_mobilenet(state)
    assert found.num_tags == 7
    assert [v.shape for v in found.state_dict().values()] == [
        v.shape for v in state.values()
    ]


def test_tensors_that_do_not_fit_are_named(tiny):
    state = tiny.state_dict()
    first = state.pop("features.0.0.weight")
    with pytest.raises(ValueError, match=r"missing \(features\.0\.0\.weight"):
        load_mobilenet(state)
    state["features.0.0.weight"] = first
    state["attention.weight"] = first
    with pytest.raises(ValueError, match=r"unexpected \(attention\.weight"):
        load_mobilenet(state)


def test_weights_are_found_among_the_models(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENSED_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    torch.save(tiny.state_dict(), tmp_path / "models" / "mn01.pt")
    assert load_mobilenet("mn01.pt").num_tags == 5


def test_missing_weights_say_where_they_are(tmp_path):
    address = "EfficientAT/releases/download/v0.0.1/mn10_as_mAP_471.pt"
    with pytest.raises(FileNotFoundError, match=address):
        load_mobilenet(tmp_path / "mn10_as_mAP_471.pt")
    with pytest.raises(FileNotFoundError, match=r"mn04_as_mAP_432\.pt"):
        load_mobilenet("nowhere")


@torch.no_grad()
def test_frames_are_whole_and_end_in_tags(tiny):
    mel = tiny.mel(torch.rand(2, 32000))
    frames = tiny.encode_mel(mel)
    assert frames.shape == (2, 25, tiny.dim)
    last = tiny.features(mel.unsqueeze(1)).mean(dim=2).transpose(1, 2)
    tags = _at_frames(tiny.classifier(last), 32, 25)
    torch.testing.assert_close(frames[..., -tiny.num_tags :], tags)
    with pytest.raises(ValueError, match="at least 4"):
        tiny.encode_mel(mel[..., :3])


@torch.no_grad()
def test_a_sound_shows_in_the_frames_where_it_is(tiny):
    """In the first stage, whose outputs see 0.2 s."""
    silence = torch.zeros(1, 64000)
    click = silence.clone()
    click[0, 32000:32320] = 1.0
    change = (tiny.encode(click) - tiny.encode(silence))[..., :64].abs()
    loud = change.sum(-1)[0]
    assert 24 <= loud.argmax() <= 26
    assert loud[:20].max() < 1e-4 and loud[30:].max() < 1e-4


@pytest.mark.parametrize("step", [4, 8, 16, 32])
def test_interpolation_keeps_time(step):
    """A track that tells its own time tells the middle of each frame."""
    outputs = -(-1000 // step)
    track = torch.arange(outputs).float()[None, :, None] * step
    frames = _at_frames(track, step, 250)[0, :, 0]
    middle = torch.arange(250) * 4 + 1.5
    torch.testing.assert_close(frames, middle.clamp(max=track.max()))
