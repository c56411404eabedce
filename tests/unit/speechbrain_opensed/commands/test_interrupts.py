"""Ctrl-C ends real processes within a second, and what is done stays."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording

from speechbrain_opensed.commands.interrupts import prompt_interrupts
from tests.tiny_aligner import export_aligner
from tests.tiny_detector import export_tiny

# Who runs the tests in the background may have them ignore the signal.
HEARS = "import signal; signal.signal(2, signal.default_int_handler)\n"
RUN = "from speechbrain_opensed.commands.cli import main; main()"


def interrupt(arguments, ready, group=False, code=RUN):
    """Starts a command, and interrupts it as soon as `ready` says so.

    Gives the exit code, how long the end took, and standard error.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 300
        while not ready():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        begin = time.monotonic()
        if group:  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        process.wait(30)
        took = time.monotonic() - begin
        return process.returncode, took, process.communicate()[1]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    noise = np.random.default_rng(0).normal(0, 0.1, 16000 * 60)
    cuts = []
    (folder / "yard").mkdir()
    for number in range(12):
        path = folder / "yard" / f"{number:02d}.wav"
        soundfile.write(path, noise, 16000)
        cuts.append(Recording.from_file(path).to_cut())
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl")
    return folder


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    model = export_tiny(tmp_path_factory.mktemp("model"))
    kept = ("--model", model, "--device", "cpu", "-q", "rain")
    return (*kept, "--threshold", "0.01", "--batch-size", "1")


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
def test_detect(folder, options, tmp_path):
    out = tmp_path / "events.tsv"
    arguments = ("detect", folder / "yard", *options, "-o", out)
    code, took, said = interrupt(arguments, lambda: len(lines(out)) > 2)
    assert code == 130 and took < 1, said
    assert "Interrupted" in said and "--resume goes on" in said
    heard = {line.split("\t")[0] for line in lines(out)[1:]}
    assert 2 <= len(heard) < 12
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments), "--resume"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # One more may have been kept, and not shown yet.
    kept = int(re.search(r"(\d+) recordings were done", done.stderr)[1])
    assert kept - len(heard) in (0, 1)
    assert len({line.split("\t")[0] for line in lines(out)[1:]}) == 12


@pytest.mark.slow
def test_annotate(folder, options, tmp_path):
    out = tmp_path / "out.jsonl"
    journal = tmp_path / ".out.jsonl.journal"
    arguments = ("annotate", folder / "cuts.jsonl", out, *options)
    code, took, said = interrupt(arguments, lambda: len(lines(journal)) > 2)
    assert code == 130 and took < 1, said
    assert "Interrupted" in said and "--resume goes on" in said
    kept = lines(out)
    assert 2 <= len(kept) < 12
    # A manifest gives way to a whole one only.
    journal.unlink()
    code, _, _ = interrupt(arguments, lambda: len(lines(journal)) > 1)
    assert code == 130 and lines(out) == kept
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments), "--resume"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(lines(out)) == 12 and lines(out)[: len(kept)] == kept


@pytest.mark.slow
def test_soundscapes(folder, tmp_path):
    bank = tmp_path / "bank"
    for label in ("dog", "horn"):
        (bank / label).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).normal(0, 0.1, 16000)
            soundfile.write(bank / label / f"{number}.wav", noise, 16000)
    out = tmp_path / "out"
    arguments = ("soundscapes", bank, out, "-n", 30000, "-j", 2)

    def begun():
        return list(out.glob(".*.parts/*.json"))

    code, took, said = interrupt(arguments, begun, group=True)
    assert code == 130 and took < 1, said
    assert "Interrupted" in said
    # What was mixed is there for the same command to go on from.
    assert begun() and not list(out.glob("*.gz"))


def test_a_step_that_does_not_end(tmp_path):
    mark, kept = tmp_path / "mark", tmp_path / "kept"
    code = f"""
import ctypes, pathlib
from speechbrain_opensed.commands.interrupts import prompt_interrupts
leave = lambda: pathlib.Path({str(kept)!r}).write_text("kept")
with prompt_interrupts(leave):
    pathlib.Path({str(mark)!r}).touch()
    # Goes on after the signal, as a library does, and asks nobody.
    for _ in range(20):
        try:
            ctypes.CDLL(None).sleep(10)
        except KeyboardInterrupt:
            pass
"""
    returned, took, said = interrupt((), mark.exists, code=code)
    assert returned == 130 and took < 1, said
    assert "Interrupted" in said and kept.read_text() == "kept"


def test_it_leaves_no_trace():
    before = signal.set_wakeup_fd(-1)
    with prompt_interrupts():
        pass
    with pytest.raises(ValueError), prompt_interrupts():
        raise ValueError
    assert signal.set_wakeup_fd(before) == -1


@pytest.mark.slow
def test_index(folder, tmp_path):
    model, out = export_aligner(tmp_path), tmp_path / "index"
    arguments = ("index", folder / "yard", "-o", out, "--model", model)
    arguments += ("--device", "cpu", "--batch-size", "1")

    def heard():
        return sum(len(lines(path)) for path in out.glob("*/files.jsonl"))

    code, took, said = interrupt(arguments, lambda: heard() > 1)
    assert code == 130 and took < 1, said
    assert "Interrupted" in said
    assert 1 < heard() < 12
    before = heard()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    now = int(re.search(r"12 recordings, .* (\d+) heard now", done.stderr)[1])
    # What was kept is not heard again.
    assert now <= 12 - before + 1
