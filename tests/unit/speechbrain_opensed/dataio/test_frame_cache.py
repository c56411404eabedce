"""Frames are computed once, and never for something else."""

import numpy as np
import pytest
import soundfile
import torch
from lhotse import Recording

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import load_waves
from speechbrain_opensed.dataio.frame_cache import FrameCache
from speechbrain_opensed.dataio.queries import AllQueries
from speechbrain_opensed.dataio.sets.detection import SedDataset
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.track_sed import TrackSED

SPEC = SedSpec(window_seconds=2.0)


class Levels(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))
        self.heard = 0

    @torch.no_grad()
    def encode(self, wav):
        self.heard += len(wav)
        return self.gain * wav.unflatten(1, (-1, 640)).abs().mean(-1)[..., None]


def cut_of(path, level, seconds=1.0):
    tone = level * np.sin(np.arange(int(16000 * seconds)))
    soundfile.write(path, tone, 16000)
    cut = Recording.from_file(path).to_cut()
    cut.events_complete = True
    return cut


@pytest.fixture
def cuts(tmp_path):
    return [cut_of(tmp_path / f"{i}.wav", 0.1 * (i + 1)) for i in range(3)]


def test_each_clip_is_heard_once(tmp_path, cuts):
    model = Levels()
    first = FrameCache(
        cuts, model, SPEC, tmp_path / "c", normalize=None, batch_size=2
    )
    again = FrameCache(cuts, model, SPEC, tmp_path / "c", normalize=None)
    assert model.heard == 3 and len(again) == 3 and list(again) == list(first)
    for number, cut in enumerate(cuts):
        frames = again[cut.id]
        assert frames.shape == (50, 1) and frames.dtype == torch.float32
        level = 0.1 * (number + 1) * 2 / np.pi
        assert frames[:25].mean() == pytest.approx(level, rel=0.02)
        assert frames[25:].max() == 0


def test_nothing_is_reused_for_something_else(tmp_path, cuts):
    model, folder = Levels(), tmp_path / "c"
    FrameCache(cuts, model, SPEC, folder, normalize=None)
    FrameCache(cuts, model, SPEC, folder, normalize="peak")
    assert model.heard == 6
    changed = [cut_of(tmp_path / "0.wav", 0.5, 1.5), *cuts[1:]]
    assert FrameCache(changed, model, SPEC, folder, normalize=None)["0"][30] > 0
    model.gain.data.fill_(2.0)
    FrameCache(changed, model, SPEC, folder, normalize=None)
    assert model.heard == 12
    with pytest.raises(ValueError, match="1 clips have ids of others"):
        FrameCache([*cuts, cuts[0]], model, SPEC, folder)


def test_batches_of_frames_are_those_of_audio(tmp_path, cuts):
    from lhotse import CutSet

    model, phrases = Levels(), {"Bark": "dog barking"}
    frames = FrameCache(cuts, model, SPEC, tmp_path / "c")
    batch = CutSet.from_cuts(cuts)
    audio = SedDataset(SPEC, AllQueries(phrases), phrases)[batch]
    heard = SedDataset(SPEC, AllQueries(phrases), phrases, frames=frames)[batch]
    torch.testing.assert_close(
        heard.wavs, model.encode(audio.wavs), atol=1e-3, rtol=1e-3
    )
    for name in ("wav_lens", "targets", "frame_mask", "query_index"):
        torch.testing.assert_close(getattr(heard, name), getattr(audio, name))


def test_frames_are_those_of_a_detector(tmp_path, cuts):
    torch.manual_seed(0)
    spec = SedSpec(sample_rate=32000, hop_seconds=0.08)
    # As a recipe has it before training: made, and not yet told a mode.
    model = TrackSED(MobileNet(width=0.1, num_tags=5), query_dim=8)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    frames = FrameCache(cuts, model, spec, tmp_path / "tracks")
    wavs, _, _ = load_waves(cuts, spec, "spec")
    heard = model.eval().encode(wavs)
    for cut, row in zip(cuts, heard, strict=True):
        assert torch.allclose(frames[cut.id], row, rtol=2e-3, atol=2e-2)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    # Any other model as well, which is left in the mode that it was in.
    norm = Normed().train()
    mean = norm.norm.running_mean.clone()
    FrameCache(cuts, norm, SedSpec(), tmp_path / "normed")
    assert norm.training and norm.norm.training
    assert torch.equal(norm.norm.running_mean, mean)


class Normed(torch.nn.Module):
    """Frames of loudness behind a batch norm."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(1)

    def encode(self, wav):
        loudness = wav.unflatten(1, (-1, 640)).abs().mean(-1)
        return self.norm(loudness[:, None]).transpose(1, 2)
