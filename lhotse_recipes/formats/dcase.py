"""Tables of events: DCASE's tsv and csv, and sed_eval's text files.

A table has a header with some of filename, onset, offset, event_label (or
event_labels: tags separated by commas) and score; a row with a filename alone
is a clip without events. Without a header a line is, as in dcase_util,
``onset offset label``, ``file onset offset label`` or
``file scene onset offset label``, or a file alone.
See https://dcase.community and https://tut-arg.github.io/sed_eval.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lhotse.cut import Cut

from lhotse_recipes.clips import Annotation, Clip, ClipTable
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.formats.text import seconds, single_line
from lhotse_recipes.io import (
    quoted,
    read_rows,
    read_text,
    unquoted,
    write_atomically,
)

__all__ = [
    "dcase_lines",
    "export_dcase",
    "read_dcase",
    "read_durations",
    "read_events",
]

_HEADER = {"filename", "onset", "offset", "event_label", "event_labels"}
_COLUMNS = ("filename", "onset", "offset", "event_label")


def read_dcase(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read a table of events or tags.

    :param path: tsv, csv or txt. Where no column names the audio, the table
        is about the recording called like it.
    :param table: gets the clips.
    :param encoding: of the text.
    :raises ValueError: a malformed row, named by file and line.
    """
    path = Path(path)
    text = read_text(path, encoding)
    first = next((line for line in text.splitlines() if line.strip()), "")
    columns = [name.strip().strip('"') for name in re.split("[\t,;]", first)]
    if _HEADER & set(columns):
        delimiter = next((sign for sign in "\t,;" if sign in first), "\t")
        _read_with_header(path, table, columns, delimiter, encoding)
        return
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        fields = _fields(line)
        if not fields:
            continue
        name, scene_and_times = _split(path.stem, fields, where)
        if not scene_and_times:
            table.clip(where, name)
        else:
            table.event(where, name, *scene_and_times[-3:])
    if not first:
        table.clip(f"{path}:1", path.stem)


def _read_with_header(path, table, columns, delimiter, encoding):
    # What a detection's to_dataframe() gives calls the class a phrase.
    label = "phrase" if "event_label" not in columns else "event_label"
    timed = "event_labels" not in columns and len(_HEADER & set(columns)) > 1
    needed = ("onset", "offset", label) if timed else ("filename",)
    rows = read_rows(path, needed, delimiter, encoding)
    if timed:
        read_events(rows, table, path.stem, label)
        return
    for where, row in rows:
        name = row.get("filename", path.stem)
        labels = row.get("event_labels", "").strip()
        table.clip(where, name, new=True)
        table.tags(where, name, labels.split(",") if labels else ())


def read_events(
    rows: Iterable[tuple[str, dict[str, str]]],
    table: ClipTable,
    name: str = "",
    label: str = "event_label",
) -> None:
    """
    Read rows of events.

    :param rows: ``"file:line"`` and onset, offset, a label and perhaps
        filename, phrase, mid and score; empty where there is none.
    :param table: gets the clips.
    :param name: of the audio, where no column names it.
    :param label: the column of the class.
    :raises ValueError: a malformed row.
    """
    for where, row in rows:
        clip = row.get("filename", name)
        if not any(row[key].strip() for key in ("onset", "offset", label)):
            table.clip(where, clip)
            continue
        score = row.get("score", "").strip()
        table.event(
            where,
            clip,
            row["onset"],
            row["offset"],
            row[label],
            row.get("phrase") or None,
            mid=row.get("mid") or None,
            confidence=_score(where, score) if score else None,
        )


def _score(where, text):
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(
            f"{where}: the score {text!r} is no number; correct the row"
        ) from error


def _fields(line: str) -> list[str]:
    """A line's fields: parted by tabs, by commas, or by blanks."""
    if "\t" in line:
        cells = line.rstrip().split("\t")
        return [unquoted(field.strip()) for field in cells]
    numbers = re.findall(r"(?:^|[,;])\s*[-+\d.eE]+\s*(?=[,;]|$)", line)
    if len(numbers) >= 2:
        return _cells(line)
    fields = line.split()
    # Labels may have blanks, names and times have none.
    for index in range(2, len(fields)):
        if list(map(_is_number, fields[index - 2 : index + 1])) == [
            True,
            True,
            False,
        ]:
            return [*fields[:index], unquoted(" ".join(fields[index:]))]
    return [unquoted(line.strip())] if fields else []


