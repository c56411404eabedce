"""Routes that take recordings and give pieces of them.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from lhotse_recipes.sound import inspect_audio
from speechbrain_opensed.serve import pictures
from speechbrain_opensed.serve.service import Service
from speechbrain_opensed.serve.store import Full, Recording

__all__ = ["recording_routes"]

# What a browser is told of a file; what it cannot play it gets as clips.
_KINDS = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
}
_LONGEST_CLIP = 60.0
_BYTES = 2**18
Columns = Annotated[int, Query(ge=1, le=8000)]


def about_recording(recording: Recording) -> dict[str, Any]:
    """What a client is told of a recording.

    Arguments
    ---------
    recording : Recording
        One that was inspected.

    Returns
    -------
    dict
        Plain data.

    Example
    -------
    >>> from pathlib import Path
    >>> from lhotse_recipes.sound import AudioInfo
    >>> info = AudioInfo(Path("a.wav"), 8000, 1, 4000)
    >>> about_recording(Recording("a1", "b.wav", info.path, 8, info))["seconds"]
    0.5
    """
    info = recording.ready
    return {
        "id": recording.id,
        "name": recording.name,
        "seconds": info.duration,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
    }


def recording_routes(service: Service) -> APIRouter:
    """The routes below /api/recordings, but for detection.

    Arguments
    ---------
    service : Service
        What they work with.

    Returns
    -------
    fastapi.APIRouter
        For an application.

    Example
    -------
    >>> recording_routes.__name__
    'recording_routes'
    """
    router = APIRouter(prefix="/api/recordings", tags=["recordings"])

    @router.post(
        "",
        status_code=201,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string", "format": "binary"}
                    },
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "file": {"type": "string", "format": "binary"}
                            },
                            "required": ["file"],
                        }
                    },
                },
            }
        },
    )
    async def upload(
        request: Request, name: Annotated[str, Query(max_length=1000)] = ""
    ) -> dict[str, Any]:
        """Send a sound or video file, as the body or as a form's file."""
        service.store.sweep()
        kind = request.headers.get("content-type", "")
        parts: AsyncIterator[bytes] = request.stream()
        if kind.startswith("multipart/form-data"):
            file = await _form_file(request)
            name, parts = name or file.filename or "", _read(file)
        recording = service.store.add_recording(name)
        try:
            with open(recording.path, "wb") as out:
                async for part in parts:
                    service.store.grow(recording, len(part))
                    out.write(part)
            recording.info = await service.help(_inspect, recording)
            _check_length(service, recording)
        except BaseException as error:
            service.store.remove(recording)
            if isinstance(error, Full):
                raise HTTPException(507, str(error)) from error
            raise
        recording.users = 0
        return about_recording(recording)

    @router.get("/{token}")
    async def about(token: str) -> dict[str, Any]:
        """What is known of a recording."""
        return about_recording(service.recording(token))

    @router.delete("/{token}", status_code=204)
    async def remove(token: str) -> None:
        """Forget a recording and all that was found in it."""
        service.store.remove(service.recording(token))

    @router.get("/{token}/audio", response_class=FileResponse)
    async def audio(token: str) -> FileResponse:
        """The file as it was sent; ranges of bytes may be asked for."""
        path = service.recording(token).path
        kind = _KINDS.get(path.suffix, "application/octet-stream")
        return FileResponse(path, media_type=kind)

    @router.get("/{token}/peaks")
    async def peaks(token: str, columns: Columns = 2000) -> list[float]:
        """How far the wave reaches, span by span."""
        info = service.recording(token).ready
        return await service.help(pictures.wave_peaks, info, columns)

    @router.get(
        "/{token}/spectrogram.png",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    async def spectrogram(token: str, columns: Columns = 2000) -> Response:
        """A log-mel picture without axes, 0 to 8 kHz."""
        info = service.recording(token).ready
        image = await service.help(pictures.spectrogram_png, info, columns)
        return Response(image, media_type="image/png")

    @router.get(
        "/{token}/clip.wav",
        response_class=Response,
        responses={200: {"content": {"audio/wav": {}}}},
    )
    async def clip(
        token: str,
        onset: Annotated[float, Query(ge=0, allow_inf_nan=False)],
        offset: Annotated[float, Query(ge=0, allow_inf_nan=False)],
    ) -> Response:
        """A part of at most 60 seconds, to be heard."""
        info = service.recording(token).ready
        end = min(offset, onset + _LONGEST_CLIP)

        def cut() -> bytes:
            samples, rate = pictures.clip_samples(info, onset, end)
            return pictures.wav_bytes(samples, rate)

        return Response(await service.help(cut), media_type="audio/wav")

    return router


async def _form_file(request: Request) -> UploadFile:
    """The file of a form, read as it comes."""
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=1, max_fields=1
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise HTTPException(400, f"no readable form: {error}") from error
    for value in form.values():
        if isinstance(value, UploadFile):
            return value
    raise HTTPException(400, "no file in the form: call it `file`")


async def _read(file: UploadFile) -> AsyncIterator[bytes]:
    try:
        while part := await file.read(_BYTES):
            yield part
    finally:
        await file.close()


def _inspect(recording: Recording):
    try:
        return inspect_audio(recording.path)
    except ValueError as error:
        # Nobody knows the name of a file that we made.
        said = str(error).replace(str(recording.path), recording.name)
        raise HTTPException(415, said) from error


def _check_length(service: Service, recording: Recording) -> None:
    seconds, most = recording.ready.duration, service.limits.max_seconds
    if seconds > most:
        raise HTTPException(
            413,
            f"{recording.name} lasts {seconds / 60:.0f} minutes, at most "
            f"{most / 60:.0f} are taken: send a part of it, or start the "
            "server with more --max-minutes",
        )
