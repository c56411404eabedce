"""The sound-event contract on Lhotse supervisions: events, tags, captions.

What somebody *says*, and that somebody speaks, is a kind of its own beside
them, which everything keeps and nothing takes for an event.

An *event* has an onset and an offset, a *tag* says that something occurs
somewhere in the clip, a *caption* describes the whole clip. The kind lies in
``supervision.custom["kind"]``, the class's canonical name in ``"label"``, its
wording in ``supervision.text``. On the cut, ``custom["vocabulary"]`` names the
table that was annotated and ``custom["events_complete"]`` says whether what is
not annotated is absent.
"""

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

from lhotse import CutSet, RecordingSet, SupervisionSegment, SupervisionSet
from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem
from lhotse.utils import fastcopy

from lhotse_recipes.io import PrepareReport

__all__ = [
    "caption",
    "captions_of",
    "event",
    "events_of",
    "fix_sed_manifests",
    "label_of",
    "make_cuts",
    "merge_touching",
    "speech",
    "speech_of",
    "tag",
    "tags_of",
    "trim_events",
]

# Lhotse's own precision of times: a nanosecond decides nothing here.
_DIGITS = 8


def event(
    recording_id: str,
    index: int,
    onset: float,
    offset: float,
    phrase: str,
    label: str,
    *,
    mid: str | None = None,
    confidence: float | None = None,
    channel: int | list[int] = 0,
) -> SupervisionSegment:
    """
    One sound event.

    :param recording_id: the recording it is in.
    :param index: number within the recording; ids are ``<recording>-e<index>``.
    :param onset: seconds from the start of the recording.
    :param offset: seconds from the start of the recording.
    :param phrase: how one would say it, ``"dog barking"``.
    :param label: canonical name in its vocabulary, ``"Bark"``.
    :param mid: the class's AudioSet id.
    :param confidence: 0 to 1, for events found by a system.
    :param channel: channel or channels.
    :return: the supervision.
    :raises ValueError: the offset lies before the onset, or a time is no
        number.

    >>> bark = event(
    ...     "yard", 0, 1.5, 2.0, "dog barking", "Bark", mid="/m/05tny_"
    ... )
    >>> bark.id, bark.start, bark.duration, bark.text, bark.label
    ('yard-e0', 1.5, 0.5, 'dog barking', 'Bark')
    """
    if not (math.isfinite(onset) and math.isfinite(offset)) or offset < onset:
        raise ValueError(
            f"event {index} ({label}) of {recording_id}: onset {onset} and "
            f"offset {offset} are not a span of time; correct the annotation"
        )
    custom: dict[str, Any] = {"kind": "event", "label": label}
    if mid is not None:
        custom["mid"] = mid
    if confidence is not None:
        custom["confidence"] = confidence
    return SupervisionSegment(
        id=f"{recording_id}-e{index}",
        recording_id=recording_id,
        start=round(onset, _DIGITS),
        duration=round(offset - onset, _DIGITS),
        channel=channel,
        text=phrase,
        custom=custom,
    )


def tag(
    recording_id: str,
    index: int,
    duration: float,
    phrase: str,
    label: str,
    *,
    mid: str | None = None,
    confidence: float | None = None,
    channel: int | list[int] = 0,
) -> SupervisionSegment:
    """
    A class that occurs somewhere in the clip.

    :param recording_id: the recording.
    :param index: number within the recording; ids are ``<recording>-t<index>``.
    :param duration: length of the recording in seconds.
    :param phrase: how one would say it.
    :param label: canonical name in its vocabulary.
    :param mid: the class's AudioSet id.
    :param confidence: 0 to 1.
    :param channel: channel or channels.
    :return: the supervision, as long as the recording.

    >>> tag("yard", 0, 10.0, "a dog", "Dog").custom
    {'kind': 'tag', 'label': 'Dog'}
    """
    whole = event(
        recording_id,
        index,
        0.0,
        duration,
        phrase,
        label,
        mid=mid,
        confidence=confidence,
    )
    return fastcopy(
        whole,
        id=f"{recording_id}-t{index}",
        channel=channel,
        custom={**whole.custom, "kind": "tag"},
    )


