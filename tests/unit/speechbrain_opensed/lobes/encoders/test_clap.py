"""One CLAP: whoever loads it hears and reads the same."""

import json
import time
from types import SimpleNamespace

import pytest
import torch
from transformers import ClapFeatureExtractor

from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder
from speechbrain_opensed.lobes.prompts.alm_clap import (
    TINY,
    TINY_FRONT,
    ClapTower,
)
from speechbrain_opensed.lobes.text.roberta import RobertaText
from speechbrain_opensed.lobes.text.sentence import SentenceTextEncoder
from speechbrain_opensed.lobes.text.states import T5TextStates
from speechbrain_opensed.metrics.generation.encoding import AudioEncoder
from speechbrain_opensed.metrics.generation.evaluators import (
    AstEncoder,
    ClapEncoder,
)

RATE = 48000


def save_tokens(folder):
    """A tokenizer that reads letters."""
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens += [*"abcdefghijklmnopqrstuvwxyzT", "Ġ"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    kind = '{"tokenizer_class": "RobertaTokenizer"}'
    (folder / "tokenizer_config.json").write_text(kind)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "fused"])
def folder(request, tmp_path_factory):
    """A tiny CLAP with all that a released one has."""
    folder = tmp_path_factory.mktemp("clap")
    ClapTower.tiny(fused=request.param).model.save_pretrained(folder)
    save_tokens(folder)
    ClapFeatureExtractor(
        truncation="rand_trunc", frequency_min=50, **TINY_FRONT
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5])
def test_all_hear_the_same_stretch(folder, seconds):
    wavs = torch.randn(2, int(seconds * RATE)) * 0.3
    tower, judge = ClapTower(folder), ClapEncoder(folder)
    heard = judge(wavs).embedding
    assert torch.equal(heard, tower.encode_audio(wavs))
    # What lies in the middle is heard, in any model.
    middle = wavs.clone()
    start = wavs.shape[1] // 2 - 100
    middle[:, start : start + 4800] = 0.9
    assert not torch.allclose(judge(middle).embedding, heard, atol=1e-3)


def test_all_read_the_same(folder):
    phrases = ["a dog", "rain on a roof"]
    judge = ClapEncoder(folder)
    encoder = ClapTextEncoder(folder, template="{}")
    said = torch.nn.functional.normalize(encoder(phrases), dim=-1)
    torch.testing.assert_close(judge.text(phrases), said)
    torch.testing.assert_close(ClapTower(folder).encode_text(phrases), said)


@pytest.mark.parametrize(
    "build",
    [
        ClapTextEncoder,
        ClapTower,
        ClapEncoder,
        AstEncoder,
        SentenceTextEncoder,
        T5TextStates,
        lambda: RobertaText("some/model"),
    ],
)
def test_without_a_network_the_answer_comes_at_once(
    build, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
    monkeypatch.setenv("OPENSED_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    start = time.monotonic()
    with pytest.raises(FileNotFoundError, match="put it at") as error:
        build()
    assert time.monotonic() - start < 5
    assert "\n" not in str(error.value)


def test_names_that_are_no_repositories_are_not_asked_for():
    for name in ("./nowhere", "/no/such", "clap", "a/b/c"):
        with pytest.raises(FileNotFoundError, match="neither folder nor"):
            ClapTextEncoder(name)


@pytest.mark.parametrize("fused", [False, True])
def test_settings_left_out_are_the_same_for_all(fused):
    # By sizes and a few settings, or by the library's object of them.
    front = {**TINY_FRONT, "max_length_s": 2, "hop_length": 4800}
    sizes = {**TINY, "audio_config": {**TINY["audio_config"]}}
    sizes["audio_config"]["enable_fusion"] = fused
    tower = ClapTower(sizes, front)
    judge = ClapEncoder.__new__(ClapEncoder)
    AudioEncoder.__init__(judge, RATE)
    judge.model = tower.model
    judge.processor = SimpleNamespace(
        feature_extractor=ClapFeatureExtractor(**front)
    )
    wavs = torch.randn(2, 4 * RATE) * 0.3
    heard = judge(wavs).embedding
    assert torch.equal(heard, tower.encode_audio(wavs))
