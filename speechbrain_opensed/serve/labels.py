"""From stored scores and a listener's corrections to labels.

A correction decides about its span: events of its phrase that overlap it are
taken for the same sound and give way to it. Those of the page are made by the
same rule, in static/events.js.

Authors
 * The speechbrain-opensed contributors 2026
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.event_builder import EventBuilder
from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.inference.formats import FORMATS
from speechbrain_opensed.serve.store import Found

__all__ = [
    "EXPORTS",
    "KINDS",
    "Label",
    "apply_corrections",
    "events_at",
    "export_labels",
    "labels_of",
]

#: What a listener says of an event.
KINDS = ("accepted", "rejected", "moved", "added")
#: Formats of labels, and their file extensions.
EXPORTS = {**FORMATS, "csv": ".csv", "supervisions": ".jsonl"}
if find_spec("pyarrow"):
    EXPORTS["parquet"] = ".parquet"


@dataclass(frozen=True)
class Label:
    """An event, and who says so.

    Arguments
    ---------
    phrase : str
        What sounds.
    onset, offset : float
        From when to when, in seconds.
    score : float
        The highest of its frames.
    kind : str
        `found`, or one of :data:`KINDS`.

    Example
    -------
    >>> Label("rain", 0.0, 1.0, 0.9).kind
    'found'
    """

    phrase: str
    onset: float
    offset: float
    score: float
    kind: str = "found"


def events_at(
    found: Found, thresholds: Mapping[str, float] | None = None
) -> list[SoundEvent]:
    """Events of stored scores, at any threshold.

    Arguments
    ---------
    found : Found
        With its scores.
    thresholds : mapping of str to float, optional
        Other ones, of some phrases.

    Returns
    -------
    list of SoundEvent
        Sorted by onset.

    Raises
    ------
    ValueError
        If a threshold is of no phrase, or out of range.

    Example
    -------
    >>> from speechbrain_opensed.serve.store import Recording
    >>> from lhotse_recipes.sound import AudioInfo
    >>> path = Path(tempfile.mkdtemp()) / "scores"
    >>> _ = path.write_bytes(np.array([0.1, 0.7], "<f4").tobytes())
    >>> info = AudioInfo(Path("a.wav"), 8000, 1, 8000)
    >>> found = Found(
    ...     "b2",
    ...     Recording("a1", "a.wav", path, info=info),
    ...     "0",
    ...     ["rain"],
    ...     0.5,
    ...     {"rain": 0.5},
    ...     path,
    ...     8,
    ...     frames=2,
    ... )
    >>> [event.onset for event in events_at(found)]
    [0.5]
    >>> events_at(found, {"rain": 0.9})
    []
    """
    builder = EventBuilder(
        found.phrases,
        {**found.thresholds, **(thresholds or {})},
        found.hop_seconds,
        min_duration=found.min_duration,
        merge_gap=found.merge_gap,
    )
    events: list[SoundEvent] = []
    for block in found.blocks():
        events += builder.push(block)
    events += builder.finish(found.recording.ready.duration)
    return sorted(events)


def apply_corrections(
    events: Iterable[SoundEvent], corrections: Sequence[Any]
) -> list[Label]:
    """Events as a listener has put them right.

    Arguments
    ---------
    events : iterable of SoundEvent
        What was found.
    corrections : sequence
        Each with `kind`, `phrase`, `onset`, `offset`, `score` and `was`, the
        span from which it was moved, or None.

    Returns
    -------
    list of Label
        In order of onset, without what was rejected.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> wrong = SimpleNamespace(
    ...     kind="rejected", phrase="a", onset=1, offset=2, was=None, score=0
    ... )
    >>> events = [SoundEvent("a", 1.5, 3, 0.9), SoundEvent("a", 4, 5, 0.8)]
    >>> [label.onset for label in apply_corrections(events, [wrong])]
    [4]
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    for one in corrections:
        own = spans.setdefault(one.phrase, [])
        own.append((one.onset, one.offset))
        if one.was is not None:
            own.append(tuple(one.was))

    def decided(event: SoundEvent) -> bool:
        return any(
            onset < event.offset and event.onset < offset
            for onset, offset in spans.get(event.phrase, ())
        )

    labels = [
        Label(event.phrase, event.onset, event.offset, event.score)
        for event in events
        if not decided(event)
    ]
    labels += [
        Label(one.phrase, one.onset, one.offset, one.score, one.kind)
        for one in corrections
        if one.kind != "rejected"
    ]
    return sorted(labels, key=lambda one: (one.onset, one.offset, one.phrase))


def peak_score(found: Found, phrase: str, onset: float, offset: float) -> float:
    """The highest score of a phrase in a span of time.

    Arguments
    ---------
    found : Found
        With its scores.
    phrase : str
        One of its phrases.
    onset, offset : float
        The span, in seconds.

    Returns
    -------
    float
        Between 0 and 1; 0 where there is no frame.

    Example
    -------
    >>> from speechbrain_opensed.serve.store import Recording
    >>> found = Found(
    ...     "b2",
    ...     Recording("a1", "a.wav", Path("a")),
    ...     "0",
    ...     ["rain"],
    ...     0.5,
    ...     {"rain": 0.5},
    ...     Path("a.scores"),
    ...     8,
    ... )
    >>> peak_score(found, "rain", 0.0, 1.0)
    0.0
    """
    first = int(onset / found.hop_seconds)
    end = int(np.ceil(offset / found.hop_seconds))
    column = found.phrases.index(phrase)
    scores = found.scores(first, max(end, first + 1))[:, column]
    return float(scores.max(initial=0.0))


def labels_of(found: Found) -> list[Label]:
    """What is known now: events at the thresholds, put right.

    Arguments
    ---------
    found : Found
        With scores, thresholds and corrections.

    Returns
    -------
    list of Label
        In order of onset.

    Example
    -------
    >>> labels_of.__name__
    'labels_of'
    """
    return apply_corrections(events_at(found), found.corrections)


def export_labels(found: Found, labels: Sequence[Label], kind: str) -> bytes:
    """A file of labels.

    Arguments
    ---------
    found : Found
        What they are of.
    labels : sequence of Label
        The labels.
    kind : str
        A key of :data:`EXPORTS`.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    ValueError
        If the format has another name.

    Example
    -------
    >>> export_labels(None, [], "doc")
    Traceback (most recent call last):
    ValueError: no format 'doc': choose tsv, json, jsonl, ...
    """
    if kind not in EXPORTS:
        raise ValueError(f"no format {kind!r}: choose {', '.join(EXPORTS)}")
    detection = Detection(
        [SoundEvent(x.phrase, x.onset, x.offset, x.score) for x in labels],
        np.zeros((0, len(found.phrases)), np.float32),
        found.phrases,
        found.recording.name,
        found.recording.ready.duration,
        found.hop_seconds,
    )
    if kind == "supervisions":
        from lhotse import SupervisionSet

        content = SupervisionSet.from_segments(detection.to_supervisions())
    with tempfile.TemporaryDirectory(dir=found.path.parent) as folder:
        path = Path(folder) / f"labels{EXPORTS[kind]}"
        if kind == "supervisions":
            content.to_file(path)
        else:
            getattr(detection, f"to_{kind}")(path)
        return path.read_bytes()
