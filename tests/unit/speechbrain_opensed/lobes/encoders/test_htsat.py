"""HTS-AT hears what CLAP hears, frame by frame."""

import pytest
import torch
from transformers import ClapFeatureExtractor

from speechbrain_opensed.checkpoints import load_encoder, load_htsat
from speechbrain_opensed.lobes.encoders.htsat import HTSAT
from speechbrain_opensed.lobes.prompts.alm_clap import TINY_FRONT, ClapTower
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import HTS
from tests.unit.speechbrain_opensed.lobes.encoders.test_clap import save_tokens


@pytest.fixture(scope="module")
def clap(tmp_path_factory):
    """A small CLAP as transformers saves it, and its model."""
    folder = tmp_path_factory.mktemp("clap")
    ClapTower.tiny(fused=False).model.save_pretrained(folder)
    save_tokens(folder)
    ClapFeatureExtractor(
        truncation="rand_trunc", frequency_min=50, **TINY_FRONT
    ).save_pretrained(folder)
    return folder, ClapTower(folder)


@torch.no_grad()
def test_clips_are_those_of_clap(clap):
    folder, tower = clap
    encoder = load_encoder(folder, name="htsat")
    wav = torch.randn(2, encoder.mel.samples) * 0.3
    heard, frames = encoder(encoder.log_mel(wav))
    expected = tower.model.audio_projection(heard)
    torch.testing.assert_close(
        torch.nn.functional.normalize(expected, dim=-1),
        torch.nn.functional.normalize(tower.encode_audio(wav), dim=-1),
    )
    assert torch.equal(frames, encoder.encode(wav))


@torch.no_grad()
def test_a_frame_is_about_its_own_time():
    torch.manual_seed(0)
    encoder = HTSAT(**HTS).eval()
    assert encoder.hop_seconds == 1 / 8
    wav = torch.randn(1, 48000) * 0.1
    fine = encoder.dim - encoder.clip_dim
    for place in range(8):
        other = wav.clone()
        middle = int((place + 0.5) * 6000)
        other[:, middle - 1500 : middle + 1500] *= 9
        moved = (encoder.encode(other) - encoder.encode(wav))[..., :fine]
        assert int(moved.norm(dim=-1).argmax()) == place


def test_other_weights_and_sounds_are_refused(tmp_path, clap):
    encoder = HTSAT(**HTS)
    with pytest.raises(ValueError, match="takes at most 48000"):
        encoder.encode(torch.zeros(1, 48001))
    with pytest.raises(ValueError, match="at least a frame of 6000"):
        encoder.encode(torch.zeros(1, 5999))
    with pytest.raises(ValueError, match="multiple of 32 and of the 64"):
        HTSAT(spec_size=100)
    with pytest.raises(ValueError, match="at least two stages"):
        HTSAT(depths=(1,), num_heads=(1,))
    state = encoder.state_dict()
    assert load_htsat(state, HTS).sizes == encoder.sizes
    with pytest.raises(ValueError, match="does not fit HTSAT"):
        load_htsat(state, HTS | {"embed_dim": 16})
    fused = tmp_path / "fused"
    ClapTower.tiny(fused=True).model.save_pretrained(fused)
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (fused / name).write_bytes((clap[0] / name).read_bytes())
    ClapFeatureExtractor(**TINY_FRONT).save_pretrained(fused)
    with pytest.raises(ValueError, match="CLAP with fusion"):
        load_htsat(fused)
