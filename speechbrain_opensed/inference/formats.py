"""Write detections in the formats that other programs read.

A format turns detections into text: tsv, json and jsonl hold many recordings,
all others are files of one. TSV is that of the DCASE challenges with a score
added, a recording without events being a row with its name alone; json is one
object for one recording and a list for several, jsonl a line for each; raven
is a selection table, labelstudio a task with predictions, and vtt and srt are
captions, one cue per event. How the others look is told where they are read:
:mod:`lhotse_recipes.formats`.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lhotse_recipes.clips import Annotation, Clip
from lhotse_recipes.formats.audacity import audacity_text
from lhotse_recipes.formats.dcase import dcase_lines
from lhotse_recipes.formats.labelstudio import labelstudio_tasks
from lhotse_recipes.formats.raven import raven_text
from lhotse_recipes.formats.textgrid import textgrid_text
from lhotse_recipes.io import read_rows, write_atomically

if TYPE_CHECKING:
    from speechbrain_opensed.inference.detection import Detection
    from speechbrain_opensed.inference.events import SoundEvent

__all__ = ["FORMATS", "TOGETHER", "read_tsv", "text_of", "write"]

#: Formats and their file extensions.
FORMATS = {
    "tsv": ".tsv",
    "json": ".json",
    "jsonl": ".jsonl",
    "audacity": ".txt",
    "textgrid": ".TextGrid",
    "raven": ".txt",
    "labelstudio": ".json",
    "vtt": ".vtt",
    "srt": ".srt",
}
#: Those that hold many recordings.
TOGETHER = ("tsv", "json", "jsonl")
_COLUMNS = ("filename", "onset", "offset", "event_label", "score")


def text_of(detections: "Iterable[Detection]", format: str) -> str:
    """Detections as the text of a file.

    Arguments
    ---------
    detections : iterable of Detection
        One per recording; a single one for formats that are not in
        :data:`TOGETHER`.
    format : str
        A key of :data:`FORMATS`.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        If the format has another name, or takes one recording.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> text_of([found], "audacity")
    '0.500\\t1.000\\train\\n'
    >>> print(text_of([found], "vtt").strip())
    WEBVTT
    <BLANKLINE>
    00:00:00.500 --> 00:00:01.000
    [rain]
    """
    if format not in FORMATS:
        raise ValueError(
            f"unknown format {format!r}: choose from {list(FORMATS)}"
        )
    detections = list(detections)
    if format in TOGETHER:
        return _MANY[format](detections)
    if len(detections) != 1:
        raise ValueError(
            f"{format} is one file per recording, not one for "
            f"{len(detections)}: write them apart"
        )
    return _ONE[format](detections[0])


def write(path: str | Path, text: str) -> Path:
    """Write a text file, whole or not at all.

    Arguments
    ---------
    path : str or Path
        The file; missing folders are made.
    text : str
        Its content.

    Returns
    -------
    Path
        The file.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder) / "new" / "a.txt", "rain").read_text()
    'rain'
    """
    path = Path(path)
    with write_atomically(path) as file:
        file.write(text)
    return path


def read_tsv(path: str | Path) -> "dict[str, list[SoundEvent]]":
    """Read a table of detections.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    dict of str to list of SoundEvent
        Events by file name, none for a file without.

    Raises
    ------
    ValueError
        If a column is missing or a value is no number.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_tsv(write(Path(folder) / "a.tsv", text_of([], "tsv")))
    {}
    """
    from speechbrain_opensed.inference.events import SoundEvent

    events: dict[str, list[SoundEvent]] = {}
    for where, row in read_rows(path, _COLUMNS, "\t"):
        found = events.setdefault(row["filename"], [])
        if not any(row[column] for column in _COLUMNS[1:]):
            continue
        try:
            times = [float(row[name]) for name in ("onset", "offset", "score")]
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        found.append(SoundEvent(row["event_label"], *times))
    return events


def _json(detections):
    objects = [detection.to_dict() for detection in detections]
    whole = objects[0] if len(objects) == 1 else objects
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _jsonl(detections):
    return "".join(
        json.dumps(detection.to_dict(), ensure_ascii=False) + "\n"
        for detection in detections
    )


def _labelstudio(detection):
    (task,) = labelstudio_tasks([_clip(detection)], "speechbrain-opensed")
    return json.dumps([task], indent=1, ensure_ascii=False) + "\n"


def _vtt(detection):
    cues = ["WEBVTT\n"]
    for one in detection.events:
        text = one.phrase.replace("&", "&amp;").replace("<", "&lt;")
        text = text.replace(">", "&gt;")
        span = f"{_clock(one.onset, '.')} --> {_clock(one.offset, '.')}"
        cues.append(f"{span}\n[{text}]\n")
    return "\n".join(cues)


def _srt(detection):
    return "\n".join(
        f"{number}\n{_clock(one.onset, ',')} --> {_clock(one.offset, ',')}\n"
        f"[{one.phrase}]\n"
        for number, one in enumerate(detection.events, 1)
    )


def _clock(seconds, point):
    """Hours, minutes, seconds and milliseconds, as captions have them."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"


def _clip(detection):
    """The detection as the writers of annotation files take it."""
    # Sound that was given as samples has no name.
    name = detection.path or "recording"
    clip = Clip(name, name, duration=detection.duration)
    clip.annotations += [
        Annotation(
            "event",
            one.phrase,
            one.phrase,
            one.onset,
            one.offset,
            confidence=round(one.score, 4),
        )
        for one in detection.events
    ]
    return clip


_MANY = {
    "tsv": lambda some: "".join(dcase_lines(map(_clip, some), scores=True)),
    "json": _json,
    "jsonl": _jsonl,
}
_ONE = {
    "audacity": lambda one: audacity_text(_clip(one)),
    "textgrid": lambda one: textgrid_text(_clip(one), labels=one.phrases),
    "raven": lambda one: raven_text(_clip(one)),
    "labelstudio": _labelstudio,
    "vtt": _vtt,
    "srt": _srt,
}
