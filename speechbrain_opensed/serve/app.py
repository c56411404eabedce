"""The application: pages, routes, and what holds for all of them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from lhotse_recipes.holding import scratch_folder
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.serve.detections import detection_routes
from speechbrain_opensed.serve.guard import POLICY, Guard
from speechbrain_opensed.serve.jobs import is_full, tell_trouble
from speechbrain_opensed.serve.labels import EXPORTS
from speechbrain_opensed.serve.limits import Limits
from speechbrain_opensed.serve.recordings import recording_routes
from speechbrain_opensed.serve.service import Service

__all__ = ["create_app"]

_STATIC = Path(__file__).with_name("static")
# How often what is kept too long is looked for; seconds.
_SWEEP = 60.0


def create_app(
    detector: SoundEventDetector,
    name: str = "detector",
    *,
    limits: Limits | None = None,
    hosts: Iterable[str] = (),
    folder: str | Path | None = None,
    save_learned: str | Path | None = None,
    batch_size: int = 4,
) -> FastAPI:
    """The page in the browser and the HTTP API behind it.

    Arguments
    ---------
    detector : SoundEventDetector
        What listens.
    name : str
        What the page calls it.
    limits : Limits, optional
        How much is taken on.
    hosts : iterable of str
        Names by which the server may be asked, besides localhost and
        addresses in numbers.
    folder : str or Path, optional
        An empty one for recordings and scores; default: a temporary one that
        goes with the application.
    save_learned : str or Path, optional
        Where a detector that has learned is written to.
    batch_size : int
        Windows that are encoded at once.

    Returns
    -------
    fastapi.FastAPI
        An ASGI application; /openapi.json describes it.

    Example
    -------
    >>> create_app.__name__
    'create_app'
    """
    limits = limits or Limits()
    own = ExitStack()
    if folder is None:
        folder = own.enter_context(scratch_folder("serve"))
    service = Service(
        detector,
        name,
        Path(folder),
        limits,
        save_learned=None if save_learned is None else Path(save_learned),
        batch_size=batch_size,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep(service))
        try:
            yield
        finally:
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper
            service.close()
            own.close()

    app = FastAPI(
        title="speechbrain-opensed",
        summary="Find sounds in recordings by their description.",
        version=version("speechbrain-opensed"),
        # Their pages are fetched from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(Guard, limits=limits, hosts=list(hosts))

    @app.exception_handler(ValueError)
    async def refuse(request: Request, error: ValueError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(OSError)
    async def fail(request: Request, error: OSError) -> JSONResponse:
        status = 507 if is_full(error) else 500
        return JSONResponse({"detail": tell_trouble(error)}, status)

    @app.get("/health", tags=["server"])
    async def health() -> dict[str, Any]:
        """Whether the server is up, and how busy it is."""
        return {
            "status": "ok",
            "jobs": service.worker.waiting,
            "bytes": service.store.size,
        }

    @app.get("/api/model", tags=["server"])
    async def model() -> dict[str, Any]:
        """What listens here, and how much is taken on."""
        return {
            **service.card(),
            "limits": asdict(limits),
            "formats": list(EXPORTS),
        }

    app.include_router(recording_routes(service))
    app.include_router(detection_routes(service))

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        # One library writes a style sheet of its own into its element.
        nonce = secrets.token_urlsafe(16)
        text = (_STATIC / "index.html").read_text(encoding="utf-8")
        style = f"style-src 'self' 'nonce-{nonce}'"
        return HTMLResponse(
            text.replace("{{nonce}}", nonce),
            headers={
                "content-security-policy": POLICY.replace(
                    "style-src 'self'", style
                )
            },
        )

    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(_SWEEP)
        service.store.sweep()
