"""Frames are computed once, and never for something else."""

import numpy as np
import pytest
import soundfile
import torch
from lhotse import Recording

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.frame_cache import FrameCache
from speechbrain_opensed.dataio.queries import AllQueries
from speechbrain_opensed.dataio.sets.detection import SedDataset

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
    first = FrameCache(cuts, model, SPEC, tmp_path / "c", None, batch_size=2)
    again = FrameCache(cuts, model, SPEC, tmp_path / "c", None)
    assert model.heard == 3 and len(again) == 3 and list(again) == list(first)
    for number, cut in enumerate(cuts):
        frames = again[cut.id]
        assert frames.shape == (50, 1) and frames.dtype == torch.float32
        level = 0.1 * (number + 1) * 2 / np.pi
        assert frames[:25].mean() == pytest.approx(level, rel=0.02)
        assert frames[25:].max() == 0


def test_nothing_is_reused_for_something_else(tmp_path, cuts):
    model, folder = Levels(), tmp_path / "c"
    FrameCache(cuts, model, SPEC, folder, None)
    FrameCache(cuts, model, SPEC, folder, "peak")
    assert model.heard == 6
    changed = [cut_of(tmp_path / "0.wav", 0.5, 1.5), *cuts[1:]]
    assert FrameCache(changed, model, SPEC, folder, None)["0"][30] > 0
    model.gain.data.fill_(2.0)
    FrameCache(changed, model, SPEC, folder, None)
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
