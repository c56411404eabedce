"""Adapters on whole pipelines, as diffusers and Tango ship them."""

from functools import partial

import pytest
import torch
from click.testing import CliRunner

from speechbrain_opensed.checkpoints import load_tango
from speechbrain_opensed.checkpoints.adapters import (
    new_adapter,
    save_adapter,
)
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference import styled_pipeline
from speechbrain_opensed.inference.styled_pipeline import (
    StyledPipeline,
    open_base,
)
from speechbrain_opensed.inference.waves import write_wave
from tests.recipes.samples import write_t5, write_tiny_tango
from tests.tiny_pipelines import RATE, tiny_audioldm2, tiny_stable_audio

TINY = {
    "style_dim": 16,
    "num_heads": 2,
    "rank": 4,
    "channels": [4, 8],
    "blocks": [1, 1],
}
FAST = {"duration_s": 0.32, "steps": 2}
PIPELINES = {"audioldm2": tiny_audioldm2, "stable-audio": tiny_stable_audio}


@pytest.fixture(scope="module", params=PIPELINES)
def base(request, tmp_path_factory):
    """The folder of a stock pipeline."""
    folder = tmp_path_factory.mktemp("bases") / request.param
    PIPELINES[request.param]().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sound():
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    return 0.1 * noise


def trained(adapter):
    """As if it had learned: it is none no more."""
    with torch.no_grad():
        for parameter in adapter.blocks.parameters():
            parameter.normal_(std=0.5)
    return adapter.eval()


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    """The folder of an adapter for it."""
    torch.manual_seed(2)
    pipeline = open_base(str(base)).pipeline
    made = trained(new_adapter(pipeline, **TINY))
    # The width of the text states is that of the pipeline's T5.
    assert made.sizes["text_dim"] == 8
    folder = tmp_path_factory.mktemp("adapters") / base.name
    return save_adapter(folder, made, pipeline)


def test_a_fresh_adapter_leaves_a_pipeline_as_it_was(base, sound):
    plain = open_base(str(base))
    names = [
        (name, list(part.state_dict()))
        for name, part in plain.pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    ]
    before, rate = plain.generate("a dog", **FAST)
    assert before.shape == (round(0.32 * RATE),) and rate == RATE
    assert before.std() > 0
    fresh = new_adapter(plain.pipeline, **TINY).eval()
    styled = StyledPipeline(plain.pipeline, fresh)
    for guidance in (1.0, 3.0):
        given = {**FAST, "guidance_text": guidance}
        with_style, _ = styled.generate("a dog", [sound], **given)
        without, _ = styled.generate("a dog", **given)
        assert torch.equal(with_style, without)
    assert torch.equal(styled.generate("a dog", **FAST)[0], before)
    assert names == [
        (name, list(part.state_dict()))
        for name, part in plain.pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    ]
    with pytest.raises(ValueError, match="silent"):
        styled.generate("a dog", [torch.zeros(RATE)], **FAST)


def test_its_weights_alone_go_onto_the_stock_pipeline(base, adapter, sound):
    styled = open_base(str(base), adapter)
    size = sum(path.stat().st_size for path in adapter.glob("*"))
    assert size < 1e6
    plain, _ = open_base(str(base)).generate("a dog", **FAST)
    out, _ = styled.generate("a dog", [sound], **FAST)
    again, _ = styled.generate("a dog", [sound], **FAST)
    assert torch.equal(out, again)
    # A random vocoder is next to silent.
    assert (out - plain).abs().max() > 0.01 * plain.std()
    for options in ({}, {"references": [sound], "style_strength": 0}):
        same, _ = styled.generate("a dog", **options, **FAST)
        assert torch.equal(same, plain)


def test_the_command_takes_base_and_adapter(base, adapter, sound, tmp_path):
    reference = write_wave(tmp_path / "ref.wav", sound, RATE)
    flags = ["generate", "a dog", "--base", base, "--adapter", adapter]
    flags += ["-r", reference, "--duration", 0.32, "--steps", 2]

    def run(*more):
        every = [str(flag) for flag in (*flags, *more)]
        return CliRunner().invoke(opensed, every)

    out = tmp_path / "out.wav"
    result = run("-o", out)
    assert result.exit_code == 0, result.output
    assert out.is_file() and "0.32 s at 16000 Hz" in result.output
    result = run("-o", out, "--guidance-style", 2)
    assert result.exit_code != 0
    told = f"{result.output} {result.exception}"
    assert "--guidance-style has no effect with this base" in told


def test_adapters_of_other_bases_are_refused(base, tmp_path):
    make = next(PIPELINES[name] for name in PIPELINES if name != base.name)
    other = make()
    folder = save_adapter(
        tmp_path / "adapter", new_adapter(other, **TINY), other
    )
    with pytest.raises(ValueError, match="give the base that it was trained"):
        open_base(str(base), folder)


def test_tango_takes_an_adapter_too(tmp_path, sound, monkeypatch):
    torch.manual_seed(0)
    t5 = write_t5(tmp_path / "t5")
    folder = write_tiny_tango(tmp_path / "tango", t5)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(t5)
    few = {"layers_per_block": 1, "norm_num_groups": 4}
    config = {
        "unet": {
            **few,
            "block_out_channels": [8, 8, 16, 16],
            "attention_head_dim": 2,
            "cross_attention_dim": 8,
        },
        "vae": {**few, "block_out_channels": [8, 8, 8]},
        "vocoder": {"upsample_initial_channel": 32},
        "text_encoder": {
            **{"vocab_size": len(tokenizer), "d_model": 8, "d_kv": 4},
            **{"d_ff": 16, "num_layers": 1, "num_heads": 2},
            "feed_forward_proj": "relu",
        },
    }
    small = partial(load_tango, config=config, tokenizer=tokenizer)
    monkeypatch.setattr(styled_pipeline, "load_tango", small)
    plain = open_base(str(folder))
    # Ten seconds are as long as published, and no level has an odd length.
    assert plain.mods.codec.num_columns(10.0) == 256
    before, rate = plain.generate("a dog", **FAST)
    tango = small(folder)
    made = new_adapter(tango, **TINY)
    fresh = save_adapter(tmp_path / "fresh", made, tango)
    styled = open_base(str(folder), fresh)
    # Other predictions share a batch: they differ in their last bits.
    again, _ = styled.generate("a dog", sound, **FAST)
    assert (again - before).abs().max() < 1e-3 * before.std()
    used = save_adapter(tmp_path / "used", trained(made), tango)
    styled = open_base(str(folder), used)
    out, _ = styled.generate("a dog", sound, **FAST)
    assert (out - before).abs().max() > 0.01 * before.std()
    with pytest.raises(ValueError, match="references need an adapter"):
        plain.generate("a dog", sound, **FAST)
