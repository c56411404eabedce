"""`opensed serve` begins and ends cleanly, and says why it cannot."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from tests.tiny_detector import export_tiny
from tests.unit.speechbrain_opensed.serve.conftest import wav


def refuse(*options):
    result = CliRunner().invoke(
        opensed, ["serve", "--model", "./nowhere", *map(str, options)]
    )
    assert result.exit_code == 2, result.output
    return result.stderr.splitlines()[-1]


def test_two_servers_on_one_port():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refuse("--port", port)
    assert f"port {port} of 127.0.0.1 is taken" in said and "--port" in said


def test_what_is_missing_is_said(monkeypatch):
    assert "no such address" in refuse("--host", "nowhere.invalid")
    assert "cannot listen" in refuse("--host", "192.0.2.1", "--port", 0)
    assert "no folder ./nowhere" in refuse("--port", 0)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'speechbrain-opensed[serve]'" in refuse()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_it_ends_at_once_and_leaves_nothing(model, tmp_path, number, code):
    run = "from speechbrain_opensed.commands.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", run, "serve", "--model", model]
        + ["--device", "cpu", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
    )
    try:
        address = process.stdout.readline().split()[0]
        long = wav(np.zeros(8000 * 1800), 8000)
        request = urllib.request.Request(
            f"{address}/api/recordings", long, {"Content-Type": "audio/wav"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            token = json.load(answer)["id"]
        request = urllib.request.Request(
            f"{address}/api/recordings/{token}/detections",
            json.dumps({"phrases": ["rain"]}).encode(),
            {"Content-Type": "application/json"},
        )
        stream = urllib.request.urlopen(request, timeout=120)
        assert json.loads(stream.readline())["type"] == "begun"
        threading.Thread(target=_drain, args=(stream,), daemon=True).start()
        assert list(tmp_path.iterdir())
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == code
        assert time.monotonic() - begun < 3
        assert list(tmp_path.glob("opensed-*")) == []
        said = process.stderr.read()
        assert "Traceback" not in said, said
    finally:
        process.kill()
        process.wait()


def _drain(stream):
    try:
        stream.read()
    except OSError:
        pass
