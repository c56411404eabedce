"""Tables of events from files, made comparable.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lhotse_recipes.building.corpus import find_files
from lhotse_recipes.building.plausibility import spellings
from lhotse_recipes.clips import ClipTable, clip_id
from lhotse_recipes.formats.dcase import read_dcase, read_durations
from lhotse_recipes.io import PrepareReport

__all__ = ["EventTable", "find_event_tables", "read_event_tables"]

_SUFFIXES = (".tsv", ".csv", ".txt")

Spans = list[tuple[float, float, str]]


@dataclass
class EventTable:
    """The events of one file.

    Arguments
    ---------
    path : Path
        The file.
    events : dict[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, by clip.
    notes : list[str]
        What was odd or left out, in words.

    Example
    -------
    >>> EventTable(Path("a.tsv"), {"a": [(0.0, 1.0, "dog")]}).number
    1
    """

    path: Path
    events: dict[str, Spans]
    notes: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Number of events."""
        return sum(map(len, self.events.values()))

    @property
    def labels(self) -> set[str]:
        """The classes that occur."""
        return {e[2] for spans in self.events.values() for e in spans}

    @property
    def only_clip(self) -> bool:
        """Whether no row names a clip, so that it is called like the file."""
        return list(self.events) == [self.path.stem]


def find_event_tables(paths: Sequence[str | Path]) -> list[Path]:
    """Files, and those of folders.

    Arguments
    ---------
    paths : Sequence[str | Path]
        Tables (``.tsv``, ``.csv``, ``.txt``), and folders of such.

    Returns
    -------
    list[Path]

    Raises
    ------
    FileNotFoundError
        If there is none.

    Example
    -------
    >>> find_event_tables(["gone.tsv"])
    Traceback (most recent call last):
    FileNotFoundError: gone.tsv: no such file or folder
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = list(map(Path, find_files(path, _SUFFIXES)))
            if not inside:
                raise FileNotFoundError(
                    f"{path}: no table in it; they end in "
                    + ", ".join(_SUFFIXES)
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")
    return found


def read_event_tables(
    reference: str | Path,
    detected: Sequence[str | Path],
    durations: str | Path | None = None,
    encoding: str = "utf-8",
) -> tuple[EventTable, list[EventTable], dict[str, float] | None]:
    """Read true and detected events of the same clips.

    Files may be named with or without folders and suffix. Where a pair of
    tables names no clip at all, as those of sed_eval, both are of one.

    Arguments
    ---------
    reference : str or Path
        Table of the true events, in any form that
        :func:`lhotse_recipes.formats.read_dcase` knows.
    detected : Sequence[str | Path]
        Tables of detections.
    durations : str or Path, optional
        Table of the clips' filename and duration.
    encoding : str
        Of the text.

    Returns
    -------
    reference : EventTable
        With all clips of the durations.
    detected : list[EventTable]
        One for each table.
    durations : dict[str, float] or None
        Seconds by clip.

    Raises
    ------
    ValueError
        If a row is malformed, clips have no duration, no clip is in both
        tables, or times cannot be in seconds.

    Example
    -------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("true.txt", "found.txt"):
    ...     _ = (folder / name).write_text("0.5\\t1.0\\tdog\\n")
    >>> true, [found], _ = read_event_tables(
    ...     folder / "true.txt", [folder / "found.txt"]
    ... )
    >>> true.events == found.events
    True
    """
    true = _read(Path(reference), encoding)
    if not true.number:
        raise ValueError(f"{reference}: no event in it: nothing to evaluate")
    seconds = None
    if durations is not None:
        named = read_durations(durations, encoding)
        seconds = {clip_id(name): length for name, length in named.items()}
        if true.only_clip and len(seconds) == 1:
            true.events = {next(iter(seconds)): true.events[true.path.stem]}
        for clip, length in seconds.items():
            if not 0 < length < float("inf"):
                raise ValueError(
                    f"{durations}: the duration of {clip} is {length}; give "
                    "seconds"
                )
            true.events.setdefault(clip, [])
        _check_ends(true, seconds, durations)
    tables = []
    for path in map(Path, detected):
        found = _read(path, encoding)
        if found.only_clip and len(true.events) == 1:
            found.events = {next(iter(true.events)): found.events[path.stem]}
        _check_clips(true, found, seconds, durations)
        if seconds is not None:
            _check_ends(found, seconds, durations)
        _compare(true, found)
        tables.append(found)
    return true, tables, seconds


def _read(path: Path, encoding: str) -> EventTable:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    report = PrepareReport("table", path.name)
    rows = ClipTable(report, keep_repeated=True)
    read_dcase(path, rows, encoding)
    events = {
        clip.id: [
            (one.onset, one.offset, str(one.label))
            for one in clip.of_kind("event")
        ]
        for clip in rows.clips
    }
    table = EventTable(path, events)
    tags = sum(len(clip.of_kind("tag")) for clip in rows.clips)
    if tags:
        table.notes.append(f"{path}: {tags} tags without times passed over")
    for reason, items in report.dropped.items():
        table.notes.append(f"{reason}: {len(items)} ({items[0]})")
    return table


def _check_clips(
    true: EventTable,
    found: EventTable,
    seconds: Mapping[str, float] | None,
    durations: str | Path | None,
) -> None:
    unknown = [clip for clip in found.events if clip not in true.events]
    if not unknown:
        return
    if seconds is not None:
        raise ValueError(
            f"{found.path}: {len(unknown)} clips are not in {durations}, such "
            f"as {unknown[0]}; complete the durations, or remove the rows"
        )
    if len(unknown) == len(found.events):
        raise ValueError(
            f"{found.path}: none of its {len(unknown)} clips, such as "
            f"{unknown[0]}, is in {true.path}, which has "
            f"{next(iter(true.events))}; name the clips alike"
        )
    number = sum(len(found.events[clip]) for clip in unknown)
    found.notes.append(
        f"{found.path}: {number} detections in {len(unknown)} clips that the "
        f"reference does not name, such as {unknown[0]}: false alarms"
    )


def _check_ends(
    table: EventTable,
    seconds: Mapping[str, float],
    durations: str | Path | None,
) -> None:
    missing = [clip for clip in table.events if clip not in seconds]
    if missing:
        raise ValueError(
            f"{durations}: no duration of {len(missing)} clips of "
            f"{table.path}, such as {missing[0]}; complete the table"
        )
    behind = [
        (clip, *event)
        for clip, spans in table.events.items()
        for event in spans
        if event[0] > 1.02 * seconds[clip] or event[1] > 5 * seconds[clip]
    ]
    if not behind:
        return
    clip, onset, offset, _ = behind[0]
    words = (
        f"{table.path}: {len(behind)} of {table.number} events lie behind the "
        f"end of their clip, such as {onset:g} to {offset:g} of {clip}, which "
        f"lasts {seconds[clip]:g} s"
    )
    if 2 * len(behind) > table.number:
        raise ValueError(
            f"{words}: are the times, or the durations, not in seconds?"
        )
    table.notes.append(words)


def _compare(true: EventTable, found: EventTable) -> None:
    """Notes on labels and times that do not fit together."""
    for group in spellings(true.labels | found.labels):
        found.notes.append(
            f"{found.path}: labels that differ in spelling alone: "
            + ", ".join(map(repr, group))
        )
    other = sorted(found.labels - true.labels)
    if other:
        found.notes.append(
            f"{found.path}: {len(other)} classes without events in the "
            f"reference, such as {other[0]!r}: false alarms"
        )
    last, latest = (
        max((e[1] for spans in t.events.values() for e in spans), default=0.0)
        for t in (true, found)
    )
    if last and latest and not 0.02 < latest / last < 50:
        found.notes.append(
            f"{found.path}: the last detection ends at {latest:g}, the last "
            f"event at {last:g}: are both in seconds?"
        )
