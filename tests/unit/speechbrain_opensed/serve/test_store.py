"""What is kept, for how long, and how much of it."""

import resource
import time
from contextlib import contextmanager

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lhotse_recipes.sound import AudioInfo
from speechbrain_opensed.serve import Limits, create_app
from speechbrain_opensed.serve.store import Full, Store, shown_name
from tests.unit.speechbrain_opensed.serve.conftest import (
    HOME,
    RATE,
    look,
    send,
    wav,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/etc/passwd", "passwd"),
        ("..\\..\\a.wav", "a.wav"),
        ("a\n\tb\0.wav", "ab.wav"),
        ("", "recording"),
        ("...", "recording"),
        ("дождь 雨.wav", "дождь 雨.wav"),
        ("x" * 500 + ".wav", "x" * 116 + ".wav"),
    ],
)
def test_names_are_shown_and_no_more(name, shown, tmp_path):
    assert shown_name(name) == shown
    path = Store(tmp_path, Limits()).add_recording(name).path
    assert path.parent == tmp_path and path.suffix in ("", ".wav")


def test_room_is_counted(tmp_path):
    store = Store(tmp_path, Limits(max_storage=1000))
    recording = store.add_recording("a.wav")
    store.grow(recording, 600)
    recording.info = AudioInfo(recording.path, 8000, 1, 8000)
    about = {"model": "0", "hop_seconds": 0.5, "thresholds": {"a": 0.5}}
    found = store.add_found(recording, ["a"], **about)
    assert store.size == 600 + 4 * 4
    with pytest.raises(Full, match="no room for 1600 bytes"):
        store.add_found(recording, ["a"] * 100, **about)
    store.remove(found)
    assert store.size == 600 and not list(tmp_path.glob("*.scores"))


def test_idle_ones_go_and_those_in_use_stay(tmp_path):
    store = Store(tmp_path, Limits(keep_seconds=10))
    idle, used = store.add_recording("a.wav"), store.add_recording("b.wav")
    idle.users = 0
    for one in (idle, used):
        one.path.touch()
    assert store.sweep() == 0
    assert store.sweep(lambda: time.monotonic() + 11) == 1
    assert not idle.path.exists() and used.path.exists()
    with pytest.raises(KeyError):
        store.recording(idle.id)


def test_a_full_server_says_so(detector, wave):
    content = wav(wave[:16000])
    limits = Limits(max_storage=len(content) + 1000)
    with TestClient(create_app(detector, limits=limits), HOME) as client:
        recording = send(client, content)
        second = client.post("/api/recordings", content=content)
        assert second.status_code == 507 and "--max-storage" in second.text
        phrases = [f"above {n / 1000}" for n in range(50)]
        path = f"/api/recordings/{recording['id']}"
        scores = client.post(f"{path}/detections", json={"phrases": phrases})
        assert scores.status_code == 507
        client.delete(path)
        send(client, content)


def test_scores_are_read_where_they_are_wanted(tmp_path):
    store = Store(tmp_path, Limits())
    recording = store.add_recording("a.wav")
    recording.info = AudioInfo(recording.path, 8000, 1, 80000)
    about = {"model": "0", "hop_seconds": 0.001, "thresholds": {}}
    found = store.add_found(recording, ["a", "b"], **about)
    scores = np.random.default_rng(0).random((9000, 2), np.float32)
    found.path.write_bytes(scores.tobytes())
    found.frames = 9000
    np.testing.assert_array_equal(found.scores(5000, 5002), scores[5000:5002])
    np.testing.assert_array_equal(np.concatenate([*found.blocks()]), scores)
    assert found.scores(9000).shape == (0, 2)


@contextmanager
def no_room():
    """No file may grow, as on a full disk."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def test_a_full_disk_is_told_and_leaves_nothing_half(detector, tmp_path, wave):
    content = wav(wave[:RATE])
    app = create_app(detector, folder=tmp_path)
    with TestClient(app, HOME, raise_server_exceptions=False) as client:
        with no_room():
            sent = client.post("/api/recordings", content=content)
        assert sent.status_code == 507 and "no room is left" in sent.text
        assert str(tmp_path) not in sent.text
        assert list(tmp_path.iterdir()) == []
        recording = send(client, content)
        found = look(client, recording)[0]["id"]
        labels = f"/api/detections/{found}/labels?format=textgrid"
        with no_room():
            answer = client.get(labels)
        assert answer.status_code == 507 and "no room is left" in answer.text
        assert client.get(labels).status_code == 200
