"""Detectors by name, end to end on small weights in their own layouts."""

import time

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    ClapConfig,
    ClapTextModelWithProjection,
    PreTrainedTokenizerFast,
)

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.models import MODELS, build_weights
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.flexsed import FlexSED

PHRASES = ["dog barking", "rain on a roof", "wind"]
WORDS = "<pad> <s> </s> <unk> dog barking rain on a roof wind The sound of"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without a network, and its folder of models."""
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
    monkeypatch.setenv("OPENSED_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def recording(tmp_path):
    samples = np.random.default_rng(0).normal(size=12 * 44100) / 10
    soundfile.write(tmp_path / "a.wav", samples, 44100)
    return tmp_path / "a.wav"


def save_tokenizer(folder):
    words = {word: i for i, word in enumerate(WORDS.split())}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=16,
    ).save_pretrained(folder)


def save_clap(folder, dim=512):
    text = dict(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        projection_dim=dim,
    )
    config = ClapConfig(text_config=text, projection_dim=dim)
    ClapTextModelWithProjection(config.text_config).save_pretrained(folder)
    save_tokenizer(folder)


@pytest.fixture
def pe_audio(home):
    """A small PE-A-Frame as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    if not hasattr(transformers, "PeAudioFrameLevelModel"):
        pytest.skip("this transformers has no PeAudioFrameLevelModel")
    config = transformers.PeAudioConfig(
        text_config=dict(
            model_type="modernbert",
            vocab_size=32,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            cls_token_id=1,
            sep_token_id=2,
        ),
        audio_config=dict(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            head_dim=16,
            dac_config=dict(
                encoder_hidden_size=4,
                codebook_dim=8,
                hidden_size=64,
                n_codebooks=1,
            ),
        ),
    )
    torch.manual_seed(0)
    model = transformers.PeAudioFrameLevelModel(config).eval()
    torch.nn.init.constant_(model.text_audio_logit_scale, 3.0)
    torch.nn.init.constant_(model.text_audio_logit_bias, -1.0)
    folder = home / "pe-a-frame-small"
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return model


