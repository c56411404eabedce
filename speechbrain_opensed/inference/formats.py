"""Write detections in the formats that other programs read.

TSV is that of the DCASE challenges with a score added; label tracks are
described at https://manual.audacityteam.org/man/importing_and_exporting_labels.html,
TextGrids at https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from pathlib import Path

from lhotse_recipes.io import write_atomically

__all__ = [
    "FORMATS",
    "read_tsv",
    "to_audacity",
    "to_json",
    "to_jsonl",
    "to_labelstudio",
    "to_raven",
    "to_srt",
    "to_textgrid",
    "to_tsv",
    "to_vtt",
    "write",
]

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
_COLUMNS = ("filename", "onset", "offset", "event_label", "score")


def write(path, text: str) -> Path:
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(text)
    return path


def to_tsv(detections) -> str:
    """A table with one row per event, as DCASE's readers take it.

    Nothing is quoted. A recording without events is a row with its name
    alone.

    Arguments
    ---------
    detections : iterable of Detection
        One per recording.

    Returns
    -------
    str
        Columns filename, onset, offset, event_label, score.

    Example
    -------
    >>> to_tsv([])
    'filename\\tonset\\toffset\\tevent_label\\tscore\\n'
    """
    from lhotse_recipes.formats.dcase import dcase_lines

    return "".join(dcase_lines(map(_clip, detections), scores=True))


def read_tsv(path) -> dict[str, list]:
    """Read what :func:`to_tsv` wrote.

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
    ...     read_tsv(write(Path(folder) / "a.tsv", to_tsv([])))
    {}
    """
    from lhotse_recipes.io import read_rows
    from speechbrain_opensed.inference.events import SoundEvent

    events: dict[str, list] = {}
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


def to_json(detections) -> str:
    """One object for one recording, a list of them for several.

    Arguments
    ---------
    detections : sequence of Detection
        One per recording.

    Returns
    -------
    str
        JSON.

    Example
    -------
    >>> to_json([])
    '[]\\n'
    """
    objects = [detection.to_dict() for detection in detections]
    return (
        json.dumps(
            objects[0] if len(objects) == 1 else objects,
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def to_jsonl(detections) -> str:
    """For machines: one object a line, one line a recording.

    Arguments
    ---------
    detections : iterable of Detection
        One per recording.

    Returns
    -------
    str
        Lines of JSON; see :meth:`Detection.to_dict`.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection
    >>> to_jsonl([Detection([], [], ["rain"], "a.wav", 1.0, 1.0)])
    '{"path": "a.wav", "duration": 1.0, "phrases": ["rain"], "events": []}\\n'
    """
    return "".join(
        json.dumps(detection.to_dict(), ensure_ascii=False) + "\n"
        for detection in detections
    )


def to_audacity(detection) -> str:
    """A label track: onset, offset, phrase.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        One line per event.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> to_audacity(found)
    '0.500\\t1.000\\train\\n'
    """
    from lhotse_recipes.formats.audacity import audacity_text

    return audacity_text(_clip(detection))


def to_textgrid(detection) -> str:
    """A TextGrid in the long format with one interval tier per phrase.

    Praat wants the intervals of a tier to follow each other without gaps
    from its start to its end: the silence between events is an interval
    without text.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        The text of the file.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> print(to_textgrid(found).partition("intervals: ")[2])
    size = 2
            intervals [1]:
                xmin = 0.000
                xmax = 0.500
                text = ""
            intervals [2]:
                xmin = 0.500
                xmax = 1.000
                text = "rain"
    <BLANKLINE>
    """
    from lhotse_recipes.formats.textgrid import textgrid_text

    return textgrid_text(_clip(detection), labels=detection.phrases)


def to_raven(detection) -> str:
    """A selection table for Raven: one row per event, tab-separated.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        The text of the file.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> to_raven(found).splitlines()[1].split("\\t")[3:5]
    ['0.500000', '1.000000']
    """
    head = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"]
    lines = ["\t".join([*head, "Begin File", "Annotation", "Score"])]
    for number, one in enumerate(detection.events, 1):
        row = [number, "Spectrogram 1", 1, f"{one.onset:.6f}"]
        row += [f"{one.offset:.6f}", Path(detection.path).name, one.phrase]
        lines.append("\t".join(map(str, [*row, f"{one.score:.4f}"])))
    return "\n".join(lines) + "\n"


def to_labelstudio(detection) -> str:
    """A task of Label Studio with the events as predictions.

    Its labelling interface needs `<Labels name="label" toName="audio">`.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        JSON, a list of one task.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> task = json.loads(to_labelstudio(found))[0]
    >>> task["predictions"][0]["result"][0]["value"]["labels"]
    ['rain']
    """
    result = [
        {
            "id": f"event-{number}",
            "from_name": "label",
            "to_name": "audio",
            "type": "labels",
            "original_length": detection.duration,
            "score": one.score,
            "value": {
                "start": one.onset,
                "end": one.offset,
                "channel": 0,
                "labels": [one.phrase],
            },
        }
        for number, one in enumerate(detection.events, 1)
    ]
    task = {
        "data": {"audio": detection.path},
        "predictions": [
            {"model_version": "speechbrain-opensed", "result": result}
        ],
    }
    return json.dumps([task], indent=1, ensure_ascii=False) + "\n"


def to_vtt(detection) -> str:
    """WebVTT captions, one cue per event.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        The text of the file.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> print(to_vtt(found).strip())
    WEBVTT
    <BLANKLINE>
    00:00:00.500 --> 00:00:01.000
    [rain]
    """
    cues = ["WEBVTT\n"]
    for one in detection.events:
        text = one.phrase.replace("&", "&amp;").replace("<", "&lt;")
        text = text.replace(">", "&gt;")
        span = f"{_clock(one.onset, '.')} --> {_clock(one.offset, '.')}"
        cues.append(f"{span}\n[{text}]\n")
    return "\n".join(cues)


def to_srt(detection) -> str:
    """SubRip captions, one cue per event.

    Arguments
    ---------
    detection : Detection
        One recording.

    Returns
    -------
    str
        The text of the file.

    Example
    -------
    >>> from speechbrain_opensed.inference import Detection, SoundEvent
    >>> rain = SoundEvent("rain", 0.5, 1.0, 0.9)
    >>> found = Detection([rain], [[0.9]], ["rain"], "a.wav", 1.0, 1.0)
    >>> to_srt(found).splitlines()[1]
    '00:00:00,500 --> 00:00:01,000'
    """
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
    from lhotse_recipes.clips import Annotation, Clip

    clip = Clip(detection.path, detection.path, duration=detection.duration)
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
