"""One worker, a queue with an end, and jobs that nobody waits for."""

import errno
import json
import os
import socket
import threading
import time

import pytest
from fastapi.testclient import TestClient

from speechbrain_opensed.serve import Limits, create_app
from speechbrain_opensed.serve.jobs import Job, Worker
from tests.unit.speechbrain_opensed.serve.conftest import (
    HOME,
    PHRASES,
    look,
    send,
    wav,
)
from tests.web_server import serving


def until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_queue_has_an_end(gate, gated, wave):
    app = create_app(gated, limits=Limits(max_queue=1))
    with TestClient(app, HOME) as client:
        recording = send(client, wav(wave))
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(look(client, recording))
            )
            for _ in range(2)
        ]
        threads[0].start()
        assert gate.asked.wait(20)
        threads[1].start()
        until(lambda: client.get("/health").json()["jobs"] == 2)
        refused = client.post(
            f"/api/recordings/{recording['id']}/detections",
            json={"phrases": PHRASES},
        )
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "try again later" in refused.text
        gate.open.set()
        for thread in threads:
            thread.join(30)
        assert [lines[-1]["type"] for lines in answers] == ["done", "done"]
        waited = [
            line["ahead"] for line in answers[1] if line["type"] == "progress"
        ]
        assert waited[0] == 1 and waited[-1] == 0
        until(lambda: client.get("/health").json()["jobs"] == 0)
        # The place of what was refused is free again.
        assert len(app.state.service.store._found) == 2


@pytest.mark.parametrize("waiting", [False, True])
def test_whoever_leaves_cancels(gate, gated, wave, tmp_path, waiting):
    app = create_app(gated, folder=tmp_path)
    worker, store = app.state.service.worker, app.state.service.store
    with serving(app) as port:

        def ask(path, body, kind):
            peer = socket.create_connection(("127.0.0.1", port), 20)
            peer.sendall(
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: {kind}\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            return peer

        with ask("/api/recordings", wav(wave), "audio/wav") as peer:
            sent = b""
            while part := peer.recv(65536):
                sent += part
        token = json.loads(sent.split(b"\r\n\r\n")[1])["id"]
        body = json.dumps({"phrases": PHRASES}).encode()
        path = f"/api/recordings/{token}/detections"
        first = ask(path, body, "application/json")
        assert gate.asked.wait(20)
        peers = [first]
        if waiting:
            peers.insert(0, ask(path, body, "application/json"))
            until(lambda: worker.waiting == 2)
        jobs = list(worker._jobs)
        peers[0].recv(100)
        peers[0].close()
        until(lambda: jobs[len(peers) - 1].cancelled)
        until(lambda: len(store._found) == len(peers) - 1)
        gate.open.set()
        until(lambda: worker.waiting == 0)
        assert jobs[len(peers) - 1].error == "cancelled"
        for peer in peers[1:]:
            text = b""
            while part := peer.recv(65536):
                text += part
            peer.close()
            assert b'"type": "done"' in text
        files = {p.suffix for p in tmp_path.iterdir()}
        assert files == ({".scores", ""} if waiting else {""})


def test_what_takes_too_long_is_stopped(detector, wave):
    with TestClient(
        create_app(detector, limits=Limits(job_seconds=1e-9)), HOME
    ) as client:
        last = look(client, send(client, wav(wave)))[-1]
        assert last["type"] == "error" and "--job-seconds" in last["detail"]
        assert len(client.app.state.service.store._found) == 0


def test_one_job_does_not_take_others_with_it(caplog):
    worker = Worker(4)
    jobs = [Job(lambda job: 1 / 0, 1), Job(lambda job: None, 1)]
    for job in jobs:
        worker.submit(job)
    worker.close()
    assert "ZeroDivisionError" in jobs[0].error and jobs[1].error is None
    assert all(job.over for job in jobs) and "a job failed" in caplog.text


@pytest.mark.parametrize(
    "number, told",
    [
        (errno.ENOSPC, "no room is left on the server's disk"),
        (errno.EACCES, "Permission denied: the server's log says more"),
    ],
)
def test_no_file_of_the_server_is_named(number, told, caplog):
    def fail(job):
        raise OSError(number, os.strerror(number), "/secret/place/model")

    job = Job(fail, 1)
    job.run()
    assert job.error.startswith(told) and "secret" not in job.error
    assert ("secret" in caplog.text) == (number == errno.EACCES)