def caption(
    recording_id: str,
    index: int,
    duration: float,
    text: str,
    channel: int | list[int] = 0,
) -> SupervisionSegment:
    """
    A sentence about the clip.

    :param recording_id: the recording.
    :param index: number within the recording; ids are ``<recording>-c<index>``.
    :param duration: length of the recording in seconds.
    :param text: the sentence.
    :param channel: channel or channels.
    :return: the supervision, as long as the recording.

    >>> caption("yard", 0, 10.0, "A dog barks twice.").text
    'A dog barks twice.'
    """
    return SupervisionSegment(
        id=f"{recording_id}-c{index}",
        recording_id=recording_id,
        start=0.0,
        duration=duration,
        channel=channel,
        text=text,
        custom={"kind": "caption"},
    )


def speech(
    recording_id: str,
    index: int,
    start: float,
    end: float,
    *,
    text: str | None = None,
    speaker: str | None = None,
    alignment: Mapping[str, Iterable[AlignmentItem]] | None = None,
    channel: int | list[int] = 0,
) -> SupervisionSegment:
    """
    What somebody says, or that somebody speaks.

    :param recording_id: the recording.
    :param index: number within the recording; ids are ``<recording>-s<index>``.
    :param start: seconds.
    :param end: seconds.
    :param text: the words, where they are known.
    :param speaker: who, where it is known.
    :param alignment: when each word, phone, ... is said, by kind, as Lhotse
        has it.
    :param channel: channel or channels.
    :return: the supervision, which is no event.

    >>> said = speech("yard", 0, 0.5, 1.0, text="come here", speaker="Ann")
    >>> said.text, said.speaker, said.custom
    ('come here', 'Ann', {'kind': 'speech'})
    """
    return SupervisionSegment(
        id=f"{recording_id}-s{index}",
        recording_id=recording_id,
        start=start,
        duration=round(end - start, _DIGITS),
        channel=channel,
        text=text,
        speaker=speaker,
        alignment={k: list(v) for k, v in (alignment or {}).items()} or None,
        custom={"kind": "speech"},
    )


# Other names of the kind "speech".
_SAID = ("transcript", "speaker")


def _kind(supervision: SupervisionSegment) -> str | None:
    """What it says that it is; a text alone may be anyone's transcript."""
    custom = supervision.custom or {}
    if "kind" in custom:
        return "speech" if custom["kind"] in _SAID else custom["kind"]
    if custom.get("label"):
        return "event"
    return "speech" if supervision.text or supervision.speaker else None


def _of_kind(cut: Cut, kind: str) -> list[SupervisionSegment]:
    found = [sup for sup in cut.supervisions if _kind(sup) == kind]
    return sorted(found, key=lambda sup: (sup.start, sup.end, sup.id))


def events_of(cut: Cut) -> list[SupervisionSegment]:
    """
    The cut's events by start, seconds relative to the cut.

    A supervision that states no kind counts as an event if it has a label in
    ``custom["label"]``. One with a text alone does not: in other manifests
    that is what somebody says.

    :param cut: any cut.
    :return: events as they are; see :func:`trim_events` for those of a window.
    """
    return _of_kind(cut, "event")


def tags_of(cut: Cut) -> list[SupervisionSegment]:
    """
    The cut's tags.

    :param cut: any cut.
    :return: tags by start.
    """
    return _of_kind(cut, "tag")


def captions_of(cut: Cut) -> list[SupervisionSegment]:
    """
    The cut's captions.

    :param cut: any cut.
    :return: captions by start.
    """
    return _of_kind(cut, "caption")


