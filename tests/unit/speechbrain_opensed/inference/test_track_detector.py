"""A detector on an encoder of 32 kHz, from a folder, on any file."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.export import export_detector
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.track_sed import TrackSED

YAML = """\
spec: !new:speechbrain_opensed.core.spec.SedSpec
    sample_rate: 32000
    hop_seconds: 0.08
text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    dim: 8
model: !new:speechbrain_opensed.lobes.track_sed.TrackSED
    encoder: !new:speechbrain_opensed.lobes.encoders.mobilenet.MobileNet
        width: 0.1
        num_tags: 5
    query_dim: 8
    max_anchors: 4
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("export")
    (folder / "train.yaml").write_text(YAML)
    encoder = MobileNet(0.1, num_tags=5)
    model = TrackSED(encoder, query_dim=8, max_anchors=4)
    frames = torch.randn(1, 125, encoder.dim)
    targets = (torch.rand(1, 2, 125) < 0.3).float()
    queries = HashTextEncoder(8)(["dog", "rain"])
    model.fit(lambda: [(frames, targets)], queries, torch.randn(5, 8))
    out = export_detector(
        folder / "out", folder / "train.yaml", {"model": model}
    )
    return out, model.eval()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_files_of_any_rate_and_length(exported, rate, tmp_path):
    folder, _ = exported
    detector = SoundEventDetector.from_hparams(folder)
    noise = np.random.default_rng(0).normal(0, 0.1, int(12.34 * rate))
    soundfile.write(tmp_path / "a.wav", noise, rate)
    found = detector.detect_file(
        tmp_path / "a.wav", ["dog", "rain", "wind"], threshold=0.01
    )
    assert found.scores.shape == (155, 3)
    assert np.isfinite(found.scores).all()
    assert all(0 <= e.onset < e.offset <= 12.35 for e in found.events)


@torch.no_grad()
def test_what_is_loaded_is_what_was_exported(exported):
    folder, model = exported
    detector = SoundEventDetector.from_hparams(folder)
    wav = torch.randn(1, 320000)
    queries = HashTextEncoder(8)(["dog", "a train"])
    wanted = model(wav, queries).sigmoid().transpose(1, 2)
    found = detector.detect_batch(wav, None, ["dog", "a train"], normalize=None)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