def _cells(line: str) -> list[str]:
    """What stands between commas or semicolons that are not in quotes."""
    for sign in ",;":
        (row,) = csv.reader([line], delimiter=sign, skipinitialspace=True)
        if sum(map(_is_number, row)) >= 2:
            return [cell.strip() for cell in row]
    return [cell.strip() for cell in re.split("[,;]", line)]


def _split(stem: str, fields: list[str], where: str) -> tuple[str, list[str]]:
    if len(fields) == 1:
        return fields[0], []
    if len(fields) == 3 and _is_number(fields[0]):
        return stem, fields
    if len(fields) in (4, 5):
        return fields[0], fields[1:]
    raise ValueError(
        f"{where}: {len(fields)} fields; write onset, offset, label, perhaps "
        "with the file and its scene before them, parted by tabs"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_durations(
    path: str | Path, encoding: str = "utf-8"
) -> dict[str, float]:
    """
    Read a table of filename and duration, with or without a header.

    :param path: tsv or csv.
    :param encoding: of the text.
    :return: name → seconds.
    :raises ValueError: a malformed row, or a name that occurs twice.
    """
    durations: dict[str, float] = {}
    for number, line in enumerate(read_text(path, encoding).splitlines(), 1):
        where = f"{path}:{number}"
        sign = "\t" if "\t" in line else ","
        fields = (
            [unquoted(cell.strip()) for cell in line.split(sign)]
            if sign == "\t"
            else [cell.strip() for cell in next(csv.reader([line]), [])]
        )
        if not line.strip() or (number == 1 and fields[-1] == "duration"):
            continue
        if len(fields) != 2 or not _is_number(fields[1]):
            raise ValueError(
                f"{where}: {line!r} is no pair of filename and seconds; "
                "correct the row"
            )
        if fields[0] in durations:
            raise ValueError(f"{where}: {fields[0]} occurs twice; keep one")
        durations[fields[0]] = float(fields[1])
    return durations


def dcase_lines(clips: Iterable[Clip], scores: bool) -> Iterator[str]:
    """
    The lines of a DCASE table of events.

    :param clips: clips; one without events is a row with its name alone.
    :param scores: whether to write confidences as a fifth column.
    :return: lines with their ends.

    >>> clip = Clip("yard", "yard.wav")
    >>> clip.annotations += [Annotation("event", "dog", "Dog", 0.5, 1.25)]
    >>> [line.split() for line in dcase_lines([clip], scores=False)][1]
    ['yard.wav', '0.500', '1.250', 'Dog']
    """
    columns = (*_COLUMNS, "score") if scores else _COLUMNS
    yield "\t".join(columns) + "\n"
    for clip in clips:
        name = quoted(single_line(clip.name))
        events = clip.of_kind("event")
        if not events:
            yield name + "\t" * (len(columns) - 1) + "\n"
        for one in events:
            row = [name, seconds(one.onset), seconds(one.offset)]
            row.append(quoted(single_line(one.label)))
            if scores:
                row.append(_written(one))
            yield "\t".join(row) + "\n"


def _written(one: Annotation) -> str:
    return "" if one.confidence is None else repr(float(one.confidence))


def export_dcase(
    cuts: Iterable[Cut],
    path: str | Path,
    durations: str | Path | None = None,
) -> Path:
    """
    Write the events of cuts as a DCASE table.

    It holds names, times, labels and, where an event has one, confidences;
    not phrases, tags and captions.

    :param cuts: a CutSet.
    :param path: the table, ``.tsv``.
    :param durations: where to write the table of durations, if wanted.
    :return: the table.
    :raises ValueError: two cuts of one name, or a tab in a label.
    """
    clips = list(clips_of(cuts))
    scores = any(
        one.confidence is not None for c in clips for one in c.of_kind("event")
    )
    with write_atomically(path) as file:
        file.writelines(dcase_lines(clips, scores))
    if durations is not None:
        with write_atomically(durations) as file:
            file.write("filename\tduration\n")
            for clip in clips:
                file.write(f"{clip.name}\t{seconds(clip.known_duration)}\n")
    return Path(path)