def test_pe_audio_scores_as_transformers_does(pe_audio):
    detector = SoundEventDetector.from_source("pe-a-frame-small")
    wav = torch.randn(2, 48000 * 3) / 10
    scores = detector.detect_batch(wav, None, PHRASES)
    tokens = detector.mods.text_encoder.tokenizer(
        PHRASES, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = [
            pe_audio(
                tokens["input_ids"],
                row.expand(len(PHRASES), 1, -1),
                tokens["attention_mask"],
            ).logits_audio_text[0]
            for row in wav
        ]
    expected = torch.stack(logits).sigmoid().transpose(1, 2)
    assert scores.shape == (2, 75, 3)
    assert scores.std() > 1e-3
    assert (scores - expected).abs().max() <= 1e-5


def test_a_name_detects_in_a_file(pe_audio, recording):
    options = [part for phrase in PHRASES for part in ("-q", phrase)]
    result = CliRunner().invoke(
        opensed,
        ["detect", str(recording), *options, "--model", "pe-a-frame-small"],
    )
    assert result.exit_code == 0, result.output
    assert "event_label" in result.output


def test_what_a_named_model_learns_lies_beside_its_name(
    pe_audio, recording, tmp_path
):
    arguments = ["learn", "--model", "pe-a-frame-small", "--device", "cpu"]
    arguments += ["--add", "my doorbell", str(recording), "-o"]
    taught = tmp_path / "taught"
    result = CliRunner().invoke(opensed, [*arguments, str(taught)])
    assert result.exit_code == 0, result.output
    names = sorted(p.name for p in taught.iterdir() if p.name[0] != ".")
    assert names == ["learned.safetensors", "taught.json"]
    plain = SoundEventDetector.from_source("pe-a-frame-small")
    again = SoundEventDetector.from_source(taught)
    assert torch.equal(plain.embed(["rain"]), again.embed(["rain"]))
    moved = again.embed(["my doorbell"]) - plain.embed(["my doorbell"])
    assert moved.abs().max() > 1e-4
    # And on from there: what was learned stays.
    more = again.learn({"my door": [str(recording)]})
    more = SoundEventDetector.from_source(more.export(tmp_path / "more"))
    first = again.embed(["my doorbell"])
    assert torch.equal(more.embed(["my doorbell"]), first)
    assert sorted(more.known()) == ["my door", "my doorbell"]
    (taught / "taught.json").write_text("{}")
    with pytest.raises(ValueError, match="does not name a model"):
        SoundEventDetector.from_source(taught)


def test_flexsed_weights_are_told_by_their_tensors(home, tmp_path):
    torch.manual_seed(0)
    sizes = dict(embed_dim=16, depth=2, num_heads=2, ft_blocks=[1])
    weights = FlexSED(**sizes).eval()
    save_file(weights.state_dict(), tmp_path / "anything.safetensors")
    save_clap(home / "clap-htsat-unfused")
    modules, spec = build_weights(tmp_path / "anything.safetensors", sizes)
    detector = SoundEventDetector(modules, {"spec": spec})
    wav = torch.randn(1, 32000)
    wav = wav / wav.abs().max()
    queries = modules["text_encoder"](PHRASES)
    assert queries.shape == (3, 512)
    # As its authors ask it, whatever is typed.
    capital = [phrase[0].upper() + phrase[1:] for phrase in PHRASES]
    assert torch.equal(modules["text_encoder"](capital), queries)
    assert modules["text_encoder"].capitalize
    with torch.no_grad():
        expected = weights(wav, queries).sigmoid().transpose(1, 2)
    scores = detector.detect_batch(wav, None, PHRASES, normalize=None)
    assert (scores - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("name", ["encoder.safetensors", "encoder.pt", "w"])
def test_other_weights_are_named(home, tmp_path, name):
    path = tmp_path / name
    save_file(Dasheng(16, 1, 2).state_dict(), path)
    with pytest.raises(ValueError, match="weights of Dasheng .*no detector"):
        SoundEventDetector.from_source(path)
    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="holds tensors .*no detector"):
        SoundEventDetector.from_source(path)


@pytest.mark.parametrize("name", [n for n in MODELS if n != "openflam"])
def test_what_is_not_here_is_said_in_one_line(home, name):
    result = CliRunner().invoke(
        opensed, ["detect", "a.wav", "-q", "dog", "--model", name]
    )
    assert result.exit_code != 0
    lines = [x for x in result.output.splitlines() if x.startswith("Error")]
    assert len(lines) == 1
    assert MODELS[name].repository in lines[0]
    assert str(home) in lines[0]


def test_models_are_listed():
    result = CliRunner().invoke(opensed, ["models"])
    assert result.exit_code == 0
    for model in MODELS.values():
        assert model.name in result.output
        assert model.licence in result.output


@pytest.mark.slow
def test_the_released_size_detects_in_a_file(home, recording):
    """All of the path that `--model flexsed` goes, with random weights."""
    folder = home / "FlexSED"
    folder.mkdir(parents=True)
    torch.save({"model": FlexSED().state_dict()}, folder / "flexsed_as.pt")
    save_clap(home / "clap-htsat-unfused")
    result = CliRunner().invoke(
        opensed,
        ["detect", str(recording), "-q", "dog", "--model", "flexsed"],
    )
    assert result.exit_code == 0, result.output


def test_a_repository_without_a_network_is_one_line_at_once(home, capfd):
    start = time.monotonic()
    with pytest.raises(
        FileNotFoundError,
        match="hyperparams.yaml of some/model is not on this machine and "
        "localhost cannot be reached .*; download http://localhost:9/some/model",
    ):
        SoundEventDetector.from_source("some/model")
    assert time.monotonic() - start < 5
    assert "Retry" not in "".join(capfd.readouterr())


def test_a_name_that_is_none_lists_those_that_are():
    with pytest.raises(
        FileNotFoundError,
        match="no folder flexsedd .*: choose from flexsed",
    ):
        SoundEventDetector.from_source("flexsedd")