def speech_of(cut: Cut) -> list[SupervisionSegment]:
    """
    What is said in the cut, and who speaks.

    :param cut: any cut.
    :return: by start, the supervisions of the kind ``speech``, and those that
        state no kind and no label but a text or a speaker, as in other
        manifests.
    """
    return _of_kind(cut, "speech")


def label_of(supervision: SupervisionSegment) -> str:
    """
    The canonical name of what was annotated; its text where there is none.

    :param supervision: an event or a tag.
    :return: the label.
    """
    return (supervision.custom or {}).get("label") or supervision.text


def trim_events(
    cut: Cut, found: Iterable[SupervisionSegment] | None = None
) -> list[SupervisionSegment]:
    """
    The parts of the events that lie inside the cut.

    Lhotse's truncation leaves events that begin before the cut or end after
    it; targets and metrics want them clipped.

    :param cut: any cut.
    :param found: other supervisions of it, such as :func:`speech_of`.
    :return: events by start, ``0 ≤ start < end ≤ cut.duration``.
    """
    trimmed = []
    for sup in events_of(cut) if found is None else found:
        start, end = max(0.0, sup.start), min(cut.duration, sup.end)
        duration = round(end - start, _DIGITS)
        if duration > 0:
            sup = _aligned(sup, getattr(cut, "start", 0.0))
            trimmed.append(_clipped(sup, start, duration))
    return sorted(trimmed, key=lambda sup: (sup.start, sup.end, sup.id))


def _aligned(sup: SupervisionSegment, start: float) -> SupervisionSegment:
    """Its words in the cut's times: Lhotse leaves them in the recording's."""
    items = [one for some in (sup.alignment or {}).values() for one in some]
    first = min((one.start for one in items), default=0.0)
    last = max((one.end for one in items), default=0.0)
    slack = 0.01
    inside = sup.start - slack <= first and last <= sup.end + slack
    begin, end = sup.start + start - slack, sup.end + start + slack
    if not items or inside or not (begin <= first and last <= end):
        return sup
    moved = {
        kind: [one.with_offset(-start) for one in some]
        for kind, some in (sup.alignment or {}).items()
    }
    return fastcopy(sup, alignment=moved)


def _clipped(
    sup: SupervisionSegment, start: float, duration: float
) -> SupervisionSegment:
    """A part of a supervision, with the words that lie in it."""
    alignment = sup.alignment
    if alignment is not None:
        end = start + duration
        alignment = {
            kind: [
                _part(item, start, end)
                for item in items
                if item.end > start and item.start < end
            ]
            for kind, items in alignment.items()
        }
    return fastcopy(sup, start=start, duration=duration, alignment=alignment)


def _part(item: AlignmentItem, start: float, end: float) -> AlignmentItem:
    if start <= item.start and item.end <= end:
        return item  # Lhotse's own would round it to samples
    begin, end = max(start, item.start), min(end, item.end)
    return item._replace(start=begin, duration=round(end - begin, _DIGITS))


def merge_touching(
    events: Iterable[tuple[float, float, str]],
) -> list[tuple[float, float, str]]:
    """
    Join events of one label that overlap or touch.

    :param events: (onset, offset, label) in any order.
    :return: the joined events, sorted; no two of one label touch.

    >>> merge_touching([(1.0, 2.0, "dog"), (0.0, 1.0, "dog"), (0.5, 3, "cat")])
    [(0.0, 2.0, 'dog'), (0.5, 3, 'cat')]
    """
    merged: dict[str, list[tuple[float, float, str]]] = {}
    for onset, offset, label in sorted(events):
        same = merged.setdefault(label, [])
        if same and onset <= same[-1][1]:
            same[-1] = (same[-1][0], max(same[-1][1], offset), label)
        else:
            same.append((onset, offset, label))
    return sorted(span for spans in merged.values() for span in spans)


