"""Lines of JSON for as long as a job takes and somebody reads them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from speechbrain_opensed.serve.jobs import Job

__all__ = ["NewsStream"]

# Without news, whether anybody still reads is found out so often; seconds.
_PULSE = 5.0


class NewsStream(StreamingResponse):
    """Tells of a job in lines of JSON; whoever leaves cancels it.

    Arguments
    ---------
    job : Job
        One that is watched, and was submitted.
    news : callable
        Gives what is to be told since it was last asked; the last time, when
        the job is over, with its result.
    leave : callable
        Called once, when there is nobody to tell any more.

    Example
    -------
    >>> job = Job(lambda job: None, seconds=1)
    >>> NewsStream(job, list, lambda: None).media_type
    'application/x-ndjson'
    """

    def __init__(
        self,
        job: Job,
        news: Callable[[], list[dict[str, Any]]],
        leave: Callable[[], None],
    ):
        self._job, self._tell, self._leave = job, news, leave
        super().__init__(
            self._lines(),
            media_type="application/x-ndjson",
            # A proxy must not hold back what is news.
            headers={"x-accel-buffering": "no"},
        )

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answers, and cancels the job if the answer is not read."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._job.cancel()
            self._leave()

    async def _lines(self) -> AsyncIterator[bytes]:
        while True:
            over = self._job.over or self._job.cancelled
            for line in await anyio.to_thread.run_sync(self._tell):
                yield _line(line)
            if over:
                break
            if not await self._job.news(_PULSE):
                # A blank line is no news, and finds out who is gone.
                yield b"\n"
        error = self._job.error if self._job.over else "cancelled"
        if error is not None:
            yield _line({"type": "error", "detail": error})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"
