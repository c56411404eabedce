"""Who does not ask is left; who asks is heard to the end."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn
from uvicorn.protocols.http import auto
from uvicorn.protocols.http.h11_impl import H11Protocol

from speechbrain_opensed.serve.connections import impatient

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def slow_answer(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        for last in (False, True):
            await asyncio.sleep(0.6)
            body = {"body": b"rain", "more_body": not last}
            await send({"type": "http.response.body", **body})


@pytest.fixture(params=[auto.AutoHTTPProtocol, H11Protocol])
def port(request, monkeypatch):
    monkeypatch.setattr(auto, "AutoHTTPProtocol", request.param)
    config = uvicorn.Config(
        slow_answer, http=impatient(0.5), lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()


def ends(connection):
    """Whether the server closes it within some seconds."""
    connection.settimeout(5)
    try:
        while connection.recv(1000):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("said", [b"", ASK])
def test_half_a_request_is_not_waited_for(port, said):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.monotonic()
        connection.sendall(said)
        assert ends(connection)
        assert time.monotonic() - begun < 4


def test_an_answer_may_take_longer_and_the_next_request_may_not(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(5)
        connection.sendall(ASK + b"\r\n")
        answer = b""
        while answer.count(b"rain") < 2:
            assert (part := connection.recv(1000))
            answer += part
        connection.sendall(ASK)
        begun = time.monotonic()
        assert ends(connection)
        assert time.monotonic() - begun < 4
