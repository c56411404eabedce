"""Generation that begins with a sound."""

import pytest
import soundfile
import torch
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference.begin import read_begin
from speechbrain_opensed.inference.export import export_generator
from speechbrain_opensed.lobes.style.codec import MelCodec
from tests.tiny_generator import tiny_generator
from tests.unit.speechbrain_opensed.inference.test_generator import YAML

RATE = 16000


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.fixture(scope="module")
def sound():
    time = torch.arange(8000) / RATE
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(3))
    return 0.2 * torch.sin(2 * torch.pi * 440 * time) + 0.01 * noise


def distance(generator, one, two):
    """Of the shapes of two spectra in dB, on average."""
    codec = generator.mods.codec
    return (codec.mel(one[None]) - codec.mel(two[None])).abs().mean().item()


def test_the_less_strength_the_nearer_to_the_sound(generator, sound):
    def made(**settings):
        wave, rate = generator.generate("hum", steps=20, **settings)
        assert rate == RATE
        return wave

    waves = [
        made(init_audio=sound, init_strength=x) for x in (0.05, 0.5, 0.9, 1.0)
    ]
    assert all(len(wave) == len(sound) for wave in waves)
    far = [distance(generator, wave, sound) for wave in waves]
    assert far == sorted(far) and far[0] < 0.7 * far[-1]
    # With all of the noise nothing of it is left.
    fresh = made(duration_s=0.5)
    torch.testing.assert_close(waves[-1], fresh, rtol=0, atol=1e-3)


@pytest.mark.parametrize("gap", [(0.2, 0.3), (0.0, 0.1), (0.4, 0.5)])
def test_a_gap_is_filled_and_all_else_stays(generator, sound, gap):
    start, end = (round(second * RATE) for second in gap)
    broken = sound.clone()
    broken[start:end] = 0
    wave, _ = generator.generate("hum", steps=2, init_audio=broken, fill=gap)
    assert len(wave) == len(broken)
    assert torch.equal(wave[:start], broken[:start])
    assert torch.equal(wave[end:], broken[end:])
    assert wave[start:end].std() > 1e-3
    other, _ = generator.generate(
        "hum", steps=2, init_audio=broken, fill=gap, seed=1
    )
    assert not torch.equal(wave, other)
    # Latents of what is kept are those of the recording.
    begin = read_begin(broken, generator.mods.codec, fill=gap)
    seconds = begin.keep.sum() / len(begin.keep) * begin.seconds
    assert seconds == pytest.approx(0.4, abs=0.09)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"init_strength": 0.5}, "init_strength has no effect without init"),
        ({"fill": (0.1, 0.2)}, "fill has no effect without init_audio"),
        ({"init_audio": torch.zeros(RATE)}, "init_audio of 16000 .* silent"),
        ({"init_audio": "no.wav"}, "no.wav"),
        ({"init_audio": 1, "init_strength": 0.0}, "init_strength 0: give more"),
        ({"init_audio": 1, "init_strength": 1.1}, "init_strength 1.1"),
        ({"init_audio": 1, "duration_s": 1.0}, "a duration has no effect"),
        ({"init_audio": 1, "fill": (0.3, 0.6)}, "0.3 to 0.6 s in a sound of"),
        ({"init_audio": 1, "fill": (0.3, 0.2)}, "begin and end inside"),
        ({"init_audio": 1, "fill": (-0.1, 0.2)}, "begin and end inside"),
        ({"init_audio": 1, "fill": (0.0, 0.5)}, "the gap is the whole sound"),
        ({"init_audio": 1, "fill": (0.1, 0.10001)}, "is empty"),
        (
            {"init_audio": 1, "fill": (0.1, 0.2), "init_strength": 0.5},
            "init_strength has no effect with fill",
        ),
    ],
)
def test_bad_input_is_named(generator, sound, settings, message):
    if isinstance(settings.get("init_audio"), int):
        settings = {**settings, "init_audio": sound}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        generator.generate("hum", steps=2, **settings)


def test_a_gap_with_nothing_around_it_is_refused():
    wave = torch.zeros(RATE)
    wave[4000:8000] = torch.randn(4000)
    with pytest.raises(ValueError, match="nothing is heard outside"):
        read_begin(wave, MelCodec(), fill=(0.2, 0.6))


def test_the_command_has_it_all(generator, sound, tmp_path):
    (tmp_path / "train.yaml").write_text(YAML)
    parts = ("unet", "adapter", "codec")
    model = export_generator(
        tmp_path / "model",
        tmp_path / "train.yaml",
        {name: generator.mods[name] for name in parts},
    )
    given, out = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(given, sound.numpy(), RATE)

    def run(*more):
        flags = ["generate", *more, "--model", model, "-o", out, "--steps", 2]
        return CliRunner().invoke(opensed, [str(flag) for flag in flags])

    begin = ("hum", "--init-audio", given)
    result = run(*begin, "--init-strength", 0.5, "--loudness", "0:-60 .5:0")
    assert result.exit_code == 0, result.output
    quiet, loud = soundfile.read(out)[0].reshape(2, -1).std(1)
    assert quiet < 0.1 * loud
    result = run(*begin, "--fill", 0.2, 0.3)
    assert result.exit_code == 0, result.output
    filled = soundfile.read(out)[0]
    kept = soundfile.read(given)[0]
    assert (filled[:3200] == kept[:3200]).all()
    assert (filled[3200:4800] != kept[3200:4800]).any()

    truth, page = tmp_path / "truth.tsv", tmp_path / "page.html"
    cues = "hum at 0.2, buzz from 0.8 to 1.1"
    whole = ("--timeline", cues, "--duration", 1.5)
    result = run("room", *whole, "--truth", truth)
    assert result.exit_code == 0, result.output
    assert "1.50 s at 16000" in result.output and "buzz" in result.output
    rows = [line.split("\t") for line in truth.read_text().splitlines()]
    assert [(row[1], row[3]) for row in rows[1:]] == [
        ("0.200", "hum"),
        ("0.800", "buzz"),
    ]
    assert soundfile.info(out).duration == 1.5

    result = run("hum", "-r", given, "--report", page)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    for name in ("in.wav", "with the references", "without them"):
        assert name in text
    for more, message in (
        ((), "say what is to be heard"),
        (("hum", "--truth", truth), "--truth has no effect without"),
        (("--timeline", "hum at 9", "--duration", 2), "longer than the clip"),
        (("--timeline", "hum", "--duration", 2), "is not understood"),
        ((*begin, "--timeline", "hum at 0"), "--init-audio has no effect"),
        (("hum", "--loudness", "0"), "no point of a curve"),
        (("hum", "--loudness", "9:0"), "the curve goes to 9 s"),
    ):
        result = run(*more)
        assert result.exit_code != 0
        assert message in f"{result.output} {result.exception}", more
