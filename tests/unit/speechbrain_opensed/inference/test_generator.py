"""Generation with a tiny random U-Net."""

import itertools
import logging

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.export import export_generator
from speechbrain_opensed.inference.generator import StyleTransferGenerator
from speechbrain_opensed.inference.references import load_reference
from speechbrain_opensed.inference.waves import write_wave
from speechbrain_opensed.lobes.style.codec import MelCodec
from tests.tiny_generator import tiny_generator

RATE = 16000
FAST = {"duration_s": 0.32, "steps": 2}


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.fixture(scope="module")
def sound():
    time = torch.arange(RATE) / RATE
    return 0.3 * torch.sin(2 * torch.pi * 440 * time)


@pytest.fixture(scope="module")
def other():
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    return 0.1 * noise


def test_sounds_depend_on_seed_text_and_style_not_on_the_batch(
    generator, sound, other
):
    texts = ["a low hum", "rain on a roof, then a bell", "a low hum"]
    refs = [[sound], [other, sound], []]
    together, rate = generator.generate(texts, refs, seed=5, **FAST)
    assert together.shape == (3, 5120) and rate == RATE
    assert torch.isfinite(together).all() and together.abs().max() <= 1
    for i, text in enumerate(texts):
        alone, _ = generator.generate(text, refs[i], seed=5 + i, **FAST)
        # Griffin-Lim makes much of the last bits.
        assert alone.shape == (5120,)
        torch.testing.assert_close(alone, together[i], rtol=0, atol=1e-3)
    split, _ = generator.generate(texts, refs, seed=5, batch_size=1, **FAST)
    torch.testing.assert_close(split, together, rtol=0, atol=1e-3)
    first, _ = generator.generate(texts[0], sound, seed=5, **FAST)
    again, _ = generator.generate(texts[0], sound, seed=5, **FAST)
    assert torch.equal(first, again)
    for change in ({"seed": 6}, {"references": other}, {"text": "a dog"}):
        settings = {"text": texts[0], "references": sound, "seed": 5, **FAST}
        changed, _ = generator.generate(**{**settings, **change})
        assert (changed - first).abs().max() > 1e-3


def test_arrays_that_begin_and_end_alike_are_two(generator, sound, other):
    pause = np.zeros(2000, np.float32)
    one, two = (
        np.concatenate([pause, wave.numpy(), pause]) for wave in (sound, other)
    )
    assert str(one) == str(two)  # zeros, dots and zeros

    def made(*references):
        refs = [[reference] for reference in references]
        return generator.generate(["hum", "hum"], refs, seed=5, **FAST)[0]

    both, same = made(one, two), made(two, two)
    torch.testing.assert_close(both[1], same[1], rtol=0, atol=1e-3)
    assert (both[0] - same[0]).abs().max() > 1e-3


def test_strength_and_weights(generator, sound, other):
    def made(**settings):
        return generator.generate("hum", **{**FAST, **settings})[0]

    base = made(references=None)
    assert torch.equal(made(references=sound, style_strength=0), base)
    one = made(references=sound)
    assert (one - base).abs().max() > 1e-3
    weighted = made(references=[sound, other], ref_weights=[1, 0])
    torch.testing.assert_close(weighted, one, rtol=0, atol=1e-3)
    half = made(references=[sound, other])
    assert (half - one).abs().max() > 1e-3


@pytest.mark.parametrize("scheduler", ["dpm", "ddpm", "ddim", "unipc"])
@pytest.mark.parametrize("guidance", ["dual", "joint", "authors"])
def test_schedulers_and_guidances(generator, sound, scheduler, guidance):
    wave, _ = generator.generate(
        "hum", sound, scheduler=scheduler, guidance=guidance, **FAST
    )
    assert torch.isfinite(wave).all() and wave.abs().max() > 0


