"""What every request has to pass before anybody reads it.

Browsers send `Origin` with every request that changes something, and `Host`
with all: what another page makes them send is told by these (OWASP,
Cross-Site Request Forgery Prevention, "Verifying origin with standard
headers"). An address in numbers cannot be a name that was bound anew to this
machine (DNS rebinding); other names have to be known.

Authors
 * The speechbrain-opensed contributors 2026
"""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speechbrain_opensed.serve.limits import Limits

__all__ = ["POLICY", "Guard", "is_known_host"]

#: Where recordings are sent to; the one request that may be large.
UPLOAD_PATH = "/api/recordings"
# Names of ten thousand phrases, and what stands around an uploaded file.
_LARGEST_MESSAGE = 4 * 2**20
_AROUND_FILE = 2**16
#: What a page of ours may load and do.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-store",
}
_HARMLESS = ("GET", "HEAD", "OPTIONS")


def is_known_host(host: str, names: Iterable[str]) -> bool:
    """Whether a request is meant for this server.

    Arguments
    ---------
    host : str
        The header `Host`.
    names : iterable of str
        Names of this server, in small letters.

    Returns
    -------
    bool
        Whether it is one of the names, or an address in numbers.

    Example
    -------
    >>> [
    ...     is_known_host(host, {"localhost"})
    ...     for host in (
    ...         "localhost:8470",
    ...         "127.0.0.1",
    ...         "[::1]:8470",
    ...         "evil.example",
    ...         "",
    ...     )
    ... ]
    [True, True, True, False, False]
    """
    try:
        address = urlsplit(f"//{host}")
        if address.username is not None or address.path or address.query:
            return False
        name = address.hostname or ""
    except ValueError:
        return False
    if name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Refuses foreign, oversized and stalled requests; adds headers.

    Arguments
    ---------
    app : ASGI application
        What answers the others.
    limits : Limits
        Sizes and times.
    hosts : iterable of str
        Names of this server, besides localhost and addresses in numbers.

    Example
    -------
    >>> Guard(None, Limits(), ["studio.local"]).hosts == {
    ...     "localhost",
    ...     "studio.local",
    ... }
    True
    """

    def __init__(self, app: ASGIApp, limits: Limits, hosts: Iterable[str] = ()):
        self.app, self.limits = app, limits
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = _LARGEST_MESSAGE
        if scope["path"] == UPLOAD_PATH:
            most = self.limits.max_upload + _AROUND_FILE

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        refusal = self._foreign(scope, headers) or self._large(headers, most)
        if refusal is not None:
            status, detail = refusal
            # Nobody is going to read what else is on its way.
            response = JSONResponse(
                {"detail": detail}, status, {"connection": "close"}
            )
            await response(scope, receive, send_guarded)
            return
        await self.app(scope, self._limited(receive, most), send_guarded)

    def _foreign(self, scope, headers):
        host = headers.get("host", "")
        if not is_known_host(host, self.hosts):
            return 403, (
                f"this server is not known as {host!r}: start it with "
                "--allow-host NAME"
            )
        if scope["method"] in _HARMLESS:
            return None
        origin = headers.get("origin")
        if origin is not None and origin not in (
            f"http://{host}",
            f"https://{host}",
        ):
            return 403, f"pages of {origin!r} may change nothing here"
        if headers.get("sec-fetch-site", "same-origin") not in (
            "same-origin",
            "none",
        ):
            return 403, "other sites may change nothing here"
        return None

    def _large(self, headers, most):
        announced = headers.get("content-length", "0")
        if not announced.isdecimal():
            return 400, f"a length of {announced!r} is no number"
        if int(announced) > most:
            return 413, _too_large(most)
        return None

    def _limited(self, receive: Receive, most: int) -> Receive:
        got, over = 0, False

        async def limited() -> Message:
            nonlocal got, over
            if over:
                return await receive()
            try:
                message = await asyncio.wait_for(
                    receive(), self.limits.read_seconds
                )
            except asyncio.TimeoutError as error:
                raise HTTPException(
                    408,
                    f"nothing came for {self.limits.read_seconds:g} s: send "
                    "the request again",
                    {"connection": "close"},
                ) from error
            got += len(message.get("body", b""))
            over = not message.get("more_body", False)
            if got > most:
                raise HTTPException(
                    413, _too_large(most), {"connection": "close"}
                )
            return message

        return limited


def _too_large(most: int) -> str:
    return (
        f"more than {most / 2**20:.0f} MB: send less, or start the server "
        "with a larger --max-upload"
    )
