"""`opensed listen`: a line for each event, as soon as it is final."""

import json
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference import SoundEventDetector
from tests.tiny_detector import export_tiny

RATE = 16000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def samples():
    swell = np.abs(np.sin(np.arange(RATE * 31) / RATE * 2))
    noise = np.random.default_rng(0).normal(0, 0.2, len(swell)) * swell
    return np.round(noise.clip(-1, 0.99) * 32768).astype("<i2")


@pytest.fixture(scope="module")
def whole(model, samples):
    """What detection finds in all of it, at a threshold in the middle."""
    detector = SoundEventDetector.from_source(model, {"device": "cpu"})
    sound = (samples / 32768).astype("f4")
    scores = detector.detect((sound, RATE), ["rain"]).scores
    middle = float(np.median(scores))
    found = detector.detect((sound, RATE), ["rain"], threshold=middle)
    assert len(found.events) > 3
    return middle, [(e.onset, e.offset) for e in found.events]


def run(model, *arguments, given=None):
    arguments = ("listen", *arguments, "-q", "rain", "--model", model)
    arguments = [*map(str, arguments), "--device", "cpu"]
    return CliRunner().invoke(opensed, arguments, input=given)


class Recorder:
    """Stands for sounddevice and its microphone, which hears samples."""

    def __init__(self, samples, rate=RATE):
        self.samples, self.rate = samples / 32768, rate
        self.opened = None

    def query_devices(self, device=None, kind=None):
        if device in ("nowhere", 7):
            raise RuntimeError("Invalid device")
        return {"max_input_channels": 2, "default_samplerate": self.rate}

    def InputStream(self, blocksize, callback, **about):
        self.opened = {"blocksize": blocksize, **about}

        def play():
            for at in range(0, len(self.samples), blocksize):
                block = self.samples[at : at + blocksize, None]
                callback(block.astype("f4"), len(block), None, at == blocksize)

        thread = threading.Thread(target=play)

        class Stream:
            def __enter__(self):
                thread.start()

            def __exit__(self, *error):
                thread.join()

        return Stream()


def test_bare_samples_on_standard_input(model, samples, whole):
    threshold, expected = whole
    options = ("-", "--rate", RATE, "--threshold", threshold)
    result = run(model, *options, given=samples.tobytes() + b"\1")
    assert result.exit_code == 0, result.output
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows[0] == ["time", "onset", "offset", "event_label", "score"]
    found = [(float(row[1]), float(row[2])) for row in rows[1:]]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert {row[3] for row in rows[1:]} == {"rain"}


def test_a_microphone(model, samples, whole, monkeypatch):
    threshold, expected = whole
    recorder = Recorder(samples)
    monkeypatch.setitem(sys.modules, "sounddevice", recorder)
    options = ("--threshold", threshold, "--format", "jsonl", "--seconds", 31)
    result = run(model, *options, "--microphone", "3")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["onset"], r["offset"]) for r in rows] == expected
    assert recorder.opened["device"] == 3 and recorder.opened["channels"] == 1
    assert "1 times samples were lost" in result.stderr


def test_what_is_missing_is_said(model, samples, monkeypatch):
    def line(*options, **kept):
        result = run(model, *options, **kept)
        assert result.exit_code == 2, result.output
        return result.stderr.splitlines()[-1]

    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install 'speechbrain-opensed[listen]'" in line()
    monkeypatch.setitem(sys.modules, "sounddevice", Recorder(samples))
    assert "no microphone 'nowhere' here" in line("--microphone", "nowhere")
    assert "no microphone '7' here" in line("--microphone", "7")
    broken = SimpleNamespace(
        query_devices=Recorder(samples).query_devices, InputStream=None
    )
    monkeypatch.setitem(sys.modules, "sounddevice", broken)
    assert "cannot be opened" in line()
    assert "needs the --rate" in line("-", given=b"")
    assert "are for standard input" in line("--rate", "8000")
    assert "either - or" in line("-", "--rate", "8000", "--microphone", "1")
    silent = run(model, "-", "--rate", "8000", given=b"")
    assert silent.exit_code == 0 and len(silent.stdout.splitlines()) == 1


@pytest.mark.slow
def test_events_come_while_the_pipe_is_open(model, samples, whole, tmp_path):
    threshold, expected = whole
    code = "from speechbrain_opensed.commands.cli import main; main()"
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", code, "listen", "-", "--rate", str(RATE)),
            *("-q", "rain", "--model", model, "--device", "cpu"),
            *("--threshold", str(threshold), "--batch-size", "1"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        process.stdin.write(samples.tobytes())
        process.stdin.flush()
        # The pipe stays open, and in mid-word.
        assert process.stdout.readline().startswith(b"time\t")
        first = process.stdout.readline().decode().split("\t")
        assert float(first[1]) == pytest.approx(expected[0][0], abs=1e-3)
        process.stdin.close()
        assert len(process.stdout.readlines()) == len(expected) - 1
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