def test_guidances_weigh_differently(generator, sound):
    waves = [
        generator.generate("hum", sound, guidance=one, **FAST)[0]
        for one in ("dual", "joint", "authors")
    ]
    for one, other in itertools.combinations(waves, 2):
        assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize(
    "seconds, columns", [(0.05, 2), (0.1, 3), (0.32, 8), (0.5, 13), (60, 1500)]
)
def test_durations(generator, seconds, columns, caplog, monkeypatch):
    shapes = []

    def draw(predict, shape, seeds, **others):
        shapes.append(shape)
        return torch.zeros(len(seeds), *shape)

    if seconds == 60:  # all but the U-Net, which would take minutes
        name = "speechbrain_opensed.inference.generator.draw_latents"
        monkeypatch.setattr(name, draw)
    logging.getLogger("speechbrain_opensed").propagate = True
    wave, _ = generator.generate("hum", duration_s=seconds, steps=1)
    assert wave.shape == (round(seconds * RATE),)
    assert generator.mods.codec.num_columns(seconds) == columns
    assert shapes in ([], [(4, columns, 8)])
    assert ("trained on clips of 0.5 s" in caplog.text) == (
        not 0.25 <= seconds <= 1
    )


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"text": " "}, "text 1 of 1 is empty"),
        ({"text": ["hum", ""]}, "text 2 of 2 is empty"),
        ({"text": []}, "no text"),
        ({"references": torch.zeros(RATE)}, "silent"),
        ({"references": torch.ones(100)}, "lasts 0.006 s"),
        ({"references": torch.ones(2, 3, 4)}, r"shape \[2, 3, 4\]"),
        ({"references": torch.full((RATE,), torch.nan)}, "NaN"),
        ({"references": (torch.ones(RATE), 0)}, "rate is 0"),
        ({"references": (torch.ones(RATE), 44100.5)}, "rate is 44100.5"),
        ({"ref_weights": [0.5, 0.5]}, "2 ref_weights for 1 references"),
        ({"ref_weights": [0.4]}, "sum to 0.4: .* such as 1"),
        ({"ref_weights": [-1.0]}, r"ref_weights\[0\] is -1"),
        ({"duration_s": 0}, "duration of 0 s"),
        ({"duration_s": float("inf")}, "duration of inf s"),
        ({"steps": 0}, "0 steps"),
        ({"scheduler": "euler"}, "'euler'"),
        ({"guidance": "none"}, "'none'"),
        ({"style_strength": float("nan")}, "style_strength nan"),
        ({"seed": -1}, "seed -1"),
        ({"text": ["a", "b"], "references": [["x"]]}, "for 1 prompts"),
        ({"guidance_text": 1e38}, "'hum' diverged .* less guidance"),
    ],
)
def test_bad_input_is_named(generator, sound, settings, message):
    given = {"text": "hum", "references": sound, **FAST, **settings}
    with pytest.raises(ValueError, match=message):
        generator.generate(**given)


def test_missing_parts_are_named():
    with pytest.raises(ValueError, match="needs 'unet'"):
        StyleTransferGenerator({"codec": MelCodec()}, {"spec": SedSpec()})
    with pytest.raises(FileNotFoundError, match="nowhere"):
        StyleTransferGenerator.from_hparams("./nowhere")


def test_reference_files_are_converted(tmp_path):
    time = np.arange(88200) / 44100
    tone = 0.4 * np.sin(2 * np.pi * 300 * time)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], 1), 44100)
    wave = load_reference(tmp_path / "a.wav", RATE, most_seconds=1.5)
    expected = 0.4 * np.sin(2 * np.pi * 300 * np.arange(24000) / RATE)
    assert wave.shape == (24000,)
    assert np.abs(wave.numpy() - expected)[100:-100].max() < 0.01
    given = load_reference((torch.from_numpy(tone), 44100), RATE, 1.5)
    assert (given - wave).abs()[100:-100].max() < 0.01
    with pytest.raises(FileNotFoundError, match="b.wav"):
        load_reference(tmp_path / "b.wav", RATE)
    soundfile.write(tmp_path / "s.wav", np.zeros(8000), 16000)
    with pytest.raises(ValueError, match="s.wav is silent"):
        load_reference(tmp_path / "s.wav", RATE)


