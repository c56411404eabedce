"""A local server that answers like a language model, or misbehaves."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

__all__ = ["completion", "hang", "hang_up", "llm_server", "stop_halfway"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        request = json.loads(body)
        with server.lock:
            server.requests.append(request)
            server.paths.append(self.path)
            server.keys.append(self.headers.get("Authorization"))
            fault = server.faults.pop(0) if server.faults else None
        if fault is None:
            fault = server.answer(request)
        if callable(fault):
            return fault(self)
        if isinstance(fault, str):
            return self.reply(200, completion(fault))
        status, headers, payload = fault
        return self.reply(status, payload, headers)

    def reply(self, status, payload, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def completion(text):
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def stop_halfway(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hang(handler):
    handler.server.released.wait(10)
    handler.close_connection = True


@pytest.fixture
def llm_server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.lock = threading.Lock()
    server.released = threading.Event()
    server.requests, server.paths, server.keys = [], [], []
    server.faults = []
    server.answer = lambda request: "{}"
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
