"""Embeddings of any file, texts, and a folder that is searched by text."""

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import (
    AudioTextAligner,
    SoundEventDetector,
    SoundIndex,
    export_detector,
)
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder
from tests.tiny_aligner import SIZES, aligner_yaml

TEXTS = ["dog barking", "It is raining.", "wind"]


@pytest.fixture(scope="module")
def aligner():
    torch.manual_seed(0)
    model = FineLAP(**SIZES, frame_seconds=10 / 64)
    return AudioTextAligner(
        {"model": model}, {"spec": model.spec}, {"device": "cpu"}
    )


def write(path, seconds, rate=16000, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    wave = rng.normal(0, 0.1, (round(seconds * rate), channels))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


def test_embeddings_are_those_of_the_model(aligner, tmp_path):
    wav, rate = soundfile.read(write(tmp_path / "a.wav", 3.0), dtype="float32")
    model = aligner.mods.model
    with torch.no_grad():
        expected, _ = model.encode_audio(torch.from_numpy(wav)[None])
        texts = model.encode_phrases(TEXTS)
    clips = aligner.encode_file(tmp_path / "a.wav")[None]
    torch.testing.assert_close(clips, expected)
    torch.testing.assert_close(aligner.encode_texts(TEXTS), texts)
    torch.testing.assert_close(
        aligner.similarity(clips, texts), expected @ texts.T
    )
    torch.testing.assert_close(
        aligner.scores(clips, texts), model.clip_scores(expected, texts)
    )


def test_files_of_any_kind_do_not_depend_on_each_other(aligner, tmp_path):
    paths = [
        write(tmp_path / "short.wav", 0.3),
        write(tmp_path / "tiny.wav", 0.001),
        write(tmp_path / "stereo.flac", 4.0, rate=44100, channels=2),
        write(tmp_path / "low.wav", 2.0, rate=8000),
        write(tmp_path / "twelve.wav", 12.0),
    ]
    together = aligner.encode_files(paths, batch_size=4)
    assert together.shape == (5, 16)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    alone = torch.stack([aligner.encode_file(path) for path in paths])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_ten_minutes(aligner, tmp_path):
    path = write(tmp_path / "minutes.wav", 600.0)
    clip = aligner.encode_file(path)
    assert float(clip.norm()) == pytest.approx(1.0)


def test_batches(aligner):
    wavs = torch.randn(2, 16000)
    lengths = torch.tensor([1.0, 0.5])
    clips = aligner.encode_batch(wavs, lengths)
    half = aligner.encode_batch(wavs[1:, :8000])
    torch.testing.assert_close(clips[1:], half, atol=1e-5, rtol=0)
    assert torch.equal(aligner(wavs, lengths), clips)
    with pytest.raises(ValueError, match="give \\[batch, samples\\]"):
        aligner.encode_batch(torch.zeros(3))
    with pytest.raises(ValueError, match="its length in \\(0, 1\\]"):
        aligner.encode_batch(wavs, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="signal 1 holds NaN"):
        aligner.encode_batch(torch.tensor([[0.1] * 500, [np.nan] * 500]))
    with pytest.raises(ValueError, match="give one at least, none blank"):
        aligner.encode_texts(["dog", " "])
    with pytest.raises(ValueError, match="no files"):
        aligner.encode_files([])


def test_only_models_with_embeddings():
    with pytest.raises(ValueError, match="FlexSED has no embeddings"):
        AudioTextAligner(
            {"model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)},
            {"spec": SedSpec()},
        )


def test_an_export_and_released_weights_give_the_same(aligner, tmp_path):
    (tmp_path / "train.yaml").write_text(aligner_yaml())
    exported = export_detector(
        tmp_path / "export", tmp_path / "train.yaml", aligner.mods
    )
    weights = tmp_path / "official.pt"
    state = {k: v.clone() for k, v in aligner.mods.model.state_dict().items()}
    torch.save({"model": state}, weights)
    (tmp_path / "hub").mkdir()
    save_file(state, tmp_path / "hub/model.safetensors")
    path = write(tmp_path / "a.wav", 5.0)
    expected = aligner.encode_file(path)
    options = {"run_opts": {"device": "cpu"}}
    for loaded in (
        AudioTextAligner.from_hparams(exported, **options),
        AudioTextAligner.from_source(exported, **options),
        AudioTextAligner.from_finelap(weights, SIZES, **options),
        AudioTextAligner.from_finelap(tmp_path / "hub", SIZES, **options),
    ):
        torch.testing.assert_close(loaded.encode_file(path), expected)
        torch.testing.assert_close(
            loaded.encode_texts(TEXTS), aligner.encode_texts(TEXTS)
        )


def test_what_a_user_names(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(AudioTextAligner, "_from_parts", lambda *parts: None)
    for name in ("build_named", "build_weights"):
        monkeypatch.setattr(
            f"speechbrain_opensed.inference.interface.{name}",
            lambda source: asked.append(str(source)),
        )
    weights, folder = tmp_path / "finelap_fixed.pt", tmp_path / "hub"
    weights.write_bytes(b"")
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"")
    for name in ("finelap", "AndreasXi/FineLAP", weights, folder):
        AudioTextAligner.from_source(name)
    assert asked == ["finelap", "finelap", str(weights), str(folder)]
    with pytest.raises(FileNotFoundError, match="no folder ./nowhere"):
        AudioTextAligner.from_source("./nowhere")


def test_the_level_is_the_models_own_affair(aligner, tmp_path):
    """FineLAP hears samples as they are; FlexSED's windows have a peak of 1."""
    model = aligner.mods.model
    state = {k: v.clone() for k, v in model.state_dict().items()}
    detector = SoundEventDetector.from_finelap(state, SIZES, {"device": "cpu"})
    wav, _ = soundfile.read(write(tmp_path / "a.wav", 10.0), dtype="float32")
    with torch.no_grad():
        _, frames = model.encode_audio(torch.from_numpy(wav)[None])
        expected = model.frame_scores(frames, model.encode_phrases(TEXTS))
    found = detector.detect_file(tmp_path / "a.wav", TEXTS, median_seconds=0)
    np.testing.assert_allclose(found.scores.T, expected[0], atol=1e-6)
    loud = detector.detect_file(
        tmp_path / "a.wav", TEXTS, median_seconds=0, normalize="window"
    )
    assert np.abs(loud.scores - found.scores).max() > 1e-6

    class Peak(torch.nn.Module):
        def encode(self, wav):
            return wav.abs().amax(1).reshape(-1, 1, 1).expand(-1, 250, 1)

        def decode(self, feats, queries, precision="fp32"):
            return feats.transpose(1, 2) * torch.ones(1, len(queries), 1)

    for level, peak in (("peak", 1.0), (None, float(np.abs(wav).max()))):
        one = SoundEventDetector(
            {"model": Peak(), "text_encoder": FineLAPTextEncoder(model)},
            {"spec": SedSpec(normalize=level)},
            {"device": "cpu"},
        )
        scores = one.detect_batch(torch.from_numpy(wav)[None], None, ["dog"])
        logit = float(torch.logit(scores[0, 0, 0]))
        assert logit == pytest.approx(peak, abs=1e-3)
    assert SedSpec().normalize == "peak" and model.spec.normalize is None
    with pytest.raises(ValueError, match="normalize is 'rms': choose"):
        SedSpec(normalize="rms")


def test_a_folder_is_searched(aligner, tmp_path):
    """As `SoundIndex` does it, whose own tests say the rest."""
    folder = tmp_path / "sounds"
    for number, name in enumerate(("b", "sub/a", "c")):
        write(folder / f"{name}.wav", 1.0, seed=number)
    found = aligner.search_folder(folder, TEXTS, top=2)
    index = SoundIndex.load(folder / ".opensed-index")
    assert index.search(aligner, TEXTS, top=2) == found
    assert [len(hits) for hits in found] == [2, 2, 2]
    for hits in found:
        assert hits[0].similarity >= hits[1].similarity
        assert all(0 <= hit.score <= 1 for hit in hits)
        assert all(0 <= hit.onset < hit.offset <= 1.0 for hit in hits)
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        aligner.search_folder(tmp_path / "nowhere", ["dog"])
