"""Every recipe runs on generated samples; its runner reads what is meant."""

import csv

import numpy as np
import pytest
import soundfile as sf

from tests.recipes.runner import (
    COLUMNS,
    FileExists,
    Performance,
    Row,
    all_rows,
    command,
    flag_names,
    parse_checks,
    read_rows,
    run,
)

LOG = """\
epoch: 1, lr: 1.00e-03 - train loss: 2.70 - valid loss: 3.1, valid PSDS: 0.2
epoch: 10, lr: 1.00e-03 - train loss: nan - valid loss: 2.1, valid PSDS: 0.3
Epoch loaded: 10 - test loss: 1.50, test PSDS: 4.00e-01
"""
VALUES = dict.fromkeys(COLUMNS, "") | {
    "Task": "SED",
    "Script_file": "recipes/X/train.py",
    "Hparam_file": "recipes/X/hparams/x.yaml",
    "Readme_file": "recipes/X/README.md",
    "test_debug_flags": "--data_folder {data}",
    "test_debug_checks": "file_exists=[train_log.txt]",
}


@pytest.mark.slow
@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row["Hparam_file"])
def test_recipe_runs(row, places, tmp_path):
    problems = run(row, places, tmp_path / "output")
    assert not problems, "\n".join(problems)


def write_table(path, *rows, columns=COLUMNS):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_rows_are_read(tmp_path):
    (row,) = read_rows(write_table(tmp_path / "X.csv", VALUES))
    assert row.where == "X.csv:2"
    assert row["Task"] == "SED" and row["Result_url"] == ""


@pytest.mark.parametrize(
    "change, words",
    [
        ({"Hparam_file": ""}, "X.csv:2 leaves .'Hparam_file'"),
        ({"test_debug_flags": ""}, "X.csv:2 says not how"),
        ({"test_debug_checks": ""}, "X.csv:2 says not how"),
        ({"test_debug_checks": "file_exist=[a]"}, "no check 'file_exist'"),
    ],
)
def test_wrong_rows_are_named(tmp_path, change, words):
    path = write_table(tmp_path / "X.csv", VALUES | change)
    with pytest.raises(ValueError, match=words):
        read_rows(path)


def test_wrong_tables_are_named(tmp_path):
    path = write_table(tmp_path / "X.csv", VALUES, columns=COLUMNS[1:])
    with pytest.raises(ValueError, match="must have the columns"):
        read_rows(path)
    path = write_table(tmp_path / "X.csv", VALUES)
    path.write_text(path.read_text().rstrip() + ",more\n")
    with pytest.raises(ValueError, match="X.csv:2 has not 11 fields"):
        read_rows(path)


def test_checks_are_parsed():
    text = (
        "file_exists=[log.txt, save/a b.ckpt] "
        "performance_check=[train_log.txt, train loss, <3.5, epoch: 1]"
    )
    assert parse_checks(text, "here") == [
        FileExists("log.txt"),
        FileExists("save/a b.ckpt"),
        Performance("train_log.txt", "train loss", "<", 3.5, 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "file_exists=[a,,b]",
        "file_exists=a",
        "file_exists=[a] and more",
        "performance_check=[train_log.txt, train loss, 3.5, epoch: 1]",
        "performance_check=[train_log.txt, train loss, <3.5]",
        "performance_check=[train_log.txt, train loss, <x, epoch: 1]",
    ],
)
def test_checks_that_say_nothing_are_refused(text):
    with pytest.raises(ValueError, match="here"):
        parse_checks(text, "here")


@pytest.mark.parametrize(
    "check, problem",
    [
        ("train loss, <3.5, epoch: 1", None),
        ("train loss, <2.5, epoch: 1", "2.7, not < 2.5"),
        ("train loss, ==2.7, epoch: 1", None),
        ("train loss, >=0, epoch: 10", "is nan"),
        ("valid psds, >=0.3, epoch: 10", None),
        ("loss, >0, epoch: 2", "no 'loss' of epoch 2"),
        ("test PSDS, >0.3, epoch: -1", None),
        ("train loss, >0, epoch: -1", "no 'train loss'"),
    ],
)
def test_train_logs_are_checked(tmp_path, check, problem):
    (tmp_path / "log.txt").write_text(LOG)
    (parsed,) = parse_checks(f"performance_check=[log.txt, {check}]", "here")
    found = parsed.problem(tmp_path)
    assert found is None if problem is None else problem in found


def test_missing_files_are_named(tmp_path):
    (tmp_path / "other.txt").touch()
    found = FileExists("log.txt").problem(tmp_path)
    assert "log.txt was not written; there are ['other.txt']" in found
    check = Performance("log.txt", "loss", "<", 1.0, 1)
    assert check.problem(tmp_path) == "log.txt was not written"


def test_placeholders_are_resolved(tmp_path):
    flags = '--data_folder {data} --classes "[a, b]" --more={{1}}'
    row = Row("here", VALUES | {"test_debug_flags": flags})
    folder = tmp_path / "with space"
    words = command(row, {"data": folder}, tmp_path / "out")
    assert words[3:] == [
        "--output_folder",
        str(tmp_path / "out"),
        "--data_folder",
        str(folder),
        "--classes",
        "[a, b]",
        "--more={1}",
        "--debug",
    ]
    assert flag_names(row) == {"data_folder", "classes", "more"}
    with pytest.raises(ValueError, match="'data' is none of .'audio'"):
        command(row, {"audio": folder}, tmp_path)


@pytest.mark.parametrize(
    "script, problem",
    [
        ("open(out / 'train_log.txt', 'w').close()", None),
        ("print('out of luck'); sys.exit(3)", "ended with 3:\nout of luck"),
        ("pass", "train_log.txt was not written"),
        ("import time; time.sleep(60)", "longer than 3 s"),
    ],
)
def test_runs_are_judged(tmp_path, script, problem):
    path = tmp_path / "train.py"
    path.write_text(
        "import sys, pathlib\n"
        "out = pathlib.Path(sys.argv[3])\n"
        "out.mkdir()\n"
        "assert sys.argv[4:] == ['--data_folder', 'd', '--debug']\n"
        f"{script}\n"
    )
    row = Row("here", VALUES | {"Script_file": str(path)})
    problems = run(row, {"data": "d"}, tmp_path / "output", timeout=3)
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1 and problem in problems[0]


def test_samples_can_be_heard_and_read(places):
    bank = sorted(places["data"].rglob("*.wav"))
    assert len(bank) == 24
    for path in [*bank, *(places["audioset"] / "audio").iterdir()]:
        wave, rate = sf.read(path)
        assert rate == 16000
        assert 0.1 < np.abs(wave).max() <= 1.0


def test_samples_are_what_the_recipes_read(places, tmp_path):
    from lhotse_recipes import prepare_audioset_strong, prepare_event_bank

    corpus = prepare_audioset_strong(places["audioset"])
    assert {part: len(corpus[part]["cuts"]) for part in corpus} == {
        "train": 6,
        "eval": 6,
    }
    assert all(cut.supervisions for cut in corpus["eval"]["cuts"])
    bank = prepare_event_bank(places["data"] / "events.csv")
    assert {part: len(bank[part]["cuts"]) for part in bank} == {
        "train": 12,
        "valid": 4,
        "test": 8,
    }
