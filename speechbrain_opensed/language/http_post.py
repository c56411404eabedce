"""One HTTP POST whose failures are sorted by whether they may pass.

What the status codes ask of a client: https://www.rfc-editor.org/rfc/rfc9110

Authors
 * The speechbrain-opensed contributors 2026
"""

import email.utils
import socket
import ssl
import time
from collections.abc import Iterator, Mapping

import requests
from urllib3.exceptions import HTTPError

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
    try:
        with requests.post(
            url,
            data=payload,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            # Else a .netrc would take the place of the key.
            auth=lambda request: request,
        ) as reply:
            status = reply.status_code
            limit = _LARGEST if reply.ok else 10_000
            body = reply.raw.read(limit + 1, decode_content=True)
    except (requests.RequestException, HTTPError, OSError) as error:
        causes = list(_causes(error))
        message = f"{type(causes[-1]).__name__}: {causes[-1]}"
        if any(map(_is_permanent, causes)):
            raise PostRefused(message) from error
        raise PassingFailure(message) from error
    if 200 <= status < 300:
        if len(body) > _LARGEST:
            raise PostRefused(f"the answer has more than {_LARGEST} bytes")
        return body
    said = body[:10_000].decode("utf-8", "replace").strip()
    message = f"HTTP {status}: {said or reply.reason}"
    if status in PASSING_STATUS:
        wait = _seconds(reply.headers.get("Retry-After"))
        raise PassingFailure(message, wait)
    if 300 <= status < 400:
        message += f" (redirected to {reply.headers.get('Location')})"
    raise PostRefused(message, status)


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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, down to the socket's."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_permanent(error: BaseException) -> bool:
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_NONAME
    return isinstance(
        error,
        (ssl.SSLCertVerificationError, requests.exceptions.InvalidURL),
    )
