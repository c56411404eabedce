"""Foreign, oversized and stalled requests are refused, early and in words."""

import socket
import time

import pytest
from fastapi.testclient import TestClient

from speechbrain_opensed.serve import Limits, create_app
from tests.unit.speechbrain_opensed.serve.conftest import HOME, look, send, wav
from tests.web_server import serving


@pytest.fixture(scope="module")
def port(detector):
    limits = Limits(max_upload=2**20, read_seconds=0.4)
    with serving(create_app(detector, limits=limits)) as port:
        yield port


def talk(port, *parts, wait=0.0):
    """What the server answers to bytes, and how long it took."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        for part in parts:
            peer.sendall(part)
            time.sleep(wait)
        answer = b""
        while part := peer.recv(65536):
            answer += part
    return answer.decode(), time.monotonic() - begun


def head(port, length, path="/api/recordings", **headers):
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"Content-Length: {length}"] if length is not None else []
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def test_two_gigabytes_are_refused_before_they_come(port):
    answer, took = talk(port, head(port, 2 * 2**30))
    assert answer.startswith("HTTP/1.1 413") and "--max-upload" in answer
    assert took < 5


def test_what_grows_too_large_on_its_way(detector, tmp_path):
    limits = Limits(max_upload=2**18)
    app = create_app(detector, limits=limits, folder=tmp_path)
    with TestClient(app, HOME) as client:
        parts = (bytes(2**16) for _ in range(100))
        answer = client.post("/api/recordings", content=parts)
        assert answer.status_code == 413, answer.text
        long = client.post(
            "/api/recordings", files={"file": ("a.wav", bytes(2**19))}
        )
        assert long.status_code == 413
        assert list(tmp_path.iterdir()) == []
        assert client.get("/health").json()["bytes"] == 0
        many = {"phrases": ["x" * 5 * 2**20]}
        answer = client.post("/api/recordings/x/detections", json=many)
        assert answer.status_code == 413


def test_a_client_that_falls_silent_is_left(port):
    answer, took = talk(port, head(port, 1000), b"RIFF")
    assert answer.startswith("HTTP/1.1 408") and "send the request" in answer
    assert 0.3 < took < 10


def test_a_client_that_leaves_in_mid_upload(detector, tmp_path):
    app = create_app(detector, folder=tmp_path)
    with serving(app) as port:
        with socket.create_connection(("127.0.0.1", port), 20) as peer:
            peer.sendall(head(port, 2**20) + bytes(2**16))
            end = time.monotonic() + 20
            while not list(tmp_path.iterdir()):
                assert time.monotonic() < end
                time.sleep(0.01)
        while list(tmp_path.iterdir()):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert app.state.service.store.size == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"origin": HOME}, 404),
        ({"origin": "https://localhost"}, 404),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:1234"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example@localhost"}, 403),
        ({"host": "127.0.0.1:8470", "origin": "http://127.0.0.1:8470"}, 404),
        ({"host": ""}, 403),
        ({"host": "[x"}, 403),
    ],
)
def test_other_pages_change_nothing(client, headers, status):
    for call in (client.delete, client.post):
        path = "/api/recordings/x"
        if call == client.post:
            path += "/detections"
            answer = call(path, headers=headers, json={"phrases": ["a"]})
        else:
            answer = call(path, headers=headers)
        assert answer.status_code == status, answer.text


def test_other_names_read_nothing(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"host": "LOCALHOST:80"}).status_code == 200


def test_names_can_be_allowed(detector):
    app = create_app(detector, hosts=["Studio.local"])
    with TestClient(app, HOME) as client:
        host = {"host": "studio.local:8470"}
        assert client.get("/health", headers=host).status_code == 200


def test_headers_keep_the_page_to_itself(client):
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'content="{nonce}"' in page.text
    assert client.get("/").headers["content-security-policy"] != policy
    assert "<style" not in page.text and " style=" not in page.text
    assert "<script>" not in page.text and "http" not in page.text
    for path in ("/", "/health", "/static/app.js", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/api/recordings/..%2f..%2fetc%2fpasswd/audio",
        "/api/recordings/%2e%2e/audio",
    ],
)
def test_no_paths(client, path):
    assert client.get(path).status_code == 404


def test_what_was_sent_is_never_a_page(client):
    name = "a.html"
    recording = send(client, wav([0.0] * 800), name)
    audio = client.get(f"/api/recordings/{recording['id']}/audio")
    assert audio.headers["content-type"] == "application/octet-stream"
    assert look(client, recording)[-1]["type"] == "done"
