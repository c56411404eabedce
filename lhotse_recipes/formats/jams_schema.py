"""What a JAMS file must look like, as JAMS's own validator sees it.

The rules are those of the schema of JAMS 0.3 (https://jams.readthedocs.io) and
of its namespaces ``tag_open``, ``segment_open`` and ``scaper``.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["check_jams"]

_OPEN = ("tag_open", "segment_open")
_READ = (*_OPEN, "scaper", "sound_event")

# What is expected, in words, and whether a value is it.
_Rule = tuple[str, Callable[[Any], bool]]


def _number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


_ANYTHING: _Rule = ("anything", lambda value: True)
_TEXT: _Rule = ("a text", lambda value: isinstance(value, str))
_VERSION: _Rule = (
    "a version such as 0.3.4",
    lambda value: (
        isinstance(value, str)
        and re.search("[0-9].[0-9].[0-9]", value) is not None
    ),
)
_OBJECT: _Rule = ("an object", lambda value: isinstance(value, dict))
_LIST: _Rule = ("a list", lambda value: isinstance(value, list))
_REAL: _Rule = ("a number", _number)
_TIME: _Rule = (
    "a number of seconds, 0 or more",
    lambda value: _number(value) and value >= 0,
)
_POSITIVE: _Rule = (
    "a number above 0",
    lambda value: _number(value) and value > 0,
)


def _or_null(rule: _Rule) -> _Rule:
    return f"{rule[0]}, or null", lambda value: value is None or rule[1](value)


_FILE = {
    "annotations": _or_null(_LIST),
    "file_metadata": _OBJECT,
    "sandbox": _or_null(_OBJECT),
}
_METADATA = {
    "title": _TEXT,
    "artist": _TEXT,
    "release": _TEXT,
    "duration": _TIME,
    "identifiers": _or_null(_OBJECT),
    "jams_version": _or_null(_VERSION),
}
_ANNOTATION = {
    "namespace": _TEXT,
    "data": _ANYTHING,
    "annotation_metadata": _or_null(_OBJECT),
    "sandbox": _or_null(_OBJECT),
    "time": _or_null(_TIME),
    "duration": _or_null(_TIME),
}
_ABOUT = {
    "corpus": _TEXT,
    "version": (
        "a text or a number",
        lambda v: isinstance(v, str) or _number(v),
    ),
    "curator": _or_null(_OBJECT),
    "annotator": _or_null(_OBJECT),
    "annotation_tools": _TEXT,
    "annotation_rules": _TEXT,
    "validation": _TEXT,
    "data_source": _TEXT,
}
_CURATOR = {"name": _TEXT, "email": _TEXT}
_OBSERVATION = {
    "time": _TIME,
    "duration": _TIME,
    "value": _ANYTHING,
    "confidence": _ANYTHING,
}
_SCAPER = {
    "label": _TEXT,
    "source_file": _TEXT,
    "source_time": _TIME,
    "event_time": _TIME,
    "event_duration": _POSITIVE,
    "snr": _REAL,
    "time_stretch": _or_null(_POSITIVE),
    "pitch_shift": _or_null(_REAL),
    "role": (
        "background or foreground",
        lambda value: value in ("background", "foreground"),
    ),
}


def check_jams(path: str | Path, whole: Any) -> None:
    """
    Refuse what JAMS's validator would refuse.

    Times and durations are not negative, texts are texts, no field is of
    another name. Values are checked in the namespaces that we read; those of
    other namespaces are not looked at.

    :param path: of the file, for the message.
    :param whole: its content.
    :raises ValueError: names the first field that is wrong.

    >>> check_jams("a.jams", {"annotations": [], "file_metadata": {}})
    >>> check_jams("a.jams", {"file_metadata": {"duration": -1}})
    Traceback (most recent call last):
    ValueError: a.jams: file_metadata.duration is -1; JAMS wants a number of \
seconds, 0 or more
    """
    _check(path, "", whole, _FILE)
    _check(path, "file_metadata", whole.get("file_metadata", {}), _METADATA)
    for number, one in enumerate(whole.get("annotations") or ()):
        name = f"annotations[{number}]"
        _check(path, name, one, _ANNOTATION, needed=("namespace",))
        about = one.get("annotation_metadata") or {}
        _check(path, f"{name}.annotation_metadata", about, _ABOUT)
        curator = about.get("curator") or {}
        _check(path, f"{name}.annotation_metadata.curator", curator, _CURATOR)
        _check_data(path, f"{name}.data", one.get("data"), one["namespace"])


def _check_data(path: str | Path, name: str, data: Any, space: str) -> None:
    if isinstance(data, dict) and space not in _READ:
        # Columns of a dense namespace.
        columns = dict.fromkeys(_OBSERVATION, _LIST)
        _check(path, name, data, columns, needed=tuple(columns))
        return
    if data is None:
        return
    _expect(path, name, data, _LIST)
    for number, one in enumerate(data):
        here = f"{name}[{number}]"
        _check(path, here, one, _OBSERVATION, needed=("time", "duration"))
        value = one.get("value")
        if space in _OPEN:
            _expect(path, f"{here}.value", value, _TEXT)
        elif space in _READ:
            _check(path, f"{here}.value", value, _SCAPER, open=True)


def _check(
    path: str | Path,
    name: str,
    value: Any,
    rules: Mapping[str, _Rule],
    needed: tuple[str, ...] = (),
    open: bool = False,
) -> None:
    _expect(path, name or "the file", value, _OBJECT)
    for key in needed:
        if key not in value:
            raise ValueError(f"{path}: {name} has no {key!r}; write it again")
    for key, one in value.items():
        inner = f"{name}.{key}" if name else key
        if key in rules:
            _expect(path, inner, one, rules[key])
        elif not open:
            raise ValueError(
                f"{path}: {inner} is no field of JAMS; known are "
                f"{', '.join(rules)}"
            )


def _expect(path: str | Path, name: str, value: Any, rule: _Rule) -> None:
    if not rule[1](value):
        shown = repr(value)
        shown = shown if len(shown) < 40 else f"{shown[:37]}..."
        raise ValueError(f"{path}: {name} is {shown}; JAMS wants {rule[0]}")
