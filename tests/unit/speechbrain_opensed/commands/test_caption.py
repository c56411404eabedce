"""`opensed caption` writes captions, or says in a line why not."""

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from tests.tiny_detector import export_tiny


def run(*arguments):
    return CliRunner().invoke(opensed, ["caption", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    soundfile.write(path, noise, 16000)
    return path


@pytest.mark.parametrize(
    "suffix, start",
    [
        (".vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n[rain]\n"),
        (".srt", "1\n00:00:00,000 --> 00:00:01,000\n[rain]\n"),
        (".json", '{\n  "path"'),
        (".TextGrid", 'File type = "ooTextFile"'),
    ],
)
def test_formats_by_suffix(tmp_path, model, wav, suffix, start):
    output = tmp_path / f"out{suffix}"
    result = run(
        *(wav, "-q", "rain", "--model", model, "--asr", "none"),
        *("--threshold", "0.0001", "-o", output),
    )
    assert result.exit_code == 0, result.output
    assert output.read_text().startswith(start)


@pytest.mark.parametrize(
    "asr, output, message",
    [
        ("none", "a.doc", "ends in .vtt"),
        ("none", "b.wav", "ends in .vtt"),
        ("none", "a.wav", "would be overwritten"),
        ("nowhere", "a.vtt", "no recogniser nowhere"),
        ("whisper-nosuch", "a.vtt", "whisper-nosuch"),
    ],
)
def test_errors_in_a_line(tmp_path, model, wav, asr, output, message):
    result = run(
        *(wav, "-q", "rain", "--model", model, "--asr", asr),
        *("-o", tmp_path / output),
    )
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
