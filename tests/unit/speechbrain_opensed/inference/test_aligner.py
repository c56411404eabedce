"""Embeddings of any file, texts, and a folder that is searched by text."""

import json
import logging
import os

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
from tests.finelap_yaml import YAML

ROBERTA = dict(
    vocab_size=99,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
)
SIZES = dict(
    embed_dim=16,
    depth=1,
    num_heads=2,
    embed_size=16,
    tokenizer="hash",
    roberta=ROBERTA,
)
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
    (tmp_path / "train.yaml").write_text(YAML)
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
    monkeypatch.setattr(
        AudioTextAligner, "_from_parts", lambda parts, run_opts: None
    )
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


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("b", "sub/a", "c")):
        write(tmp_path / f"sounds/{name}.wav", 1.0, seed=number)
    (tmp_path / "sounds/bad.wav").write_text("no audio")
    return tmp_path / "sounds"


class Counting:
    """The aligner, and the files it has read."""

    def __init__(self, aligner):
        self.aligner, self.read = aligner, []

    def read_file(self, path):
        self.read.append(path.name)
        return self.aligner.read_file(path)

    def __getattr__(self, name):
        return getattr(self.aligner, name)


def test_index_hears_only_what_is_new(aligner, folder):
    counting = Counting(aligner)
    index = SoundIndex.update(counting, folder)
    assert sorted(counting.read) == ["a.wav", "b.wav", "bad.wav", "c.wav"]
    assert list(index.files) == ["b.wav", "c.wav", "sub/a.wav"]
    assert list(index.failed) == ["bad.wav"]
    assert "bad.wav is not a sound file" in index.failed["bad.wav"]["reason"]
    paths = [folder / name for name in index.files]
    expected = aligner.encode_files(paths)
    torch.testing.assert_close(index.embeddings, expected, atol=1e-5, rtol=0)
    best = index.search(aligner, TEXTS, top=2)
    similar = aligner.similarity(expected, aligner.encode_texts(TEXTS))
    for query, hits in enumerate(best):
        order = similar[:, query].argsort(descending=True)[:2]
        assert [hit.path for hit in hits] == [str(paths[i]) for i in order]
        assert hits[0].similarity == pytest.approx(
            float(similar[:, query].max()), abs=1e-5
        )
        assert 0 <= hits[0].score <= 1
    counting.read.clear()
    again = SoundIndex.update(counting, folder)
    assert counting.read == [] and list(again.failed) == ["bad.wav"]
    (folder / "c.wav").unlink()
    write(folder / "b.wav", 1.0, seed=7)
    write(folder / "d.wav", 1.0, seed=8)
    write(folder / "bad.wav", 1.0, seed=9)
    third = SoundIndex.update(counting, folder)
    assert sorted(counting.read) == ["b.wav", "bad.wav", "d.wav"]
    assert (third.encoded, third.removed, third.failed) == (3, 1, {})
    stored = SoundIndex.load(folder / ".opensed-index")
    assert list(stored.files) == ["b.wav", "bad.wav", "d.wav", "sub/a.wav"]
    expected = aligner.encode_files([folder / name for name in stored.files])
    torch.testing.assert_close(stored.embeddings, expected, atol=1e-5, rtol=0)
    assert len(list((folder / ".opensed-index").iterdir())) == 2


def test_interrupted_update_goes_on(aligner, folder):
    class Impatient(Counting):
        def read_file(self, path):
            if len(self.read) == 3:
                raise KeyboardInterrupt
            return super().read_file(path)

    first = Impatient(aligner)
    with pytest.raises(KeyboardInterrupt):
        SoundIndex.update(first, folder, batch_size=1)
    kept = SoundIndex.load(folder / ".opensed-index")
    assert len(kept.files) == len(kept.embeddings) == 1
    rest = Counting(aligner)
    whole = SoundIndex.update(rest, folder, batch_size=1)
    assert set(rest.read).isdisjoint(kept.files) and len(whole.files) == 3


def test_other_weights_and_damage_begin_anew(aligner, folder, tmp_path, caplog):
    where = tmp_path / "index"
    SoundIndex.update(aligner, folder, where)
    assert not (folder / ".opensed-index").exists()
    torch.manual_seed(1)
    model = FineLAP(**SIZES)
    other = AudioTextAligner(
        {"model": model}, {"spec": model.spec}, {"device": "cpu"}
    )
    assert other.fingerprint() != aligner.fingerprint()
    with caplog.at_level(logging.WARNING):
        changed = SoundIndex.update(other, folder, where)
    assert changed.encoded == 3 and "another model" in caplog.text
    assert changed.search(other, ["rain"])
    for index in (changed, SoundIndex.load(where)):
        with pytest.raises(ValueError, match="made with another model"):
            index.search(aligner, ["rain"])
    about = json.loads((where / "index.json").read_text())
    os.truncate(where / about["embeddings"], 20)
    with pytest.raises(ValueError, match="is damaged .* remove it"):
        SoundIndex.load(where)
    assert SoundIndex.update(other, folder, where).encoded == 3


def test_embeddings_of_others_stay(aligner, folder, tmp_path):
    where = tmp_path / "index"
    where.mkdir()
    foreign = where / "embeddings-audioset.safetensors"
    foreign.write_bytes(b"months of work")
    for seed in (7, 8):
        write(folder / "c.wav", 1.0, seed=seed)
        SoundIndex.update(aligner, folder, where)
    assert foreign.read_bytes() == b"months of work"
    assert len(list(where.iterdir())) == 3
    about = {"embeddings": foreign.name}
    (where / "index.json").write_text(json.dumps(about))
    SoundIndex.update(aligner, folder, where)
    assert foreign.read_bytes() == b"months of work"


def test_a_second_update_is_refused_and_readers_see_a_whole_index(
    aligner, folder
):
    class Reading(Counting):
        def read_file(self, path):
            index = SoundIndex.load(folder / ".opensed-index")
            assert len(index.files) == len(index.embeddings)
            with pytest.raises(OSError, match="another process is writing"):
                SoundIndex.update(aligner, folder)
            return super().read_file(path)

    SoundIndex.update(aligner, folder)
    write(folder / "d.wav", 1.0, seed=8)
    reading = Reading(aligner)
    SoundIndex.update(reading, folder)
    assert reading.read == ["d.wav"]


def test_nothing_to_search(aligner, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        aligner.search_folder(tmp_path / "nowhere", ["dog"])
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(FileNotFoundError, match="no recordings in"):
        aligner.search_folder(tmp_path, ["dog"])
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(ValueError, match="none of the 1 recordings"):
        aligner.search_folder(tmp_path, ["dog"])
    write(tmp_path / "good.wav", 1.0)
    ((hit,),) = aligner.search_folder(tmp_path, ["dog"], top=3)
    assert hit.path == str(tmp_path.resolve() / "good.wav")
