"""FineLAP in the detector: the call and the outputs of any other model."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.export import export_detector
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder
from tests.tiny_aligner import SIZES, aligner_yaml

PHRASES = ["dog barking", "rain", "wind"]


def make_detector(**options):
    torch.manual_seed(0)
    model = FineLAP(**SIZES, **options)
    return SoundEventDetector(
        modules={"model": model, "text_encoder": FineLAPTextEncoder(model)},
        hparams={"spec": model.spec},
        run_opts={"device": "cpu"},
    )


@pytest.mark.parametrize("frame_seconds", [0.16, 10 / 64])
@pytest.mark.parametrize("padding", ["window", "mask"])
@pytest.mark.parametrize("seconds", [0.3, 10.0, 23.7])
def test_files_of_any_length(tmp_path, seconds, padding, frame_seconds):
    detector = make_detector(padding=padding, frame_seconds=frame_seconds)
    samples = np.random.default_rng(0).normal(size=round(seconds * 16000))
    soundfile.write(tmp_path / "a.wav", 0.1 * samples, 16000)
    found = detector.detect_file(tmp_path / "a.wav", PHRASES, threshold=0.5)
    assert found.scores.shape == (len(found.times), len(PHRASES))
    assert np.isfinite(found.scores).all()
    frames = len(found.times)
    assert (frames - 1) * frame_seconds < seconds <= frames * frame_seconds


def test_scores_are_those_of_the_model(tmp_path):
    detector = make_detector(frame_seconds=10 / 64)
    model = detector.mods.model
    wav = torch.randn(1, 160_000) * 0.1
    with torch.no_grad():
        _, frames = model.encode_audio(wav)
        expected = model.frame_scores(frames, model.encode_phrases(PHRASES))
    scores = detector.detect_batch(wav, None, PHRASES)
    assert torch.allclose(scores, expected.transpose(1, 2), atol=1e-6)


def test_export_keeps_one_model_for_both(tmp_path):
    trained = make_detector(frame_seconds=10 / 64)
    (tmp_path / "train.yaml").write_text(aligner_yaml())
    folder = export_detector(
        tmp_path / "out", tmp_path / "train.yaml", trained.mods
    )
    loaded = SoundEventDetector.from_hparams(folder, run_opts={"device": "cpu"})
    wav = torch.randn(1, 32_000)
    assert torch.equal(
        loaded.detect_batch(wav, None, PHRASES),
        trained.detect_batch(wav, None, PHRASES),
    )
