"""A real server in a thread, at a port that is free."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

__all__ = ["serving"]


@contextmanager
def serving(app) -> Iterator[int]:
    """The port at which an application answers for the time of the context."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, daemon=True
    )
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        app.state.service.worker.cancel_all()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
