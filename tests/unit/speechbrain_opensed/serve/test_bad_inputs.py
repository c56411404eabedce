"""What people send: silence, a single sample, other scripts, no sound."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.serve import Limits, create_app
from tests.tiny_detector import export_tiny
from tests.unit.speechbrain_opensed.serve.conftest import (
    HOME,
    PHRASES,
    RATE,
    look,
    send,
    wav,
)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A server that takes any words."""
    folder = export_tiny(tmp_path_factory.mktemp("model"))
    detector = SoundEventDetector.from_source(folder, {"device": "cpu"})
    limits = Limits(max_phrases=10_000, max_seconds=60)
    with TestClient(create_app(detector, limits=limits), HOME) as client:
        yield client


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"no sound at all, but a text", "not a sound file"),
        (wav(np.zeros(RATE))[:-1000], "truncated"),
        (wav(np.full(RATE, np.nan), subtype="FLOAT"), None),
        (wav(np.zeros(0)), "no samples"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "not a sound file"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "b", "c.mp4"])
def test_files_that_are_no_sound(client, content, words, name):
    sent = client.post(
        "/api/recordings", content=content, params={"name": name}
    )
    if words is None:  # found out when it is heard
        assert sent.status_code == 201, sent.text
        last = look(client, sent.json())[-1]
        assert last["type"] == "error" and "NaN" in last["detail"]
        said = last["detail"]
    else:
        assert sent.status_code == 415, sent.text
        said = sent.json()["detail"]
    # It names what the user named, and no file of ours.
    assert name in said and "opensed-serve" not in said


@pytest.mark.parametrize("rate", [8000, 384000])
@pytest.mark.parametrize("count", [1, 40000])
def test_rates_and_lengths(client, rate, count):
    recording = send(client, wav(np.full(count, 0.9), rate))
    lines = look(client, recording)
    assert lines[-1]["type"] == "done" and lines[-1]["frames"] >= 1
    base = f"/api/recordings/{recording['id']}"
    assert len(client.get(f"{base}/peaks").json()) == min(count, 2000)
    assert client.get(f"{base}/spectrogram.png").status_code == 200
    clip = client.get(f"{base}/clip.wav?onset=0&offset=1")
    assert clip.status_code == 200 and clip.content[:4] == b"RIFF"
    found = client.get(f"/api/detections/{lines[0]['id']}").json()
    if count > 1:
        assert found["events"]
        assert found["events"][0]["offset"] <= recording["seconds"]


def test_silence(client):
    recording = send(client, wav(np.zeros(12 * RATE)))
    lines = look(client, recording)
    assert lines[-1]["events"] == 0 and lines[-1]["frames"] == 300
    image = client.get(f"/api/recordings/{recording['id']}/spectrogram.png")
    assert image.status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"phrases": []}, "no phrase to look for"),
        ({}, "Field required"),
        ({"phrases": ["a", " a "]}, "given twice"),
        ({"phrases": ["a\nb"]}, "one line"),
        ({"phrases": [" "]}, "blank"),
        ({"phrases": ["a"], "threshold": 1}, "less than 1"),
        ({"phrases": ["a"], "threshold": {"b": 0.5}}, "not among the phrases"),
        ({"phrases": ["a"], "median_seconds": -1}, "greater than or equal"),
        ({"phrases": ["a"], "channel": "middle"}, "left"),
        ({"phrases": ["a"], "merge_gaps": 1}, "Extra inputs"),
        ({"phrases": [f"p{n}" for n in range(1001)]}, "1001 phrases, at most"),
    ],
)
def test_questions_that_make_no_sense(client, wave, body, words):
    recording = send(client, wav(wave[:RATE]))
    answer = client.post(
        f"/api/recordings/{recording['id']}/detections", json=body
    )
    assert answer.status_code == 422 and words in answer.text, answer.text
    nan = client.post(
        f"/api/recordings/{recording['id']}/detections",
        content='{"phrases": ["above 0"], "threshold": NaN}',
        headers={"content-type": "application/json"},
    )
    assert nan.status_code == 422


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"phrases": ["above 0"], "phrases": ["above 1"]}', "occurs twice"),
        ('{"phrases": ["a"], "threshold": {"a": 0.1, "a": 0.9}}', "'a' occurs"),
        ('{"phrases": ["a"], "merge_gap": 1e999}', "too large"),
        ('{"phrases": ["\\ud800"]}', "half of a character"),
        ('{"phrases": ' + "[" * 100_000, "nested too deeply"),
        ('{"phrases": ["a"]', "no whole JSON"),
        ("[1]", "valid dictionary"),
    ],
)
def test_messages_are_read_as_files_are(client, wave, text, words):
    recording = send(client, wav(wave[:RATE]))
    for ask, url in (
        (client.post, f"/api/recordings/{recording['id']}/detections"),
        (client.put, "/api/detections/none/corrections"),
    ):
        answer = ask(
            url, content=text, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422 and words in answer.text, answer.text


def test_a_phrase_that_the_model_does_not_know(client, wave):
    last = look(client, send(client, wav(wave[:RATE])), ["above all"])[-1]
    assert last["type"] == "error" and "'all'" in last["detail"]
    # The next one is heard.
    lines = look(client, send(client, wav(wave[:RATE])), PHRASES)
    assert lines[-1]["type"] == "done"


def test_other_scripts(words, wave):
    phrases = ["собака лает", "犬が吠える", "كلب ينبح", "🐕", "<b>&amp;"]
    lines = look(words, send(words, wav(wave[:RATE]), "雨.wav"), phrases,
                 threshold=0.01)  # fmt: skip
    assert lines[-1]["type"] == "done"
    assert {x["phrase"] for x in lines if x["type"] == "event"} == set(phrases)
    for kind in ("tsv", "vtt", "textgrid"):
        path = f"/api/detections/{lines[0]['id']}/labels?format={kind}"
        assert "собака лает" in words.get(path).text


@pytest.mark.slow
def test_ten_thousand_phrases(words, wave):
    phrases = [f"sound {number}" for number in range(10_000)]
    recording = send(words, wav(wave[:RATE]))
    lines = look(words, recording, phrases)
    assert lines[-1]["type"] == "done"
    scores = [x for x in lines if x["type"] == "scores"]
    assert sum(x["frames"] for x in scores) == lines[-1]["frames"] == 25
    assert len(scores) > 1  # no line is very long
    long = words.post("/api/recordings", content=wav(np.zeros(61 * 8000), 8000))
    assert long.status_code == 413 and "--max-minutes" in long.text
