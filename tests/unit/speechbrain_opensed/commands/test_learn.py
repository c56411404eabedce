"""`opensed learn` and `opensed calibrate` write detectors that know more."""

import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet

from speechbrain_opensed.commands.cli import opensed
from tests.unit.speechbrain_opensed.inference.test_teaching import (
    RATE,
    beep,
    cuts_of,
    exported,
)

__all__ = ["exported"]


def run(*args):
    return CliRunner().invoke(opensed, [str(arg) for arg in args])


@pytest.fixture
def sounds(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", beep(700), RATE)
    return [tmp_path / "a.wav", tmp_path / "b.wav"]


def test_learn_then_calibrate_then_detect(exported, sounds, tmp_path):
    new = tmp_path / "new"
    options = ["--model", exported, "--device", "cpu", "-o", new]
    done = run("learn", "--add", "my bell", *sounds, *options)
    assert done.exit_code == 0, done.output
    assert "my bell: learned from 2 recordings" in done.output
    cuts = tmp_path / "cuts.jsonl.gz"
    CutSet.from_cuts(cuts_of(tmp_path, "x")).to_file(cuts)
    done = run("calibrate", cuts, "--model", new, "--device", "cpu", "-o", new)
    assert done.exit_code == 0, done.output
    assert "low beep" in done.output and "calibration error" in done.output
    done = run(
        "detect", sounds[0], "-q", "my bell", "--model", new, "--device", "cpu"
    )
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--add"], "say what to learn"),
        (["--add", "my bell"], "no example of 'my bell'"),
        (["--add", "my bell", "nowhere.wav"], "nowhere.wav"),
        ([], "--add"),
    ],
)
def test_learn_says_what_is_missing(exported, tmp_path, args, words):
    done = run("learn", "--model", exported, "-o", tmp_path / "new", *args)
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "new").exists()


def test_calibrate_wants_events(exported, tmp_path):
    path = tmp_path / "cuts.jsonl"
    cuts = [cut.drop_supervisions() for cut in cuts_of(tmp_path, "x")]
    CutSet.from_cuts(cuts).to_file(path)
    done = run("calibrate", path, "--model", exported, "-o", tmp_path / "new")
    assert done.exit_code == 2 and "none of the phrases" in done.output
    done = run("calibrate", "no.jsonl", "--model", exported, "-o", tmp_path)
    assert done.exit_code == 2 and "no.jsonl" in done.output
    assert not (tmp_path / "new").exists()
