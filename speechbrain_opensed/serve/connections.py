"""Connections on which no request comes are closed.

A server takes so many at once. Who opens them all and sends no more than the
beginning of a request would keep everybody else out ("slow loris").

Authors
 * The speechbrain-opensed contributors 2026
"""

from asyncio import TimerHandle, Transport
from typing import Any

__all__ = ["impatient"]


def impatient(seconds: float) -> type:
    """Uvicorn's protocol, with a time in which a request has to begin.

    Arguments
    ---------
    seconds : float
        From when a connection is opened, or a request has begun, until its
        headers are there.

    Returns
    -------
    type
        For `uvicorn.Config(http=...)`.

    Example
    -------
    >>> impatient(30.0).__name__
    'Impatient'
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    base: Any = AutoHTTPProtocol

    class Impatient(base):
        """Closes what says nothing."""

        _limit: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                self._stop()
            elif self._limit is None:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._limit = self.loop.call_later(seconds, self.transport.close)

        def _stop(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

    return Impatient