def fix_sed_manifests(
    recordings: RecordingSet,
    supervisions: SupervisionSet,
    report: PrepareReport | None = None,
    min_duration: float = 0.001,
) -> tuple[RecordingSet, SupervisionSet]:
    """
    Clip supervisions to their recordings and drop what vanishes.

    Unlike Lhotse's ``fix_manifests`` this keeps recordings without any
    supervision, and nothing goes uncounted.

    :param recordings: the recordings; all are kept.
    :param supervisions: supervisions of any kind.
    :param report: where to note what was done; without one a warning is
        logged.
    :param min_duration: seconds; what is shorter after clipping is dropped.
    :return: the same recordings, and the supervisions sorted by recording and
        time.
    :raises ValueError: two recordings or two supervisions share an id, or a
        time is no number.
    """
    notes = report or PrepareReport("manifests", "all")
    recordings = list(recordings)
    supervisions = list(supervisions)
    _refuse_duplicates("recordings", (r.id for r in recordings))
    _refuse_duplicates("supervisions", (s.id for s in supervisions))
    order = {r.id: (i, r.duration) for i, r in enumerate(recordings)}
    kept = []
    for sup in supervisions:
        if not (math.isfinite(sup.start) and math.isfinite(sup.duration)):
            raise ValueError(
                f"supervision {sup.id} of {sup.recording_id}: start "
                f"{sup.start} and duration {sup.duration} are not times; "
                "correct the annotation"
            )
        if sup.recording_id not in order:
            notes.drop("supervision without recording", sup.id)
            continue
        length = order[sup.recording_id][1]
        start, end = max(0.0, sup.start), min(length, sup.end)
        duration = round(end - start, _DIGITS)
        if sup.duration >= min_duration and (sup.end <= 0 or start >= length):
            notes.drop("outside the recording", sup.id)
        elif duration < min_duration:
            notes.drop(f"shorter than {min_duration} s", sup.id)
        elif start == sup.start and end == sup.end:
            kept.append(sup)
        else:
            notes.count("clipped to the recording")
            kept.append(_clipped(sup, start, duration))
    kept.sort(key=lambda s: (order[s.recording_id][0], s.start, s.end, s.id))
    if report is None and (notes.counts or notes.dropped):
        logging.getLogger(__name__).warning(notes.summary())
    return (
        RecordingSet.from_recordings(recordings),
        SupervisionSet.from_segments(kept),
    )


def _refuse_duplicates(what: str, ids: Iterable[str]) -> None:
    seen, double = set(), []
    for name in ids:
        if name in seen:
            double.append(name)
        seen.add(name)
    if double:
        raise ValueError(
            f"{len(double)} ids of {what} occur twice: "
            f"{', '.join(sorted(set(double))[:5])}; give each its own id"
        )


def make_cuts(
    recordings: RecordingSet,
    supervisions: SupervisionSet,
    vocabulary: str,
    events_complete: bool,
    custom: Mapping[str, Mapping[str, Any]] | None = None,
) -> CutSet:
    """
    One cut per recording, with or without supervisions, under its id.

    :param recordings: the recordings.
    :param supervisions: their supervisions.
    :param vocabulary: name of the table that was annotated.
    :param events_complete: whether what is not annotated is absent.
    :param custom: recording id → further fields of its cut, which may replace
        the two.
    :return: cuts with ``custom["vocabulary"]`` and
        ``custom["events_complete"]``.
    """
    of_recording: dict[str, list[SupervisionSegment]] = {}
    for sup in supervisions:
        of_recording.setdefault(sup.recording_id, []).append(sup)
    cuts = []
    for recording in recordings:
        cut = recording.to_cut()
        cut.supervisions = of_recording.pop(recording.id, [])
        cut.custom = {
            "vocabulary": vocabulary,
            "events_complete": events_complete,
            **(custom or {}).get(recording.id, {}),
        }
        cuts.append(cut)
    if of_recording:
        raise ValueError(
            f"supervisions of unknown recordings: "
            f"{', '.join(list(of_recording)[:5])}; run fix_sed_manifests first"
        )
    return CutSet.from_cuts(cuts)