def test_waves_are_written_whole_or_not(tmp_path):
    path = write_wave(tmp_path / "a.flac", torch.full((160,), -3.0), RATE)
    assert soundfile.info(path).subtype == "PCM_16"
    assert soundfile.read(path)[0].min() == pytest.approx(-0.99, abs=1e-3)
    for wave, name in (
        (torch.full((4,), torch.nan), "b.wav"),
        (torch.ones(4), "b.mp3"),
    ):
        with pytest.raises(ValueError, match=name):
            write_wave(tmp_path / name, wave, RATE)
    assert [p.name for p in tmp_path.iterdir()] == ["a.flac"]


YAML = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
    window_seconds: 0.5
ref_seconds: 1.0
dim: 8
codec: !new:speechbrain_opensed.lobes.style.codec.MelCodec
    channels: 4
    num_mels: 32
    n_fft: 512
    iterations: 2
unet: !new:diffusers.models.unets.unet_2d_condition.UNet2DConditionModel
    in_channels: 4
    out_channels: 4
    layers_per_block: 1
    block_out_channels: [8, 16, 16]
    down_block_types:
        [CrossAttnDownBlock2D, CrossAttnDownBlock2D, DownBlock2D]
    up_block_types: [UpBlock2D, CrossAttnUpBlock2D, CrossAttnUpBlock2D]
    cross_attention_dim: !ref <dim>
    attention_head_dim: 2
    norm_num_groups: 4
encoder: !new:speechbrain_opensed.lobes.style.reference_encoder.ReferenceEncoder
    dim: 16
    channels: [4, 8]
    blocks: [1, 1]
adapter: !new:speechbrain_opensed.lobes.style.adapter.StyleAdapter
    unet: !ref <unet>
    encoder: !ref <encoder>
    style_dim: 16
    num_heads: 2
text_encoder: !new:speechbrain_opensed.lobes.text.states.HashTextStates
    dim: !ref <dim>
unused: !name:torch.optim.AdamW
    lr: 0.001
"""


@pytest.fixture(scope="module")
def exported(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    (folder / "train.yaml").write_text(YAML)
    return export_generator(
        folder / "model", folder / "train.yaml", generator.mods
    )


def test_exports_sound_the_same(generator, exported, sound):
    assert sorted(path.name for path in exported.iterdir()) == [
        ".opensed-files.json",
        "adapter.safetensors",
        "codec.safetensors",
        "hyperparams.yaml",
        "unet.safetensors",
    ]
    loaded = StyleTransferGenerator.from_hparams(exported)
    names = dict(loaded.mods.adapter.named_parameters())
    assert names and not any(p.requires_grad for p in names.values())
    ours, _ = generator.generate("hum", sound, **FAST)
    theirs, _ = loaded.generate("hum", sound, **FAST)
    assert torch.equal(ours, theirs)


def test_command(exported, sound, tmp_path):
    write_wave(tmp_path / "ref.wav", sound, RATE)
    out = tmp_path / "out" / "a.wav"
    arguments = ["generate", "hum", "--model", str(exported)]
    arguments += ["--reference", str(tmp_path / "ref.wav"), "--steps", "2"]
    arguments += ["--duration", "0.4", "--output", str(out), "--seed", "3"]
    plot = tmp_path / "a.png"
    result = CliRunner().invoke(opensed, [*arguments, "--plot", str(plot)])
    assert result.exit_code == 0, result.output
    assert soundfile.info(out).frames == 6400
    assert plot.stat().st_size > 1000
    written = soundfile.read(out)[0]
    loaded = StyleTransferGenerator.from_hparams(exported)
    wave, _ = loaded.generate(
        "hum", tmp_path / "ref.wav", duration_s=0.4, steps=2, seed=3
    )
    assert np.abs(written - wave.numpy()).max() < 1e-3
    result = CliRunner().invoke(opensed, [*arguments, "-o", "x.mp3"])
    assert result.exit_code == 2 and "x.mp3" in result.output
    result = CliRunner().invoke(opensed, [*arguments, "--weight", "0.5"])
    assert result.exit_code == 2 and "sum to 0.5" in result.output
    assert sorted(p.name for p in out.parent.iterdir()) == ["a.wav"]
