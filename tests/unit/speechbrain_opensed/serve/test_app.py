"""From a recording to labels over HTTP."""

import base64
import inspect
import io
import json

import numpy as np
import pandas
import pytest
import soundfile
from fastapi.testclient import TestClient

from speechbrain_opensed.inference import Detection, SoundEventDetector
from speechbrain_opensed.serve import create_app
from speechbrain_opensed.serve.labels import EXPORTS
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
def recording(client, wave):
    return send(client, wav(wave, subtype="FLOAT"), "yard.wav")


@pytest.fixture(scope="module")
def lines(client, recording):
    return look(client, recording)


@pytest.fixture
def found(client, recording):
    begun = next(x for x in look(client, recording) if x["type"] == "begun")
    return f"/api/detections/{begun['id']}"


@pytest.fixture(scope="module")
def whole(detector, wave):
    return detector.detect((wave, RATE), PHRASES)


def spans(events):
    return [(e["phrase"], e["onset"], e["offset"]) for e in events]


def test_the_stream_tells_what_detection_gives(lines, whole, recording):
    assert recording["seconds"] == 25 and recording["name"] == "yard.wav"
    kinds = [line["type"] for line in lines]
    assert kinds[-1] == "done" and kinds.count("begun") == 1
    told = [line for line in lines if line["type"] == "event"]
    assert len(told) == 3 == lines[-1]["events"]
    assert sorted(spans(told)) == sorted(
        (e.phrase, e.onset, e.offset) for e in whole.events
    )
    assert [e["offset"] for e in told] == sorted(e["offset"] for e in told)
    blocks = [
        np.frombuffer(base64.b64decode(x["data"]), "<f4").reshape(
            x["frames"], len(PHRASES)
        )
        for x in lines
        if x["type"] == "scores"
    ]
    firsts = [x["first"] for x in lines if x["type"] == "scores"]
    assert firsts == list(np.cumsum([0, *map(len, blocks)])[:-1])
    np.testing.assert_array_equal(np.concatenate(blocks), whole.scores)


def test_scores_for_numpy_and_pieces_of_the_sound(
    client, recording, found, whole, wave
):
    scores = np.load(io.BytesIO(client.get(f"{found}/scores.npy").content))
    np.testing.assert_array_equal(scores, whole.scores)
    base = f"/api/recordings/{recording['id']}"
    peaks = client.get(f"{base}/peaks?columns=25").json()
    assert np.argsort(np.abs(peaks))[-2:].tolist() == [4, 12]
    image = client.get(f"{base}/spectrogram.png?columns=100")
    assert image.headers["content-type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")
    clip = client.get(f"{base}/clip.wav?onset=12&offset=12.5")
    samples, rate = soundfile.read(io.BytesIO(clip.content))
    assert rate == RATE
    np.testing.assert_allclose(samples, wave[12 * RATE : 25 * RATE // 2],
                               atol=1e-4)  # fmt: skip
    part = client.get(f"{base}/audio", headers={"range": "bytes=0-3"})
    assert part.status_code == 206 and part.content == b"RIFF"
    assert client.get(f"{base}/clip.wav?onset=30&offset=31").status_code == 422
    assert client.get(f"{base}/clip.wav?onset=nan&offset=1").status_code == 422


def test_thresholds_are_tried_on_stored_scores(client, found, whole):
    high = client.put(
        f"{found}/corrections", json={"thresholds": {PHRASES[0]: 1 - 1e-6}}
    ).json()
    loudest = [e for e in whole.events if e.onset == 12]
    assert len(whole.events) == 3
    assert (
        spans(high["labels"])
        == spans(high["events"])
        == [(e.phrase, e.onset, e.offset) for e in loudest]
    )
    low = client.put(
        f"{found}/corrections",
        json={"thresholds": {PHRASES[0]: 1e-9}, "min_duration": 20},
    ).json()
    assert spans(low["labels"]) == [(PHRASES[0], 0, 25)]
    assert client.get(found).json() == low


def test_corrections_decide(client, found):
    def put(*corrections):
        answer = client.put(
            f"{found}/corrections", json={"corrections": corrections}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["labels"]

    def say(kind, onset, offset, **more):
        span = {"onset": onset, "offset": offset}
        return {"kind": kind, "phrase": PHRASES[0], **span, **more}

    assert [label["kind"] for label in put()] == ["found"] * 3
    labels = put(
        say("rejected", 4, 5),
        say("moved", 12.1, 13.5, was=[12, 13]),
        say("added", 20, 21),
    )
    own = [label for label in labels if label["phrase"] == PHRASES[0]]
    assert [(x["kind"], x["onset"]) for x in own] == [
        ("moved", 12.1),
        ("added", 20),
    ]
    assert own[0]["score"] > 0.99 and own[1]["score"] < 0.01
    assert len(labels) == 3
    assert [x["kind"] for x in put(say("accepted", 4, 5))].count("found") == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"thresholds": {"rain": 0.5}}, "not looked for"),
        ({"thresholds": {PHRASES[0]: 1.5}}, "less than 1"),
        ({"corrections": [{"kind": "liked"}]}, "accepted"),
        ({"words": 1}, "Extra inputs"),
        ({"min_duration": -1}, "greater than or equal to 0"),
    ],
)
def test_corrections_that_make_no_sense(client, found, body, words):
    answer = client.put(f"{found}/corrections", json=body)
    assert answer.status_code == 422 and words in answer.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offset": 3}, "begins at 4 s and ends at 3 s"),
        ({"offset": 99}, "the recording after 25 s"),
        ({"phrase": "rain"}, "not looked for"),
        ({"kind": "moved"}, "`was`"),
        ({"onset": -1}, "greater than or equal to 0"),
    ],
)
def test_a_correction_that_makes_no_sense(client, found, change, words):
    one = {"kind": "accepted", "phrase": PHRASES[0], "onset": 4, "offset": 5}
    answer = client.put(
        f"{found}/corrections", json={"corrections": [{**one, **change}]}
    )
    assert answer.status_code == 422 and words in answer.text, answer.text


