"""`opensed serve`: a page in the browser, and an HTTP API.

Authors
 * The speechbrain-opensed contributors 2026
"""

import errno
import os
import shutil
import signal
import socket
import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from lhotse_recipes.holding import scratch_folder
from speechbrain_opensed.commands.interrupts import prompt_interrupts
from speechbrain_opensed.commands.options import (
    amount_option,
    batch_option,
    count_option,
    load_detector,
    model_options,
)

__all__ = ["serve"]

_MB = 2**20
_ENDED = 128 + signal.SIGTERM
# Connections that may wait to be taken.
_BACKLOG = 128


@click.command(short_help="A page in the browser, and an HTTP API.")
@model_options()
@click.option(
    "--host",
    default="127.0.0.1",
    help="Address to listen at; 0.0.0.0 lets the network in, without a "
    "password.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8470,
    help="0: any that is free.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers may ask for this server, besides localhost "
    "and addresses in numbers; may be repeated.",
)
@count_option(
    "--max-upload", default=512, metavar="MB", help="Size of one recording."
)
@count_option(
    "--max-storage",
    default=4096,
    metavar="MB",
    help="Size of all recordings and scores that are held at once.",
)
@amount_option("--max-minutes", default=240, help="Length of one recording.")
@count_option("--max-phrases", default=1000, help="Looked for at once.")
@count_option(
    "--max-queue",
    default=8,
    help="Jobs that wait; more are told to come back later.",
)
@amount_option(
    "--read-seconds",
    default=30,
    help="A client that falls silent in mid-request is left after so long.",
)
@amount_option(
    "--job-seconds",
    default=1800,
    help="A detection that takes longer is stopped.",
)
@amount_option(
    "--keep-minutes",
    default=60,
    help="What nobody asked for in so long is removed.",
)
@click.option(
    "--save-learned",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the newest detector that has learned from corrections; "
    "--model takes it later. Default: it is gone with the server.",
)
@batch_option
@click.option(
    "--open/--no-open",
    "open_page",
    default=False,
    help="Open the page in the browser of this machine.",
)
def serve(
    model: str,
    device: str | None,
    precision: str,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    save_learned: Path | None,
    batch_size: int,
    open_page: bool,
    **limits: Any,
) -> None:
    """Serve a page on which sounds are found, heard and put right.

    What is sent is kept for a while and removed at the end, at the latest
    with Ctrl-C. /openapi.json describes the HTTP API.

    \b
    opensed serve --model DIR --open
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise ImportError(
            f"{error.name} is missing: pip install 'speechbrain-opensed[serve]'"
        ) from error
    from speechbrain_opensed.serve import create_app
    from speechbrain_opensed.serve.connections import impatient

    # Before the model is loaded, which takes a while.
    listening = _listen(host, port)
    opened = ExitStack()
    folder = opened.enter_context(scratch_folder("serve"))

    def clean() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def end(*_) -> None:
        raise SystemExit(_ENDED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with listening, prompt_interrupts(clean):
            detector = load_detector(model, device, precision)
            app = create_app(
                detector,
                _name(model),
                limits=_limits(**limits),
                hosts=[*hosts, *_own_names(host)],
                folder=folder,
                save_learned=save_learned,
                batch_size=batch_size,
            )
            address = _address(listening)
            click.echo(f"{address} (Ctrl-C ends it)")
            if not _is_local(host):
                click.echo(
                    f"Whoever reaches {host} can send recordings and listen "
                    "to them: there is no password",
                    err=True,
                )
            if open_page:
                webbrowser.open(address)
            sys.stdout.flush()
            worker = app.state.service.worker

            class Server(uvicorn.Server):
                """Ends the streams of jobs, which do not end by themselves."""

                def handle_exit(self, sig, frame):
                    worker.cancel_all()
                    super().handle_exit(sig, frame)

            server = Server(
                uvicorn.Config(
                    app,
                    http=impatient(limits["read_seconds"]),
                    log_level="warning",
                    access_log=False,
                    limit_concurrency=100,
                    timeout_graceful_shutdown=1,
                    server_header=False,
                )
            )
            server.run(sockets=[listening])
    except SystemExit as ended:
        if ended.code == _ENDED:
            # Python's own end takes seconds where large libraries are loaded.
            clean()
            os._exit(_ENDED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        opened.close()


def _listen(host, port):
    """A socket that nobody else can have; or an error in words."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except socket.gaierror as error:
        raise ValueError(
            f"--host {host}: there is no such address ({error.strerror})"
        ) from error
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(place)
        # Bound alone, another server could be bound to it, too.
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"port {port} of {host} is taken, perhaps by another `opensed "
                "serve`: end that, or choose another --port; 0 takes a free one"
            ) from error
        raise ValueError(
            f"cannot listen at {host}, port {port}: {error.strerror}"
        ) from error
    return listening


def _limits(**options):
    from speechbrain_opensed.serve import Limits

    return Limits(
        max_upload=options["max_upload"] * _MB,
        max_storage=options["max_storage"] * _MB,
        max_seconds=options["max_minutes"] * 60,
        max_phrases=options["max_phrases"],
        max_queue=options["max_queue"],
        read_seconds=options["read_seconds"],
        job_seconds=options["job_seconds"],
        keep_seconds=options["keep_minutes"] * 60,
    )


def _name(model):
    """What a client may know: no path of this machine."""
    path = Path(model).expanduser()
    return path.resolve().name if path.exists() else model


def _is_local(host):
    return host in ("localhost", "::1") or host.startswith("127.")


def _own_names(host):
    if _is_local(host):
        return []
    return [host, socket.gethostname(), socket.getfqdn()]


def _address(listening):
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
