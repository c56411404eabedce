"""One HTTP POST whose failures are sorted by whether they may pass.

On top of the standard library's `urllib`; what the status codes ask of a
client: https://www.rfc-editor.org/rfc/rfc9110
"""

import email.utils
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

__all__ = ["PassingFailure", "PostRefused", "post"]

# Bytes of an answer: far more than any, and little memory.
_LARGEST = 16_000_000
PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})


class PassingFailure(Exception):
    """The request failed in a way that may pass.

    Arguments
    ---------
    message : str
        What happened.
    wait : float
        Seconds that the server asks to wait.
    """

    def __init__(self, message: str, wait: float = 0.0):
        super().__init__(message)
        self.wait = wait


class PostRefused(Exception):
    """The request failed and would fail again.

    Arguments
    ---------
    message : str
        What happened.
    status : int
        HTTP status, or 0 if there was no answer.
    """

    def __init__(self, message: str, status: int = 0):
        super().__init__(message)
        self.status = status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would carry secret headers along to wherever it is sent."""

    def redirect_request(self, *args):
        return None


def post(
    url: str, payload: bytes, headers: Mapping[str, str], timeout: float
) -> bytes:
    """Posts bytes and returns the body of a successful answer.

    Arguments
    ---------
    url : str
        Address.
    payload : bytes
        Body of the request.
    headers : mapping
        Headers of the request; redirects are refused, so that these reach
        no other host.
    timeout : float
        Seconds without a sign of life after which the request is given up.

    Returns
    -------
    body : bytes

    Raises
    ------
    PassingFailure
        After a time-out, a hang-up, a rate limit or an error of the server.
    PostRefused
        After any other failure.

    Example
    -------
    >>> try:
    ...     post("http://host.invalid/", b"{}", {}, timeout=1.0)
    ... except (PostRefused, PassingFailure):
    ...     print("no such host")
    no such host
    """
    request = urllib.request.Request(url, payload, dict(headers))
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as reply:
            body = reply.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            raise PostRefused(f"the answer has more than {_LARGEST} bytes")
        return body
    except urllib.error.HTTPError as error:
        with error:
            message = f"HTTP {error.code}: {_body(error) or error.reason}"
        if error.code in PASSING_STATUS:
            wait = _seconds(error.headers.get("Retry-After"))
            raise PassingFailure(message, wait) from None
        if 300 <= error.code < 400:
            message += f" (redirected to {error.headers.get('Location')})"
        raise PostRefused(message, error.code) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        message = f"{type(reason).__name__}: {reason}"
        if _is_permanent(reason):
            raise PostRefused(message) from error
        raise PassingFailure(message) from error


def _body(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(10_000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        return ""


def _seconds(retry_after: str | None) -> float:
    """Seconds to wait; the header holds seconds or a date."""
    if not retry_after:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, date.timestamp() - time.time())


def _is_permanent(reason: Any) -> bool:
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_NONAME
    return isinstance(
        reason, (ssl.SSLCertVerificationError, http.client.InvalidURL)
    )
