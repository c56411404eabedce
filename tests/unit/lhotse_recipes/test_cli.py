import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner
from lhotse import CutSet, Recording, SupervisionSegment

import lhotse_recipes
from lhotse_recipes.cli import download, export, lhotse_cli, prepare
from lhotse_recipes.registry import DATASETS
from lhotse_recipes.schema import event

ROOT = Path(lhotse_recipes.__file__).resolve().parent.parent


@pytest.fixture
def bank(tmp_path):
    for i in range(3):
        path = tmp_path / "bank" / "dog" / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).uniform(-0.5, 0.5, 1600)
        sf.write(path, noise, 16000)
    return tmp_path / "bank"


def run(command, *arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda one: one.module)
def test_every_recipe_is_a_function_and_a_command(dataset):
    name = dataset.module.replace("_", "-")
    verbs = {"prepare": prepare, "download": download}
    for verb, group in verbs.items():
        if verb == "download" and not dataset.download:
            assert name not in group.commands
            continue
        function = getattr(lhotse_recipes, f"{verb}_{dataset.module}")
        assert function is dataset.function(verb)
        shown = run(group, name, "--help")
        assert shown.exit_code == 0, shown.output
        first = function.__doc__.strip().splitlines()[0]
        assert first.split()[0] in shown.output
        assert dataset.about in run(group, "--help").output


def test_prepare_event_bank_by_command(bank, tmp_path):
    done = run(
        prepare,
        *("event-bank", bank, tmp_path / "out", "--splits", "train=0.5"),
        *("--splits", "test=0.5", "-j", 2, "--seed", 3, "--strict"),
    )
    assert done.exit_code == 0, done.output
    assert "event-bank train:" in done.output
    assert (tmp_path / "out/event-bank_cuts_test.jsonl.gz").is_file()
    assert not (tmp_path / "out/event-bank_cuts_valid.jsonl.gz").exists()


def test_errors_are_one_line_and_name_the_remedy(bank, tmp_path):
    for arguments, message in (
        (["event-bank", "gone", "out"], "gone: no such folder or csv table"),
        (
            ["event-bank", bank, "out", "--splits", "train=0.5"],
            "must sum to 1, not 0.5",
        ),
        (
            ["audioset-strong", bank, "out", "--parts", "eval"],
            "eval_strong.tsv",
        ),
    ):
        failed = run(prepare, *arguments)
        assert failed.exit_code == 1
        assert message in failed.output
        assert failed.output.startswith("Error: ")
        assert "Traceback" not in failed.output
        assert failed.output.count("\n") == 1
    usage = run(prepare, "event-bank", bank, "out", "--splits", "train")
    assert usage.exit_code == 2
    assert "'train' is not like train=0.8" in usage.output


def test_export_writes_every_format(bank, tmp_path):
    run(prepare, "event-bank", bank, tmp_path / "out", "--splits", "test=1.0")
    cuts = tmp_path / "out/event-bank_cuts_test.jsonl.gz"
    for name in ("audacity", "jams", "textgrid"):
        done = run(export, cuts, tmp_path / name, "--format", name)
        assert done.output == f"3 {name} files: {tmp_path / name}\n"
        assert len(list((tmp_path / name).iterdir())) == 3
    durations = tmp_path / "durations.tsv"
    more = {"dcase": ("--durations", durations), "finelap": ()}
    for name, options in more.items():
        path = tmp_path / f"{name}.txt"
        done = run(export, cuts, path, "--format", name, *options)
        assert done.output == f"1 {name} file: {path}\n"
        assert path.read_text().count("dog") >= 3
    assert len(durations.read_text().splitlines()) == 4


def test_export_counts_the_speech_that_is_left_out(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    cut = Recording.from_file(tmp_path / "a.wav").to_cut()
    cut.supervisions = [
        SupervisionSegment("s", "a", 0, 0.5, text="hello"),
        event("a", 0, 0.1, 0.4, "a dog", "Dog"),
    ]
    path = tmp_path / "cuts.jsonl"
    CutSet.from_cuts([cut]).to_file(path)
    for name in ("jams", "labelstudio", "textgrid"):
        done = run(export, path, tmp_path / name, "--format", name)
        assert done.exit_code == 0, done.output
        assert "no place for" not in done.output
    for name in ("audacity", "csv", "dcase", "raven"):
        done = run(export, path, tmp_path / name, "--format", name)
        assert done.exit_code == 0, done.output
        assert (
            f"1 lines of speech are not in it: {name} has no place for them, "
            "jams, labelstudio, textgrid have" in done.output
        )


def test_export_says_what_it_cannot_read(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"a": 1}\n')
    for path, message in (
        (tmp_path / "gone.jsonl", "no manifest"),
        (bad, "no item of a manifest"),
    ):
        failed = run(export, path, tmp_path / "out", "--format", "jams")
        assert failed.exit_code == 1
        assert message in failed.output
        assert not (tmp_path / "out").exists()
    usage = run(export, bad, "out", "--format", "jams", "--durations", "d.tsv")
    assert usage.exit_code == 2
    assert "--durations goes with dcase, not jams" in usage.output


def test_lhotse_keeps_its_commands_and_gets_ours():
    from lhotse.bin.lhotse import cli

    whole = lhotse_cli()
    theirs = cli.commands["prepare"].commands
    ours = whole.commands["prepare"].commands
    assert {"yesno", "event-bank", "audioset-strong"} <= set(ours)
    assert not set(prepare.commands) & set(theirs)
    assert not set(download.commands) & set(cli.commands["download"].commands)
    assert set(whole.commands) == {*cli.commands, "export"}
    assert "export" not in cli.commands


def test_help_imports_no_lhotse():
    code = (
        "import sys\n"
        "from lhotse_recipes.cli import prepare\n"
        "prepare(['--help'], standalone_mode=False)\n"
        "print('lhotse' in sys.modules, 'torch' in sys.modules)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert shown.stdout.endswith("False False\n")


def test_the_package_runs_as_a_module(bank, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lhotse_recipes", "prepare", "event-bank"]
        + [bank, tmp_path / "out"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(tmp_path / "out")) == 13


def test_unknown_names_of_the_package_are_errors():
    with pytest.raises(AttributeError, match="no attribute 'prepare_nothing'"):
        lhotse_recipes.prepare_nothing  # noqa: B018
    assert "prepare_event_bank" in dir(lhotse_recipes)
