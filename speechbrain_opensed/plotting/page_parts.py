"""Pictures and sounds inside a page that is one file.

Authors
 * The speechbrain-opensed contributors 2026
"""

import base64
import io
from typing import Any

import soundfile

__all__ = ["PAGE_STYLE", "inline_file", "inline_sound"]

#: How our pages look, in light and in dark.
PAGE_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: right; padding: .15rem .8rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; }
img { max-width: 100%; background: white; }
audio { display: block; width: 100%; margin-top: .4rem; }
.wide { overflow-x: auto; }
"""


def inline_file(mime: str, content: bytes) -> str:
    """A file as an address that needs no other file.

    Arguments
    ---------
    mime : str
        Its type.
    content : bytes
        What it holds.

    Returns
    -------
    str
        For `src` or `href`.

    Example
    -------
    >>> inline_file("text/plain", b"rain")
    'data:text/plain;base64,cmFpbg=='
    """
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def inline_sound(samples: Any, rate: int, kind: str = "MP3") -> str:
    """A sound as an address that needs no other file.

    Arguments
    ---------
    samples : np.ndarray
        `[time]`, within -1 and 1.
    rate : int
        Samples per second.
    kind : str
        `"FLAC"`, without loss; or `"MP3"`, a tenth of the size of a WAV,
        where the library can write it, else FLAC.

    Returns
    -------
    str
        For the `src` of an audio element.

    Example
    -------
    >>> import numpy
    >>> inline_sound(numpy.zeros(800), 8000, "FLAC")[:23]
    'data:audio/flac;base64,'
    """
    if kind not in soundfile.available_formats():
        kind = "FLAC"
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind)
    mime = "audio/mpeg" if kind == "MP3" else "audio/flac"
    return inline_file(mime, buffer.getvalue())
