"""Errors of programs in a line, their tracebacks where they are asked for."""

import logging
import os
from concurrent.futures import BrokenExecutor

import pytest

from speechbrain_opensed.core.errors import in_words, run_recipe


@pytest.mark.parametrize(
    "error, words",
    [
        (ValueError("--lr is -1;\n  give more"), "--lr is -1; give more"),
        (ValueError(), "ValueError"),
        (FileNotFoundError("no such file: a.wav"), "no such file: a.wav"),
        (FileNotFoundError(2, "No such", "a.wav"), "no such file: a.wav"),
        (OSError(28, os.strerror(28), "a/b"), "'a/b'; free some space"),
        (OSError(30, os.strerror(30), "a/b"), "'a/b'; choose a folder"),
        (NotADirectoryError(20, os.strerror(20), "a/b"), "of the path is a"),
        (OSError(28, "full; free it", "a/b"), "full; free it: 'a/b'"),
        (MemoryError(), "MemoryError. Take a smaller --batch-size"),
        (RuntimeError("CUDA out of memory"), "Take a smaller --batch-size"),
        (RuntimeError("can't allocate memory: 9 TB"), "a shorter --duration"),
        (BrokenExecutor("gone"), "fewer --num-jobs"),
        (AssertionError(), "AssertionError. This should not happen: X shows"),
        (KeyError("id"), "KeyError: 'id'. This should not happen"),
    ],
)
def test_what_is_said(error, words):
    line = in_words(error, "X")
    assert words in line
    assert "\n" not in line


def failing(arguments):
    raise ValueError(f"--lr is {arguments[0]}, but has to be more than 0")


def test_recipes_end_in_words(tmp_path, capsys):
    log = tmp_path / "log.txt"
    handler = logging.FileHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(SystemExit) as end:
            run_recipe(failing, ["-1"])
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.err == "Error: --lr is -1, but has to be more than 0\n"
    assert "Traceback" not in said.out
    # Where it happened stands in the log of the run.
    assert "Traceback" in log.read_text()
    assert "in failing" in log.read_text()
    with pytest.raises(ValueError, match="--lr is 5"):
        run_recipe(failing, ["--traceback", "5"])


def test_interrupted_recipes(capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_recipe(interrupted, [])
    assert end.value.code == 130
    assert "Interrupted" in capsys.readouterr().err