def test_labels_in_every_format(client, found, whole):
    writers = {
        name.removeprefix("to_")
        for name, member in inspect.getmembers(Detection)
        if name.startswith("to_")
        and "path" in inspect.signature(member).parameters
    }
    pytest.importorskip("pyarrow", reason="for parquet")
    assert writers <= set(EXPORTS)
    for kind in EXPORTS:
        answer = client.get(f"{found}/labels?format={kind}")
        assert answer.status_code == 200, answer.text
        disposition = answer.headers["content-disposition"]
        assert disposition.endswith(f'{EXPORTS[kind]}"')
        if kind == "parquet":
            table = pandas.read_parquet(io.BytesIO(answer.content))
            assert table["phrase"].to_list() == [e.phrase for e in whole.events]
        else:
            assert PHRASES[1] in answer.text, kind
    rows = client.get(f"{found}/labels?format=tsv").text.splitlines()
    assert len(rows) == 1 + len(whole.events)
    assert rows[1].split("\t")[0] == "yard.wav"
    assert client.get(f"{found}/labels?format=doc").status_code == 422


def test_a_form_is_taken_as_well(client, wave, tmp_path):
    file = {"file": ("../../etc/pass wd.wav", wav(wave[:800]), "text/html")}
    sent = client.post("/api/recordings", files=file)
    assert sent.status_code == 201, sent.text
    assert sent.json()["name"] == "pass wd.wav"
    folder = client.app.state.service.store.folder
    kept = client.app.state.service.store.recording(sent.json()["id"]).path
    assert kept.parent == folder and "pass" not in kept.name
    audio = client.get(f"/api/recordings/{sent.json()['id']}/audio")
    assert audio.headers["content-type"] == "audio/wav"
    nothing = client.post("/api/recordings", data={"file": "text"})
    assert nothing.status_code in (400, 415)


def test_what_is_removed_is_gone(client, wave):
    recording = send(client, wav(wave[:RATE]))
    begun = next(x for x in look(client, recording) if x["type"] == "begun")
    store = client.app.state.service.store
    paths = [
        store.recording(recording["id"]).path, store.found(begun["id"]).path
    ]  # fmt: skip
    assert all(path.exists() for path in paths)
    base = f"/api/recordings/{recording['id']}"
    assert client.delete(base).status_code == 204
    assert not any(path.exists() for path in paths)
    for path in (base, f"{base}/audio", f"/api/detections/{begun['id']}"):
        answer = client.get(path)
        assert answer.status_code == 404 and "removed" in answer.text


def test_what_the_server_says_of_itself(client):
    card = client.get("/api/model").json()
    assert card["name"] == "loudness" and card["sample_rate"] == 16000
    assert card["limits"]["max_upload"] > 0 and "textgrid" in card["formats"]
    assert client.get("/health").json()["status"] == "ok"
    schema = client.get("/openapi.json").json()
    upload = schema["paths"]["/api/recordings"]["post"]
    assert set(upload["requestBody"]["content"]) == {
        "application/octet-stream", "multipart/form-data",
    }  # fmt: skip
    for path, routes in schema["paths"].items():
        for route in routes.values():
            assert route["description"], path
    # Pages of FastAPI's own would be fetched from elsewhere.
    assert client.get("/docs").status_code == 404


@pytest.mark.slow
def test_it_learns_from_what_was_put_right(tmp_path, wave):
    folder = export_tiny(tmp_path)
    detector = SoundEventDetector.from_source(folder, {"device": "cpu"})
    saved = tmp_path / "saved"
    app = create_app(detector, "tiny", save_learned=saved)
    with TestClient(app, HOME) as client:
        recording = send(client, wav(wave))
        lines = look(client, recording, ["my bell", "rain"], threshold=0.01)
        found = f"/api/detections/{lines[0]['id']}"
        early = client.post(f"{found}/learn")
        assert early.status_code == 422 and "nothing to learn" in early.text
        corrections = [
            {"kind": kind, "phrase": "my bell", "onset": o, "offset": o + 1}
            for kind, o in (("added", 4), ("accepted", 12), ("rejected", 20))
        ]
        client.put(f"{found}/corrections", json={"corrections": corrections})
        answer = client.post(f"{found}/learn")
        done = json.loads(answer.text.splitlines()[-1])
        assert done == {
            "type": "done",
            "model": "1",
            "learned": {"my bell": 2},
            "given": {"my bell": 2},
            "saved": True,
        }
        card = client.get("/api/model").json()
        assert card["detectors"][1] == {"id": "1", "learned": ["my bell"]}
        again = look(client, recording, ["my bell"], model="1")
        assert again[-1]["type"] == "done"
        expected = SoundEventDetector.from_source(
            str(saved), {"device": "cpu"}
        ).detect((wave, RATE), ["my bell"])
        scores = b"".join(
            base64.b64decode(x["data"]) for x in again if x["type"] == "scores"
        )
        # The recording was sent with 16 bits.
        np.testing.assert_allclose(
            np.frombuffer(scores, "<f4"), expected.scores[:, 0], atol=1e-2
        )
        missing = client.post(
            f"/api/recordings/{recording['id']}/detections",
            json={"phrases": ["rain"], "model": "7"},
        )
        assert missing.status_code == 404
