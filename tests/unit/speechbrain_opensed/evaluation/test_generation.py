"""Scores of folders, from Python and the command line."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.evaluation.generation import (
    evaluate_generation,
    find_sounds,
    read_prompts,
)
from speechbrain_opensed.metrics.generation.encoding import RandomEncoder


def fill(folder, seed, names="abcdefgh", rate=16000, level=0.1):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in names:
        noise = level * rng.standard_normal((rate // 2, 2))
        soundfile.write(folder / f"{name}.wav", noise, rate)
    return folder


@pytest.fixture
def folders(tmp_path):
    return [
        fill(tmp_path / "made", 0, "abcd"),
        fill(tmp_path / "real", 1, rate=32000),
        fill(tmp_path / "style", 2),
    ]


def test_command(folders, tmp_path):
    made, real, style = map(str, folders)
    out = tmp_path / "scores.json"
    arguments = ["evaluate-generation", made, "--real", real, "-e", "random"]
    result = CliRunner().invoke(
        opensed, [*arguments, "--styles", style, "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    scores = json.loads(out.read_text())
    assert scores == evaluate_generation(
        *folders, encoders={"random": RandomEncoder()}
    )
    assert [scores[f"clips_{r}"] for r in ("generated", "real", "style")] == [
        4,
        8,
        4,
    ]
    wanted = {"FD", "FAD", "KID", "KL", "IS", "style", "style_floor"}
    assert {f"{name}_random" for name in wanted} <= set(scores)
    (folders[1] / "a.wav").unlink()
    result = CliRunner().invoke(opensed, arguments)
    assert result.exit_code == 2
    assert "1 of 4 generated clips are not in" in result.output
    result = CliRunner().invoke(opensed, [*arguments, "--unpaired"])
    assert result.exit_code == 0 and "KL_random" not in result.output


def test_bad_folders_and_tables_are_named(folders, tmp_path):
    made = folders[0]
    encoders = {"random": RandomEncoder()}
    with pytest.raises(ValueError, match=r"not in prompts: \['b'"):
        evaluate_generation(made, prompts={"a": "x"}, encoders=encoders)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no sound file"):
        find_sounds(tmp_path / "empty")
    (made / "a.flac").write_bytes(b"")
    with pytest.raises(ValueError, match="a.flac and .*a.wav have one name"):
        find_sounds(made)
    table = tmp_path / "p.csv"
    for text, message in (
        ("file,text\n", "no column .'name'."),
        ("name,text\na.wav,x\na,y\n", "line 3: 'a'"),
        ("name,text\na.wav,\n", "line 2: 'a'"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_prompts(table)
