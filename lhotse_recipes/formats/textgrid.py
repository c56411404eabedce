"""Praat's TextGrids: an interval tier per label, phrases as its text.

What is said has tiers of its own, ``speech`` or ``speech: <speaker>``; where
only the speaker is known, the text is ``(speaks)``. When each word or phone of
it is said stands in the tiers below, ``speech (word): <speaker>``. A class that
is called like one of these has the tier ``event: speech``.

https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem

from lhotse_recipes.clips import Annotation, Clip, ClipTable
from lhotse_recipes.formats.text import export_each, seconds
from lhotse_recipes.io import read_text

__all__ = ["export_textgrid", "read_textgrid", "textgrid_text"]

_SPEECH = re.compile(r"speech(?: \(([^()]+)\))?(?:: (.+))?")
_SPEAKS = "(speaks)"
_EVENT = "event: "

# Praat reads strings, <flags> and numbers that stand alone; all other words
# of the long format are for people, and so is what follows a "!".
_TOKEN = re.compile(
    r'"(?:[^"]|"")*"|(?<!\S)![^\r\n]*|(?<!\S)<\w+>|(?<!\S)[-+]?[\d.]+(?:[eE][-+]?\d+)?(?!\S)'
)


def read_textgrid(
    path: str | Path,
    table: ClipTable,
    encoding: str = "utf-8",
    labels: str = "tier",
) -> None:
    """
    Read the TextGrid of the recording that is called like it.

    :param path: ``.TextGrid``, long or short format, also Praat's UTF-16.
    :param table: gets the clip.
    :param encoding: of the text.
    :param labels: "tier": a tier is called like its class and an interval's
        text is the phrase, as we write them; "text": an interval's text is
        the class.
    :raises ValueError: no TextGrid, or one that ends early.
    """
    if labels not in ("tier", "text"):
        raise ValueError(f"labels must be 'tier' or 'text', not {labels!r}")
    path = Path(path)
    clip = table.clip(f"{path}:1", path.stem, new=True)
    text = read_text(path, encoding)
    tokens = _Tokens(path, text)
    if tokens.next(str) != "ooTextFile" or tokens.next(str) != "TextGrid":
        raise ValueError(f"{path}: no TextGrid; save it as text in Praat")
    tokens.next(float)
    clip.duration = tokens.next(float)
    if tokens.next(None) == "<absent>":
        return
    said_by = _Said(path.stem, table)
    for _ in range(int(tokens.next(float))):
        kind, tier = tokens.next(str), tokens.next(str)
        spoken = _SPEECH.fullmatch(tier)
        if spoken:
            said_by.begin(*spoken.groups())
        tokens.next(float)
        tokens.next(float)
        for _ in range(int(tokens.next(float))):
            where = tokens.where
            start = tokens.next(float)
            end = tokens.next(float) if kind == "IntervalTier" else start
            said = tokens.next(str).strip()
            if said and spoken:
                said_by.add(where, start, end, said)
            elif said:
                name = tier
                if _SPEECH.fullmatch(tier.removeprefix(_EVENT)):
                    name = tier.removeprefix(_EVENT)
                label, phrase = (
                    (name, said) if labels == "tier" else (said, None)
                )
                table.event(where, path.stem, start, end, label, phrase)
    said_by.finish()


class _Said:
    """Tiers of speech, and those of its words, which lie below them."""

    def __init__(self, name: str, table: ClipTable):
        self.name, self.table = name, table
        self.tiers: list[tuple[str | None, list, list]] = []

    def begin(self, kind: str | None, speaker: str | None) -> None:
        """A tier begins; of words, if it has a kind."""
        self.kind = kind
        same = [one for one in self.tiers if one[0] == speaker]
        if kind is None or not same:
            same = [(speaker, [], [])]
            self.tiers += same
        _, self.lines, self.words = same[-1]

    def add(self, where: str, start: float, end: float, text: str) -> None:
        """An interval of the tier."""
        if self.kind is None:
            self.lines.append((where, start, end, text))
        else:
            length = round(end - start, 8)
            item = AlignmentItem(text, start, length, None)
            self.words.append((where, self.kind, item))

    def finish(self) -> None:
        """All tiers are read."""
        for speaker, lines, words in self.tiers:
            for where, start, end, text in lines:
                alignment: dict[str, list[AlignmentItem]] = {}
                for word in words[:]:
                    _, kind, item = word
                    if start <= item.start + item.duration / 2 <= end:
                        alignment.setdefault(kind, []).append(item)
                        words.remove(word)
                self.table.speech(
                    where,
                    self.name,
                    start,
                    end,
                    text="" if text == _SPEAKS and speaker else text,
                    speaker=speaker,
                    alignment=alignment,
                )
            for where, *_ in words:
                self.table.report.drop("words outside of what is said", where)


class _Tokens:
    def __init__(self, path: Path, text: str):
        self.path, self.text = path, text
        self.found: Iterator[re.Match] = (
            match
            for match in _TOKEN.finditer(text)
            if not match.group().startswith("!")
        )
        self.position, self.line = 0, 1

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.path}:{self.line}"

    def next(self, kind: type | None) -> Any:
        """The next string, number or flag."""
        match = next(self.found, None)
        token = match.group() if match else ""
        end = match.end() if match else len(self.text)
        self.line += self.text.count("\n", self.position, end)
        self.position = end
        try:
            if kind is float:
                return float(token)
        except ValueError:
            token = ""
        quoted = token.startswith('"')
        flag = token.startswith("<")
        if not token or (kind is str) != quoted or (kind is None) != flag:
            raise ValueError(
                f"{self.where}: not what a TextGrid has at this place; save "
                "it as text in Praat again"
            )
        return token[1:-1].replace('""', '"') if quoted else token


def textgrid_text(clip: Clip, labels: Iterable[str] = ()) -> str:
    """
    A clip's TextGrid in the long format.

    Events of one label that overlap go to several tiers of the same name.

    :param clip: the clip; its duration is known.
    :param labels: those that get a tier, and come first, even without events.
    :return: the text of the file.
    """
    events = clip.of_kind("event")
    said = [
        replace(
            one,
            label=f"speech: {one.speaker}" if one.speaker else "speech",
            text=one.text or _SPEAKS,
        )
        for one in clip.of_kind("speech")
    ]
    of_label: dict[str, list[Annotation]] = {
        _tier(label): [] for label in labels
    }
    for one in events:
        of_label.setdefault(_tier(one.label), []).append(one)
    for one in said:
        of_label.setdefault(one.label, []).append(one)
    tiers = [
        tier
        for label, some in of_label.items()
        for lane in _lanes(some)
        for tier in ((label, lane), *_words(lane))
    ]
    end = seconds(
        max([clip.known_duration, *(one.offset for one in (*events, *said))])
    )
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
    ]
    # Praat 6.1 crashes on a TextGrid without any tier.
    tiers = tiers or [("events", [])]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (label, lane) in enumerate(tiers, 1):
        intervals = list(_gapless(lane, end))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(label)}",
            "        xmin = 0",
            f"        xmax = {end}",
            f"        intervals: size = {len(intervals)}",
        ]
        for index, (start, stop, text) in enumerate(intervals, 1):
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {start}",
                f"            xmax = {stop}",
                f"            text = {_quoted(text)}",
            ]
    return "\n".join(lines) + "\n"


def _tier(label: str) -> str:
    return f"{_EVENT}{label}" if _SPEECH.fullmatch(label) else label


def _words(
    lane: list[Annotation],
) -> Iterator[tuple[str, list[Annotation]]]:
    """The tiers of the words in a tier of speech."""
    kinds = dict.fromkeys(kind for one in lane for kind in one.alignment)
    for kind in kinds:
        words = [
            Annotation("word", item.symbol, "", item.start, round(item.end, 8))
            for one in lane
            for item in one.alignment.get(kind, ())
            # Praat has no interval without a length or text.
            if item.duration > 0 and item.symbol.strip()
        ]
        speaker = f": {lane[0].speaker}" if lane[0].speaker else ""
        for some in _lanes(words):
            yield f"speech ({kind}){speaker}", some


def _lanes(events: Iterable[Annotation]) -> list[list[Annotation]]:
    lanes: list[list[Annotation]] = [[]]
    for one in sorted(events, key=lambda one: (one.onset, one.offset)):
        free = (
            lane for lane in lanes if not lane or lane[-1].offset <= one.onset
        )
        lane = next(free, None)
        if lane is None:
            lanes.append([one])
        else:
            lane.append(one)
    return lanes


def _gapless(
    lane: list[Annotation], end: str
) -> Iterator[tuple[str, str, str]]:
    """Praat wants silence to be an interval without text."""
    position = seconds(0.0)
    for one in lane:
        onset, offset = seconds(one.onset), seconds(one.offset)
        if onset != position:
            yield position, onset, ""
        yield onset, offset, one.text
        position = offset
    if position != end:
        yield position, end, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def export_textgrid(cuts: Iterable[Cut], output_dir: str | Path) -> list[Path]:
    """
    Write a TextGrid per cut.

    It holds times, labels and phrases, speech and speakers and when each word
    is said; not confidences, tags and captions.

    :param cuts: a CutSet.
    :param output_dir: folder of the ``.TextGrid`` files.
    :return: the files.
    """
    return export_each(cuts, output_dir, ".TextGrid", textgrid_text)
