"""A quiet clip has the same level in training and in use."""

import numpy as np
import pytest
import soundfile
import torch
from lhotse import Recording

from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import load_waves
from speechbrain_opensed.inference.scorer import WindowScorer


class Model:
    """Keeps what it is given."""

    def encode(self, wavs):
        self.wavs = wavs
        return wavs.reshape(len(wavs), -1, 640)

    def decode(self, feats, queries, precision):
        return torch.zeros(len(feats), len(queries), feats.shape[1])


@pytest.mark.parametrize("peak, expected", [(0.5, 1), (1e-3, 1), (1e-4, 0.1)])
def test_one_level_for_training_and_use(tmp_path, peak, expected):
    samples = peak * np.sin(np.arange(160000) / 9)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    spec = SedSpec()
    cut = Recording.from_file(tmp_path / "a.wav").to_cut()
    trained = load_waves([cut], spec, "spec")[0]
    model = Model()
    scorer = WindowScorer(model, spec)
    windows = scorer.windows([samples.astype(np.float32)])
    list(scorer.score(windows, torch.rand(1, 8)))
    assert trained.abs().max() == pytest.approx(expected, rel=1e-3)
    assert torch.allclose(model.wavs, trained, atol=1e-6)


def test_silence_stays_silent():
    assert np.isfinite(level_gain(np.zeros((2, 5)))).all()
