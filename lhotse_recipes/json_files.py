"""The one reader of JSON and JSON lines, which trusts nobody who wrote them.

Python's own reader takes the last of two values of one key, numbers that are
none, and half of a character; here each is an error that names file, line and
what is wrong.
"""

import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lhotse_recipes.io import read_text

__all__ = ["parse_json", "read_json", "read_json_lines"]

# A number that may be too large, and half of a character.
_HUGE = re.compile(r"[eE]\+?\d{3}")
# Of 300 digits in a row, two of every 150th character.
_DIGITS, _EACH = re.compile(r"\d\d"), 150
_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
_IDENT = re.compile(r'"(?:id|audio_id)"\s*:\s*"([^"\\]{1,200})"')
_LONGEST_LINE = 2**25
_KINDS: dict[type, str] = {dict: "object", list: "list"}


class _Refused(ValueError):
    """What is no JSON, or should be none."""


def parse_json(
    text: str | bytes,
    where: str | Path,
    kind: type | None = None,
    remedy: str = "write it again",
    *,
    line: int | None = None,
) -> Any:
    """
    Read JSON, naming what is wrong with it.

    :param text: the whole of it, bytes in UTF-8.
    :param where: where it stands, for the message.
    :param kind: dict or list, where it has to be one.
    :param remedy: what to do about an error.
    :param line: number of the line that the text is.
    :return: plain data.
    :raises ValueError: it is no JSON or of another kind, a key occurs twice in
        an object, a number is none or has no end, it is nested too deeply, or
        a text holds half of a character.

    >>> parse_json('{"label": "dog", "times": [0.5, 1]}', "a.json")
    {'label': 'dog', 'times': [0.5, 1]}
    >>> parse_json('{"label": "dog", "label": "cat"}', "a.json")
    Traceback (most recent call last):
    ValueError: a.json: the key 'label' occurs twice in {'label': ...
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = _parsed(text)
        if kind is not None and not isinstance(value, kind):
            raise _Refused(
                f"it is a {type(value).__name__}, not a JSON {_KINDS[kind]}"
            )
        return value
    except (ValueError, RecursionError) as error:
        what, place = str(error), f"{where}"
        if line is not None:
            place = f"{where}:{line}{_named(text)}"
        elif isinstance(error, json.JSONDecodeError):
            place = f"{where}:{error.lineno}"
        if isinstance(error, json.JSONDecodeError):
            what = f"no whole JSON ({error.msg})"
        elif isinstance(error, RecursionError):
            what = "JSON nested too deeply"
        raise ValueError(f"{place}: {what}; {remedy}") from error


def _named(line: str | bytes) -> str:
    """Which item a line is about, as far as can be told."""
    if isinstance(line, bytes):
        line = line.decode("utf-8", "replace")
    found = _IDENT.search(line)
    return f": item {found[1]}" if found else ""


def _parsed(text: str) -> Any:
    more: dict[str, Any] = {}
    if _HUGE.search(text) or _DIGITS.search(text[::_EACH]):
        more = {"parse_float": _finite, "parse_int": _whole}
    value = json.loads(
        text, object_pairs_hook=_unique, parse_constant=_constant, **more
    )
    if _HALVES.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise _Refused("a text holds half of a character") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        ((twice, _),) = counts.most_common(1)
        short = f"{made}"[:60]
        raise _Refused(f"the key {twice!r} occurs twice in {short}")
    return made


def _constant(name: str) -> float:
    raise _Refused(f"{name} is no number that JSON has")


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused(f"the number {text[:40]} is too large")
    return number


def read_json(
    path: str | Path,
    kind: type | None = None,
    encoding: str = "utf-8",
    remedy: str = "write it again",
) -> Any:
    """
    Read a JSON file.

    :param path: the file.
    :param kind: dict or list, where it has to be one.
    :param encoding: of the text; a byte order mark overrides it.
    :param remedy: what to do about an error.
    :return: plain data.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: see :func:`parse_json`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = path.write_text('["dog", "cat"]')
    >>> read_json(path, list)
    ['dog', 'cat']
    """
    return parse_json(read_text(path, encoding), path, kind, remedy)


def read_json_lines(
    path: str | Path,
    encoding: str = "utf-8",
    remedy: str = "correct or remove the line",
) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Read one JSON object per line, a line at a time.

    :param path: ``.jsonl``, or ``.jsonl.gz``.
    :param encoding: of the text.
    :param remedy: what to do about an error.
    :return: pairs of ``"file:line"`` and the object; empty lines are passed
        over.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: see :func:`parse_json`; names file and line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"id": 1}\\n\\n{"id": 2}\\n')
    >>> [row for _, row in read_json_lines(path)]
    [{'id': 1}, {'id': 2}]
    """
    for number, line in enumerate(_lines(Path(path), encoding), 1):
        if line.strip():
            row = parse_json(line, path, dict, remedy, line=number)
            yield f"{path}:{number}", row


def _lines(path: Path, encoding: str) -> Iterator[str | bytes]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if encoding.lower() not in ("utf-8", "utf8", "utf-8-sig"):
        # Line breaks of Unicode may stand inside JSON strings.
        yield from read_text(path, encoding).split("\n")
        return
    packed = path.name.endswith(".gz")
    try:
        with (gzip.open if packed else open)(path, "rb") as file:
            if not packed and file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                yield from read_text(path, encoding).split("\n")
                return
            file.seek(0)
            while line := file.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise ValueError(
                        f"{path} has a line of more than {_LONGEST_LINE} "
                        "bytes: it is no file of JSON lines"
                    )
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged ({error}): write it anew"
        ) from error
