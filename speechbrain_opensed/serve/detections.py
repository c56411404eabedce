"""Routes that detect, put right, export and teach.

Authors
 * The speechbrain-opensed contributors 2026
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response

from speechbrain_opensed.inference.events import check_phrases
from speechbrain_opensed.serve.jobs import Job
from speechbrain_opensed.serve.labels import (
    EXPORTS,
    events_at,
    export_labels,
    labels_of,
    peak_score,
)
from speechbrain_opensed.serve.messages import Corrections, Query, StrictRoute
from speechbrain_opensed.serve.service import Service
from speechbrain_opensed.serve.store import Found, Full
from speechbrain_opensed.serve.streaming import NewsStream
from speechbrain_opensed.serve.work import detect, teach

__all__ = ["detection_routes"]

# Of scores, in one line; bytes.
_LINE = 2**18
_NDJSON: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/x-ndjson": {}},
        "description": "Lines of JSON as there is news, each with a `type`.",
    },
    503: {"description": "Too many jobs wait; `Retry-After` says how long."},
}


def detection_routes(service: Service) -> APIRouter:
    """The routes below /api/detections, and the one that makes these.

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
    >>> detection_routes.__name__
    'detection_routes'
    """
    router = APIRouter(
        prefix="/api", tags=["detections"], route_class=StrictRoute
    )

    @router.post(
        "/recordings/{token}/detections",
        response_class=Response,
        responses=_NDJSON,
    )
    async def start(token: str, query: Query, request: Request) -> Response:
        """Look for phrases, and tell what is found as it is final.

        The lines: `begun` with the detection's id, `progress`, `scores` (of
        all phrases from frame `first` on: base64 of float32, little-endian,
        `[frames, phrases]`), `event`, and at last `done` or `error`. Whoever
        closes the connection cancels the detection.
        """
        recording = service.recording(token)
        detector = service.detector(query.model)
        phrases = check_phrases(query.phrases)
        most = service.limits.max_phrases
        if len(phrases) > most:
            raise HTTPException(
                422,
                f"{len(phrases)} phrases, at most {most} at once: ask for "
                "less, or start the server with more --max-phrases",
            )
        if not isinstance(query.threshold, Mapping):
            threshold = detector.thresholds(phrases, query.threshold)
        else:
            clean = check_phrases(list(query.threshold))
            threshold = detector.thresholds(
                phrases, dict(zip(clean, query.threshold.values(), strict=True))
            )
        if not isinstance(threshold, Mapping):
            threshold = dict.fromkeys(phrases, float(threshold))
        try:
            found = service.store.add_found(
                recording,
                phrases,
                model=query.model,
                hop_seconds=detector.spec.hop_seconds,
                thresholds={p: float(threshold[p]) for p in phrases},
                min_duration=query.min_duration,
                merge_gap=query.merge_gap,
            )
        except Full as error:
            raise HTTPException(507, str(error)) from error
        job = Job(
            lambda job: detect(service, found, query, job),
            service.limits.job_seconds,
        )
        job.watch()
        found.users += 1
        recording.users += 1
        try:
            service.submit(job)
        except HTTPException:
            service.store.remove(found)
            recording.users -= 1
            raise

        def leave() -> None:
            found.users -= 1
            recording.users -= 1
            if not found.whole:
                service.store.remove(found)

        return NewsStream(job, _Teller(service, found, job), leave)

    @router.get("/detections/{token}")
    async def about(token: str) -> dict[str, Any]:
        """What was found, at the thresholds and with the corrections."""
        found = service.found(token)
        return await service.help(_about, found)

    @router.delete("/detections/{token}", status_code=204)
    async def remove(token: str) -> None:
        """Forget what was found."""
        service.store.remove(service.found(token))

    @router.get(
        "/detections/{token}/scores.npy",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    async def scores(token: str) -> Response:
        """All scores, float32 `[frames, phrases]`, for numpy."""
        found = service.found(token)

        def pack() -> bytes:
            file = io.BytesIO()
            np.save(file, found.scores(), allow_pickle=False)
            return file.getvalue()

        return Response(
            await service.help(pack), media_type="application/octet-stream"
        )

    @router.put("/detections/{token}/corrections")
    async def correct(token: str, body: Corrections) -> dict[str, Any]:
        """Set thresholds and corrections; the labels that result."""
        found = service.found(token)

        def put_right() -> dict[str, Any]:
            _put_right(found, body)
            return _about(found)

        return await service.help(put_right)

    @router.get(
        "/detections/{token}/labels",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    async def labels(token: str, format: str = "tsv") -> Response:
        """A file of labels: tsv, json, textgrid, raven, vtt and so on."""
        found = service.found(token)

        def write() -> bytes:
            return export_labels(found, labels_of(found), format)

        content = await service.help(write)
        # A name in plain letters, since it becomes one of the reader's files.
        name = f"labels-{format}{EXPORTS[format]}"
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @router.post(
        "/detections/{token}/learn",
        response_class=Response,
        responses=_NDJSON,
    )
    async def learn(token: str) -> Response:
        """Teach a detector what was accepted, moved and added.

        The lines: `progress` while it waits and begins, and at last `done`
        with the id of a detector that knows, or `error`. What was
        rejected teaches nothing.
        """
        found = service.found(token)
        chosen = [one for one in found.corrections if one.kind != "rejected"]
        if not chosen:
            raise HTTPException(
                422,
                "nothing to learn from: accept, move or add at least one "
                "event of each sound that is to be learned",
            )
        if len(service.detectors) > service.limits.max_learned:
            raise HTTPException(
                409,
                f"{service.limits.max_learned} detectors have learned "
                "already, and no more are held: start the server again",
            )
        result: dict[str, Any] = {}
        job = Job(
            lambda job: result.update(teach(service, found, chosen, job)),
            service.limits.job_seconds,
        )
        job.watch()
        found.users += 1
        try:
            service.submit(job)
        except HTTPException:
            found.users -= 1
            raise

        def leave() -> None:
            found.users -= 1

        told: list[int] = []

        def news() -> list[dict[str, Any]]:
            if job.over and job.error is None:
                return [{"type": "done", **result}]
            ahead = service.worker.ahead(job)
            if told[-1:] == [ahead]:
                return []
            told.append(ahead)
            return [{"type": "progress", "ahead": ahead}]

        return NewsStream(job, news, leave)

    return router


class _Teller:
    """Tells what has become known of a detection since it last did."""

    def __init__(self, service: Service, found: Found, job: Job):
        self._service, self._found, self._job = service, found, job
        self._begun = False
        self._frames = self._events = 0
        self._told: tuple[int, float] | None = None

    def __call__(self) -> list[dict[str, Any]]:
        # Whether it is over is asked first: what comes later is told then.
        found, over = self._found, self._job.over
        frames, events = found.frames, len(found.events)
        lines: list[dict[str, Any]] = []
        if not self._begun:
            self._begun = True
            lines.append(
                {
                    "type": "begun",
                    "id": found.id,
                    "phrases": found.phrases,
                    "thresholds": found.thresholds,
                    "hop_seconds": found.hop_seconds,
                    "seconds": found.recording.ready.duration,
                }
            )
        ahead = self._service.worker.ahead(self._job)
        seconds = min(
            frames * found.hop_seconds, found.recording.ready.duration
        )
        if (ahead, seconds) != self._told:
            self._told = (ahead, seconds)
            lines.append(
                {"type": "progress", "ahead": ahead, "seconds": seconds}
            )
        most = max(1, _LINE // (4 * len(found.phrases)))
        while self._frames < frames:
            block = found.scores(self._frames, min(frames, self._frames + most))
            lines.append(
                {
                    "type": "scores",
                    "first": self._frames,
                    "frames": len(block),
                    "data": base64.b64encode(block.tobytes()).decode(),
                }
            )
            self._frames += len(block)
        for event in found.events[self._events : events]:
            lines.append({"type": "event", **asdict(event)})
        self._events = events
        if over and self._job.error is None:
            lines.append({"type": "done", "events": events, "frames": frames})
        return lines


def _put_right(found: Found, body: Corrections) -> None:
    if not found.whole:
        raise HTTPException(409, "the detection is not over yet")
    thresholds = dict(body.thresholds)
    if unknown := sorted(set(thresholds) - set(found.phrases)):
        raise ValueError(
            f"a threshold for {unknown[0]!r}, which was not looked for"
        )
    seconds = found.recording.ready.duration
    for one in body.corrections:
        if one.phrase not in found.phrases:
            raise ValueError(
                f"a correction of {one.phrase!r}, which was not looked for"
            )
        if one.offset > seconds + found.hop_seconds:
            raise ValueError(
                f"a correction ends at {one.offset:g} s, the recording after "
                f"{seconds:g} s"
            )
        one.offset = min(one.offset, seconds)
        if not one.onset < one.offset:
            raise ValueError(f"nothing is left of what begins at {one.onset} s")
        one.score = peak_score(found, one.phrase, one.onset, one.offset)
    found.thresholds.update(thresholds)
    if body.min_duration is not None:
        found.min_duration = body.min_duration
    if body.merge_gap is not None:
        found.merge_gap = body.merge_gap
    found.corrections = body.corrections


def _about(found: Found) -> dict[str, Any]:
    return {
        "id": found.id,
        "recording": found.recording.id,
        "model": found.model,
        "phrases": found.phrases,
        "hop_seconds": found.hop_seconds,
        "frames": found.frames,
        "whole": found.whole,
        "thresholds": found.thresholds,
        "min_duration": found.min_duration,
        "merge_gap": found.merge_gap,
        "events": [asdict(event) for event in events_at(found)],
        "corrections": [one.model_dump() for one in found.corrections],
        "labels": [asdict(label) for label in labels_of(found)],
    }
