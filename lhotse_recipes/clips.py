"""What is known of a clip, between annotation files and manifests."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from lhotse import SupervisionSegment
from lhotse.supervision import AlignmentItem

from lhotse_recipes.building.corpus import AUDIO_SUFFIXES
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import (
    caption,
    event,
    speech,
    tag,
)
from lhotse_recipes.vocabulary import Entry, Vocabulary

__all__ = [
    "Annotation",
    "Clip",
    "ClipTable",
    "clip_id",
    "supervisions_of",
]

# Tables name files that nobody has in that form any more.


@dataclass(frozen=True)
class Annotation:
    """
    An event, a tag, a caption or speech; see :mod:`lhotse_recipes.schema`.

    :param kind: "event", "tag", "caption" or "speech".
    :param text: phrase, sentence or what is said.
    :param label: canonical name of the class; of events and tags.
    :param onset: seconds, of an event or speech.
    :param offset: seconds, of an event or speech.
    :param mid: AudioSet id.
    :param confidence: 0 to 1.
    :param custom: further fields of the supervision.
    :param speaker: of speech.
    :param alignment: when its words, phones, ... are said, by kind.
    """

    kind: str
    text: str
    label: str = ""
    onset: float = 0.0
    offset: float = 0.0
    mid: str | None = None
    confidence: float | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    speaker: str | None = None
    alignment: Mapping[str, Sequence[AlignmentItem]] = field(
        default_factory=dict
    )


@dataclass
class Clip:
    """
    A recording as an annotation file knows it.

    :param id: id for the recording.
    :param name: file name or path of the audio, as annotated.
    :param where: "file:line" of its annotation.
    :param duration: seconds, where the annotation says so.
    :param annotations: what is in it.
    :param aliases: other names the audio may go by.
    :param custom: further fields of the cut.
    :param path: the audio file, where it is known.
    """

    id: str
    name: str
    where: str = ""
    duration: float | None = None
    annotations: list[Annotation] = field(default_factory=list)
    aliases: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    path: str | None = None

    @property
    def known_duration(self) -> float:
        """
        The duration, where it has to be known.

        :raises ValueError: the annotation does not say it.
        """
        if self.duration is None:
            raise ValueError(
                f"{self.where or self.id}: its duration is unknown"
            )
        return self.duration

    def of_kind(self, kind: str) -> list[Annotation]:
        """
        The annotations of a kind.

        :param kind: "event", "tag", "caption" or "speech".
        :return: in their order.
        """
        return [one for one in self.annotations if one.kind == kind]


def clip_id(name: str) -> str:
    """
    The id of a clip named by an audio file.

    :param name: file name or path, perhaps of Windows.
    :return: the name without folders and audio suffix.

    >>> clip_id("audio\\\\street\\\\b099.wav"), clip_id("Yabc_30.000_40.000")
    ('b099', 'Yabc_30.000_40.000')
    """
    base = name.replace("\\", "/").rpartition("/")[2].strip()
    path = PurePosixPath(base)
    return path.stem if path.suffix.lower() in AUDIO_SUFFIXES else base


class ClipTable:
    """
    Clips in the making, from the rows of a file.

    :param report: gets repeated rows and events that end before they begin.
    :param vocabulary: gives labels, phrases and AudioSet ids; without it
        labels are taken as they are written.
    :param keep_repeated: whether an event that is written twice counts twice.

    >>> table = ClipTable(PrepareReport("corpus", "test"))
    >>> table.event("t.tsv:2", "yard.wav", "0.5", "1.0", "dog_bark")
    >>> clip = table.clips[0]
    >>> clip.id, clip.annotations[0].text, clip.annotations[0].offset
    ('yard', 'dog bark', 1.0)
    """

    def __init__(
        self,
        report: PrepareReport,
        vocabulary: Vocabulary | None = None,
        keep_repeated: bool = False,
    ):
        self.report = report
        self.vocabulary = vocabulary
        self.keep_repeated = keep_repeated
        self._entries: dict[str, Entry] = {}
        self._clips: dict[str, Clip] = {}
        self._seen: set[tuple[str, str]] = set()

    @property
    def clips(self) -> list[Clip]:
        """The clips in the order of their first mention."""
        return list(self._clips.values())

    def clip(self, where: str, name: str, new: bool = False) -> Clip:
        """
        The clip of a name, made when it is mentioned first.

        :param where: "file:line".
        :param name: of its audio, as written.
        :param new: refuse a clip that was mentioned before.
        :return: the clip.
        :raises ValueError: no name, or the id of another clip.
        """
        name = name.strip()
        ident = clip_id(name)
        if not ident:
            raise ValueError(f"{where}: names no audio file; complete the row")
        clip = self._clips.get(ident)
        if clip is None:
            clip = self._clips[ident] = Clip(ident, name, where)
        elif new or not _same_file(clip.name, name):
            raise ValueError(
                f"{where}: {name} has the id {ident} of {clip.name} "
                f"({clip.where}); keep one, or give the two different names"
            )
        return clip

    def event(
        self,
        where: str,
        name: str,
        onset: str | float,
        offset: str | float,
        label: str,
        text: str | None = None,
        **fields: Any,
    ) -> None:
        """
        Add an event to a clip.

        :param where: "file:line".
        :param name: of the clip's audio.
        :param onset: seconds.
        :param offset: seconds.
        :param label: of the class.
        :param text: phrase, where there is no vocabulary; the label without
            underscores by default.
        :param fields: mid, confidence, custom.
        :raises ValueError: no label, an unknown one, or a time that is no
            number.
        """
        clip, entry = self.clip(where, name), self._entry(where, label)
        start, end = _seconds(where, onset), _seconds(where, offset)
        if end < start:
            self.report.drop("ends before it begins", where)
            return
        found = self._named("event", entry, text, fields)
        self._add(clip, where, replace(found, onset=start, offset=end))

    def tag(
        self,
        where: str,
        name: str,
        label: str,
        text: str | None = None,
        **fields: Any,
    ) -> None:
        """
        Add a tag to a clip.

        :param where: "file:line".
        :param name: of the clip's audio.
        :param label: of the class.
        :param text: phrase, where there is no vocabulary.
        :param fields: mid, confidence, custom.
        :raises ValueError: an empty or unknown label.
        """
        clip, entry = self.clip(where, name), self._entry(where, label)
        self._add(clip, where, self._named("tag", entry, text, fields))

    def tags(self, where: str, name: str, labels: Iterable[str]) -> None:
        """
        Add several tags to a clip.

        :param where: "file:line".
        :param name: of the clip's audio.
        :param labels: of the classes.
        """
        for label in labels:
            self.tag(where, name, label)

    def caption(
        self,
        where: str,
        name: str,
        text: str,
        custom: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Add a caption to a clip; an empty one is noted and left out.

        :param where: "file:line".
        :param name: of the clip's audio.
        :param text: the sentence.
        :param custom: further fields of the supervision.
        """
        clip, text = self.clip(where, name), " ".join(text.split())
        if text:
            clip.annotations.append(
                Annotation("caption", text, custom=custom or {})
            )
        else:
            self.report.drop("empty caption", where)

    def speech(
        self,
        where: str,
        name: str,
        onset: str | float,
        offset: str | float,
        *,
        text: str = "",
        speaker: str | None = None,
        alignment: Mapping[str, Sequence[AlignmentItem]] | None = None,
    ) -> None:
        """
        Add what somebody says to a clip, or that somebody speaks.

        :param where: "file:line".
        :param name: of the clip's audio.
        :param onset: seconds.
        :param offset: seconds.
        :param text: the words.
        :param speaker: who.
        :param alignment: when its words, phones, ... are said, by kind.
        :raises ValueError: a time that is no number.
        """
        clip = self.clip(where, name)
        start, end = _seconds(where, onset), _seconds(where, offset)
        if end < start:
            self.report.drop("ends before it begins", where)
        elif text.strip() or speaker:
            clip.annotations.append(
                Annotation(
                    "speech",
                    text.strip(),
                    onset=start,
                    offset=end,
                    speaker=speaker or None,
                    alignment=alignment or {},
                )
            )
        else:
            self.report.drop("speech without words and speaker", where)

    def _entry(self, where: str, label: str) -> Entry:
        label = label.strip()
        if label not in self._entries:
            if not label:
                raise ValueError(
                    f"{where}: no label; name the sound or remove the row"
                )
            if self.vocabulary is None:
                entry = Entry(label, label.replace("_", " "))
            else:
                try:
                    known = self.vocabulary.label_of(label)
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from error
                entry = self.vocabulary.entry(known)
            self._entries[label] = entry
        return self._entries[label]

    def _named(
        self, kind: str, entry: Entry, text: str | None, fields: dict
    ) -> Annotation:
        if self.vocabulary is not None or not text:
            text = entry.phrase
        if entry.mid:
            fields = {**fields, "mid": entry.mid}
        return Annotation(kind, text, entry.label, **fields)

    def _add(self, clip: Clip, where: str, found: Annotation) -> None:
        key = (clip.id, repr(found))
        if key in self._seen and not self.keep_repeated:
            self.report.drop("repeated row", f"{where}: {found.label}")
        else:
            self._seen.add(key)
            clip.annotations.append(found)


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _same_file(one: str, other: str) -> bool:
    """Whether one path is the other, or the end of it."""
    ones, others = f"/{_slashes(one)}", f"/{_slashes(other)}"
    return ones.endswith(others) or others.endswith(ones)


def _seconds(where: str, value: str | float) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(
            f"{where}: {value!r} is no time in seconds; correct the row"
        )
    return seconds


def supervisions_of(clip: Clip, duration: float) -> Iterator[Any]:
    """
    The supervisions of a clip whose length is known.

    :param clip: the clip.
    :param duration: of its recording in seconds.
    :return: one supervision per annotation.
    """
    for index, one in enumerate(clip.annotations):
        sup = _supervision(clip.id, index, duration, one)
        sup.custom = {**sup.custom, **one.custom}
        yield sup


def _supervision(
    ident: str, index: int, duration: float, one: Annotation
) -> SupervisionSegment:
    if one.kind == "caption":
        return caption(ident, index, duration, one.text)
    if one.kind == "speech":
        return speech(
            ident,
            index,
            one.onset,
            one.offset,
            text=one.text or None,
            speaker=one.speaker,
            alignment=one.alignment,
        )
    named: dict[str, Any] = {
        "phrase": one.text,
        "label": one.label,
        "mid": one.mid,
        "confidence": one.confidence,
    }
    if one.kind == "tag":
        return tag(ident, index, duration, **named)
    return event(ident, index, one.onset, one.offset, **named)
