"""Lay speech and sounds out as captions, and write them.

WebVTT is https://www.w3.org/TR/webvtt1/; SubRip has no standard, what players
agree on is written. Captions never overlap and have at most two lines of 42
characters. Sounds are in brackets, as for the deaf and hard of hearing.

Authors
 * The speechbrain-opensed contributors 2026
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from speechbrain_opensed.evaluation.speech_lines import SpeechLine

__all__ = ["Cue", "lay_out", "to_srt", "to_vtt"]

_WIDTH = 42
_LONGEST_SOUND = 5.0
_SHORTEST = 0.5


@dataclass(frozen=True)
class Cue:
    """What is on the screen at one time.

    Arguments
    ---------
    start, end : float
        Seconds.
    lines : tuple of str
        One or two.

    Example
    -------
    >>> Cue(0.0, 1.0, ("[rain]",)).lines
    ('[rain]',)
    """

    start: float
    end: float
    lines: tuple[str, ...]


def lay_out(
    speech: Sequence[SpeechLine],
    sounds: Sequence[tuple[float, float, str]],
    under: Sequence[tuple[float, float, str]],
) -> list[Cue]:
    """Captions of speech and sounds.

    Arguments
    ---------
    speech : sequence of SpeechLine
        What was said.
    sounds : sequence of (onset, offset, phrase)
        Sounds without speech; one is shown for five seconds at most.
    under : sequence of (onset, offset, phrase)
        Sounds under speech: shown above the words that they begin in.

    Returns
    -------
    list of Cue
        By start; each ends before the next one starts.

    Example
    -------
    >>> line = SpeechLine(2.0, 3.0, "Come here!")
    >>> for cue in lay_out([line], [(0, 1, "rain")], [(2, 3, "dog barking")]):
    ...     print(cue)
    Cue(start=0, end=1, lines=('[rain]',))
    Cue(start=2.0, end=3.0, lines=('[dog barking]', 'Come here!'))
    """
    pages = [page for line in speech for page in _pages(line)]
    pages.sort(key=lambda page: (page[0][0], page[-1][1]))
    if not pages:
        return _apart(_sound_cues([*sounds, *under]))
    labels: list[list[str]] = [[] for _ in pages]
    for onset, _, phrase in sorted(under):
        # Not before it begins, unless nothing is said after that.
        place = next(
            (n for n, page in enumerate(pages) if page[-1][1] > onset),
            len(pages) - 1,
        )
        if f"[{phrase}]" not in labels[place]:
            labels[place].append(f"[{phrase}]")
    cues = [
        cue
        for page, label in zip(pages, labels, strict=True)
        for cue in _speech_cues(page, label)
    ]
    return _apart([*cues, *_sound_cues(sounds)])


def _timed_words(line: SpeechLine) -> list[tuple[float, float, str]]:
    words = [word for word in line.words if word[2]]
    if not words:
        # Without times of words each letter takes as long as any other.
        texts = line.text.split()
        total = sum(map(len, texts))
        rate, done = (line.offset - line.onset) / total, 0
        for text in texts:
            start = line.onset + rate * done
            done += len(text)
            words.append((start, line.onset + rate * done, text))
        words[-1] = (words[-1][0], line.offset, words[-1][2])
    if line.speaker:
        start, end, text = words[0]
        words[0] = (start, end, f"{line.speaker}: {text}")
    return words


def _rows(words):
    """Words in rows of the width; a longer word is a row that is cut."""
    rows: list[list] = []
    length = _WIDTH + 1
    for start, end, text in words:
        for part in textwrap.wrap(text, _WIDTH):
            length += 1 + len(part)
            if length > _WIDTH:
                rows.append([])
                length = len(part)
            rows[-1].append((start, end, part))
    return rows


def _pages(line: SpeechLine):
    rows = _rows(_timed_words(line))
    for first in range(0, len(rows), 2):
        yield [word for row in rows[first : first + 2] for word in row]


def _text(row):
    return " ".join(text for _, _, text in row)


def _speech_cues(page, labels):
    rows = _rows(page)
    if not labels:
        yield Cue(page[0][0], page[-1][1], tuple(map(_text, rows)))
        return
    above = textwrap.wrap(" ".join(labels), _WIDTH)
    # Each row of speech has one line for sounds above it.
    start, end = page[0][0], page[-1][1]
    for row, label in zip_longest(rows, above):
        start, end = (row[0][0], row[-1][1]) if row else (start, end)
        lines = (label, _text(row) if row else None)
        yield Cue(start, end, tuple(text for text in lines if text))


def _sound_cues(sounds):
    groups: list[tuple[float, float, list[str]]] = []
    for onset, offset, phrase in sorted(sounds):
        offset = min(offset, onset + _LONGEST_SOUND)
        label = f"[{phrase}]"
        if groups and onset < groups[-1][1]:
            start, end, labels = groups[-1]
            if onset - start < _SHORTEST:
                labels += [] if label in labels else [label]
                groups[-1] = (start, max(end, offset), labels)
                continue
            groups[-1] = (start, onset, labels)
        groups.append((onset, offset, [label]))
    for start, end, labels in groups:
        rows = textwrap.wrap(" ".join(labels), _WIDTH)
        pairs = [rows[first : first + 2] for first in range(0, len(rows), 2)]
        step = (end - start) / len(pairs)
        for number, pair in enumerate(pairs):
            stop = end if number == len(pairs) - 1 else start + step
            yield Cue(start, stop, tuple(pair))
            start = stop


def _apart(cues: Iterable[Cue]) -> list[Cue]:
    """Captions in order, of at least a millisecond, that do not overlap."""
    found: list[Cue] = []
    for cue in sorted(cues, key=lambda cue: (cue.start, cue.end)):
        cue = replace(cue, end=max(cue.end, cue.start + 0.001))
        if found and cue.start < found[-1].end:
            last = found[-1]
            middle = cue.start
            if cue.start - last.start < _SHORTEST:
                middle = (last.start + max(cue.end, last.end)) / 2
                middle = max(middle, last.start + 0.001)
            found[-1] = replace(last, end=middle)
            cue = replace(
                cue, start=middle, end=max(cue.end, last.end, middle + 0.001)
            )
        found.append(cue)
    return found


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}"


def _blocks(cues: Iterable[Cue], point: str):
    last = 0
    for cue in cues:
        # Rounding must not make a caption empty or let two overlap.
        start = max(last, round(cue.start * 1000))
        last = max(round(cue.end * 1000), start + 1)
        times = f"{_clock(start, point)} --> {_clock(last, point)}"
        yield times, "\n".join(cue.lines)


def to_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT.

    Arguments
    ---------
    cues : iterable of Cue
        From :func:`lay_out`.

    Returns
    -------
    str
        The file's text; `&`, `<` and `>` are escaped.

    Example
    -------
    >>> print(to_vtt([Cue(3600.5, 3601.0, ("a --> b & c",))]), end="")
    WEBVTT
    <BLANKLINE>
    01:00:00.500 --> 01:00:01.000
    a --&gt; b &amp; c
    """
    escape = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    blocks = [
        f"{times}\n{text.translate(escape)}\n"
        for times, text in _blocks(cues, ".")
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def to_srt(cues: Iterable[Cue]) -> str:
    """SubRip.

    Arguments
    ---------
    cues : iterable of Cue
        From :func:`lay_out`.

    Returns
    -------
    str
        The file's text; an arrow in it is written with another sign, which no
        player takes for a line of times.

    Example
    -------
    >>> print(to_srt([Cue(0.0, 1.25, ("[rain]",))]), end="")
    1
    00:00:00,000 --> 00:00:01,250
    [rain]
    """
    return "\n".join(
        f"{number}\n{times}\n{text.replace('-->', '→')}\n"
        for number, (times, text) in enumerate(_blocks(cues, ","), 1)
    )
