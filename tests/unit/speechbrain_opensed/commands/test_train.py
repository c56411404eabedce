"""Recipes are found by name, run with overrides, and copied to be edited."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands import train as module
from speechbrain_opensed.commands.cli import opensed

ECHO = "import json, sys; print(json.dumps(sys.argv)); sys.exit(3)\n"


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """Two papers whose scripts only tell what they were given."""
    for paper, scripts, names in (
        ("Alpha", ("train", "pretrain"), ("demo", "pretrain_bank", "alpha")),
        ("Beta", ("train", "demo"), ("demo",)),
    ):
        folder = tmp_path / "recipes" / paper
        (folder / "hparams").mkdir(parents=True)
        (folder / "README.md").write_text(paper)
        for script in scripts:
            (folder / f"{script}.py").write_text(ECHO)
        for name in names:
            (folder / "hparams" / f"{name}.yaml").write_text(
                f"# ###\n# Model: {name}\n# Data: none\n"
            )
    (tmp_path / "recipes/_demo").mkdir()
    (tmp_path / "recipes/_demo/train.py").write_text("")
    monkeypatch.setattr(module, "recipes_folder", lambda: tmp_path / "recipes")
    return tmp_path / "recipes"


def run(*arguments):
    return CliRunner().invoke(opensed, ["train", *map(str, arguments)])


def executed(monkeypatch, *arguments):
    """What would take this process's place, run as a child instead."""
    seen = []

    def execv(program, command):
        assert program == command[0] == sys.executable
        seen.append(subprocess.run(command, capture_output=True, text=True))
        raise SystemExit(seen[0].returncode)

    monkeypatch.setattr(module.os, "execv", execv)
    result = run(*arguments)
    assert result.exit_code == 3, result.output
    return json.loads(seen[0].stdout)


@pytest.mark.parametrize(
    "name, script",
    [
        ("demo", "train.py"),
        ("alpha", "train.py"),
        ("pretrain_bank", "pretrain.py"),
    ],
)
def test_the_script_and_its_overrides(recipes, monkeypatch, name, script):
    overrides = ["--seed", "7", "--device=cpu", "--gates=[-1, 0]"]
    argv = executed(monkeypatch, "alpha", name, *overrides)
    assert argv[0] == str(recipes / "Alpha" / script)
    assert argv[1] == str(recipes / "Alpha/hparams" / f"{name}.yaml")
    assert argv[2:] == overrides


def test_a_file_of_ones_own(recipes, monkeypatch, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("")
    argv = executed(monkeypatch, "Beta", mine)
    assert argv == [str(recipes / "Beta/train.py"), str(mine)]


def test_the_list(recipes):
    lines = run("--list").output.splitlines()
    assert lines[:3] == ["Alpha alpha", "  Model: alpha", "  Data: none"]
    assert [line for line in lines if not line.startswith(" ")] == [
        "Alpha alpha",
        "Alpha demo",
        "Alpha pretrain_bank",
        "Beta demo",
    ]


def test_a_copy_runs(recipes, tmp_path):
    result = run("Alpha", "pretrain_bank", "--copy", tmp_path / "mine")
    files = sorted(p.name for p in (tmp_path / "mine").rglob("*.*"))
    assert files == [
        "README.md",
        "pretrain.py",
        "pretrain_bank.yaml",
        "train.py",
    ]
    command = result.output.split()
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True
    )
    assert json.loads(done.stdout) == command[1:]


def test_a_copy_of_all(recipes, tmp_path):
    assert run("Beta", "--copy", tmp_path / "mine").exit_code == 0
    files = sorted(p.name for p in (tmp_path / "mine").rglob("*.*"))
    assert files == ["README.md", "demo.yaml", "train.py"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "--list"),
        (("--list", "Alpha"), "--list takes nothing else"),
        (("Gamma", "demo"), "no recipe 'Gamma'; there are Alpha, Beta"),
        (("Beta",), "Which of Beta's: demo?"),
        (("Alpha", "gamma"), "it has alpha, demo, pretrain_bank"),
        (("Alpha", "gamma.yaml"), "no such file: gamma.yaml"),
        (("Alpha", "demo", "--copy", "x", "--seed", "1"), "no overrides"),
    ],
)
def test_what_is_wrong_is_said(recipes, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_copy_overwrites_nothing(recipes, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.py").write_text("my work")
    result = run("Alpha", "demo", "--copy", tmp_path / "mine")
    assert "is not empty" in result.output
    assert (tmp_path / "mine/train.py").read_text() == "my work"


def test_the_real_recipes_are_found():
    names = {
        (folder.name, name)
        for folder in module._papers()
        for name in module._names(folder)
    }
    assert ("FlexSED", "event_bank") in names
    for recipe, name in names:
        script, _ = module.find_recipe(recipe, name)
        assert (script.stem == "pretrain") == name.startswith("pretrain")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch_size=-1"], "has to be 1 or more"),
        (["--device", "cpu", "--batch_size", "no"], "a whole number"),
        (["--held_out=nope"], "there is no such file"),
    ],
)
def test_wrong_values_are_told_before_anything_is_started(
    monkeypatch, words, said
):
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started"))
    result = run("FlexSED", "event_bank_scratch", "--bank_folder=x", *words)
    assert result.exit_code and said in str(result.output) + str(
        result.exception
    )
