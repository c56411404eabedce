"""A detector that hears how loud it is, and an application with it."""

import io
import json
import threading

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.serve import create_app
from tests.tiny_detector import Level, Loudness

RATE = 16000
PHRASES = ["above 0.3", "above 0.6"]
HOME = "http://localhost"


class Gate(Loudness):
    """Hears nothing until it is opened."""

    def __init__(self):
        super().__init__()
        self.open, self.asked = threading.Event(), threading.Event()

    def encode(self, wav):
        self.asked.set()
        assert self.open.wait(30)
        return super().encode(wav)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def listener(model):
    """A detector that takes levels as they are."""
    return SoundEventDetector(
        {"model": model, "text_encoder": Level()},
        {"spec": SedSpec(normalize=None)},
        {"device": "cpu"},
    )


@pytest.fixture
def gated(gate):
    """A detector that waits for the gate."""
    return listener(gate)


@pytest.fixture(scope="module")
def detector():
    return listener(Loudness())


@pytest.fixture(scope="module")
def client(detector):
    app = create_app(detector, "loudness")
    with TestClient(app, HOME) as client:
        yield client


@pytest.fixture(scope="module")
def wave():
    """25 s of faint noise with two loud seconds, from 4 and from 12 s."""
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, 25 * RATE)
    for start, level in ((4, 0.5), (12, 0.9)):
        tone = np.sin(np.arange(RATE) * 0.3) * level
        noise[start * RATE : (start + 1) * RATE] += tone
    return noise.astype("float32")


def wav(samples, rate=RATE, **about) -> bytes:
    """Samples as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", **about)
    return file.getvalue()


def send(client, content, name="a.wav") -> dict:
    """Sends a recording that is to be taken."""
    sent = client.post(
        "/api/recordings", content=content, params={"name": name}
    )
    assert sent.status_code == 201, sent.text
    return sent.json()


def look(client, recording, phrases=PHRASES, **query) -> list[dict]:
    """All lines of a detection."""
    answer = client.post(
        f"/api/recordings/{recording['id']}/detections",
        json={"phrases": phrases, **query},
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines() if line]
