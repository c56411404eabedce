"""`opensed new` makes what runs: its tests are run."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.commands.new import KINDS, make_skeleton


def run_tests(folder, *options):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["corpus", "lobe"])
def test_what_is_made_passes_its_tests(kind, tmp_path):
    make_skeleton(kind, "my_thing", tmp_path / "my_thing")
    said = run_tests(tmp_path / "my_thing", "--doctest-modules")
    assert " passed" in said and "failed" not in said


@pytest.mark.slow
def test_the_recipe_trains(tmp_path):
    make_skeleton("recipe", "my_thing", tmp_path / "my_thing")
    assert "1 passed" in run_tests(tmp_path / "my_thing")


@pytest.mark.parametrize("kind", KINDS)
def test_no_mark_is_left(kind, tmp_path):
    for path in make_skeleton(kind, "my_thing", tmp_path / "x"):
        assert "@" not in path.name and "@name@" not in path.read_text()
        if path.suffix == ".py":
            compile(path.read_text(), path, "exec")
            assert max(map(len, path.read_text().splitlines())) <= 88
    names = {path.name for path in tmp_path.rglob("*")}
    assert "README.md" in names and any(n.startswith("test_") for n in names)


def test_the_command_says_what_it_wrote(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(opensed, ["new", "lobe", "gate"])
    assert done.exit_code == 0, done.output
    for line in done.stdout.splitlines():
        assert Path(line).is_file()
    again = CliRunner().invoke(opensed, ["new", "lobe", "gate"])
    assert again.exit_code == 2 and "not empty" in again.output


@pytest.mark.parametrize("name", ["My-Lobe", "1st", "class", "a b", "../a"])
def test_bad_names_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="write it like"):
        make_skeleton("lobe", name, tmp_path / "new")
    assert not (tmp_path / "new").exists()
