"""What the routes share: detectors, store, worker.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import Full as QueueFull
from typing import Any, TypeVar

import anyio
from fastapi import HTTPException

from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.models import MODELS
from speechbrain_opensed.serve.jobs import Job, Worker
from speechbrain_opensed.serve.limits import Limits
from speechbrain_opensed.serve.store import Found, Recording, Store

__all__ = ["Service"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
# Pictures and clips that are made at once, beside the worker.
_HELPERS = 2
_KNOWN = 2000


class Service:
    """What the routes share.

    Arguments
    ---------
    detector : SoundEventDetector
        The first detector, `0`; others learn from it.
    name : str
        What it is called, without a path.
    folder : Path
        An empty folder for recordings and scores.
    limits : Limits
        How much is taken on.
    save_learned : Path, optional
        Where detectors that learned are written to.
    batch_size : int
        Windows that are encoded at once.

    Example
    -------
    >>> import tempfile
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> detector = SoundEventDetector(
    ...     {
    ...         "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
    ...         "text_encoder": HashTextEncoder(dim=8),
    ...     },
    ...     {"spec": SedSpec()},
    ... )
    >>> service = Service(detector, "tiny", Path(tempfile.mkdtemp()), Limits())
    >>> service.card()["sample_rate"]
    16000
    >>> service.close()
    """

    def __init__(
        self,
        detector: SoundEventDetector,
        name: str,
        folder: Path,
        limits: Limits,
        *,
        save_learned: Path | None = None,
        batch_size: int = 4,
    ):
        self.name, self.limits = name, limits
        self.detectors = {"0": detector}
        self.learned: dict[str, list[str]] = {"0": []}
        self.save_learned, self.batch_size = save_learned, batch_size
        self.store = Store(folder, limits)
        self.worker = Worker(limits.max_queue)
        self._helpers: anyio.CapacityLimiter | None = None

    def close(self) -> None:
        """Cancels what is under way, and ends the worker."""
        self.worker.cancel_all()
        self.worker.close(seconds=1.0)

    async def help(self, function: Callable[..., Result], *args: Any) -> Result:
        """Runs a short function in a thread, few at a time."""
        if self._helpers is None:
            self._helpers = anyio.CapacityLimiter(_HELPERS)
        return await anyio.to_thread.run_sync(
            partial(function, *args), limiter=self._helpers
        )

    def recording(self, token: str) -> Recording:
        """A recording, or 404."""
        try:
            recording = self.store.recording(token)
        except KeyError:
            recording = None
        if recording is None or recording.info is None:
            raise HTTPException(
                404, "no such recording: it was removed, or kept too long"
            )
        return recording

    def found(self, token: str) -> Found:
        """What was found, or 404."""
        try:
            return self.store.found(token)
        except KeyError:
            raise HTTPException(
                404, "no such detection: it was removed, or kept too long"
            ) from None

    def detector(self, token: str) -> SoundEventDetector:
        """A detector, or 404."""
        if token not in self.detectors:
            raise HTTPException(
                404, f"no detector {token!r}: there are {list(self.detectors)}"
            )
        return self.detectors[token]

    def submit(self, job: Job) -> None:
        """Puts a job into the queue, or 503."""
        try:
            self.worker.submit(job)
        except QueueFull:
            raise HTTPException(
                503,
                f"{self.worker.waiting} jobs wait already: try again later",
                {"retry-after": str(self.worker.retry_after)},
            ) from None

    def card(self) -> dict[str, Any]:
        """What the detector is, in plain data."""
        detector = self.detectors["0"]
        spec, text = detector.spec, detector.mods.text_encoder
        named = MODELS.get(self.name)
        modules = (detector.mods.model, text)
        known = [*spec.classes, *_phrases_of(text)]
        return {
            "name": self.name,
            "about": named.about if named else None,
            "licence": named.licence if named else None,
            "parameters": sum(
                weight.numel() for m in modules for weight in m.parameters()
            ),
            "model": type(detector.mods.model).__name__,
            "text_encoder": type(text).__name__,
            "sample_rate": spec.sample_rate,
            "hop_seconds": spec.hop_seconds,
            "window_seconds": spec.window_seconds,
            # Words that need no embedding of their own, to choose from.
            "known_phrases": sorted(set(known), key=str.lower)[:_KNOWN],
            "calibrated": detector.calibration is not None,
            "device": str(detector.device),
            "precision": detector.precision,
            "version": version("speechbrain-opensed"),
            "detectors": [
                {"id": token, "learned": learned}
                for token, learned in self.learned.items()
            ],
        }


def _phrases_of(text: Any) -> list[str]:
    """Words of which a text encoder has a table, if it has one."""
    known = [*getattr(text, "rows", ()), *getattr(text, "aliases", ())]
    inner = getattr(text, "encoder", None)
    return known if inner is None else known + _phrases_of(inner)
