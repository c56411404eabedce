"""Selection tables of Raven, and what BirdNET writes like them.

https://www.ravensoundsoftware.com: tab-separated, a row per selection, times
in columns ``Begin Time (s)`` and ``End Time (s)``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from lhotse_recipes.clips import Clip, ClipTable
from lhotse_recipes.formats.text import export_each, seconds, single_line
from lhotse_recipes.io import quoted, read_rows

__all__ = ["export_raven", "is_raven", "raven_text", "read_raven"]

_BEGIN, _END = "Begin Time (s)", "End Time (s)"
# In Raven everyone names this column; these are the names in use.
_LABELS = ("Annotation", "Label", "Common Name", "Species", "Sound", "Tags")
_SCORES = ("Score", "Confidence")
_FILES = ("Begin Path", "Begin File")
_SUFFIXES = (".selections", ".results", ".selection_table", ".selection")
_HEAD = (
    "Selection", "View", "Channel", _BEGIN, _END, "Begin File", "Annotation",
    "Score",
)  # fmt: skip


def is_raven(path: str | Path) -> bool:
    """
    Whether a text is a selection table, by its header.

    :param path: the file.
    :return: False where it cannot be read, too.

    >>> is_raven("nowhere.txt")
    False
    """
    try:
        with open(path, "rb") as file:
            return _BEGIN.encode() in file.readline(10_000)
    except OSError:
        return False


def read_raven(
    path: str | Path,
    table: ClipTable,
    encoding: str = "utf-8",
    label_column: str | None = None,
) -> None:
    """
    Read a selection table.

    A selection that was drawn in several views is one event. Where the table
    names its files, several of them need the column ``File Offset (s)``:
    Raven's other times count from the first one's beginning.

    :param path: ``.txt``.
    :param table: gets the clips. The table is about the recording called like
        it, such as ``yard`` for ``yard.Table.1.selections.txt``, unless a
        column names files. Bounds of frequency are counted, not taken.
    :param encoding: of the text.
    :param label_column: where the class stands; by default the first of
        Annotation, Label, Common Name, Species, Sound and Tags that is there.
    :raises ValueError: a column is missing, or a row is malformed.
    """
    path = Path(path)
    rows = list(read_rows(path, (_BEGIN, _END), "\t", encoding))
    named = _column(rows, _FILES)
    stem = _recording_of(path)
    if named is None:
        table.clip(f"{path}:1", stem, new=True)
    elif "File Offset (s)" not in rows[0][1]:
        files = sorted({row[named].strip() for _, row in rows})
        if len(files) > 1:
            raise ValueError(
                f"{path}: selections of {len(files)} files, but no column "
                f"'File Offset (s)', without which {_BEGIN!r} counts from the "
                f"beginning of {files[0]}; add the column in Raven and save "
                "the table again"
            )
    if not rows:
        return
    label = label_column or _column(rows, _LABELS)
    if label not in rows[0][1]:
        raise ValueError(
            f"{path}:1: no column {label or ' or '.join(_LABELS)} for the "
            f"class, there are {', '.join(rows[0][1])}; name it as "
            "label_column"
        )
    score = _column(rows, _SCORES)
    drawn = set()
    for where, row in rows:
        # Raven writes a selection once for each view that it is drawn in;
        # numbers begin anew where tables of several files were joined.
        file = row[named] if named else ""
        key = row.get("Selection"), row[_BEGIN], row[_END], file, row[label]
        if key[0] and key in drawn:
            table.report.count("further views of a selection passed over")
            continue
        drawn.add(key)
        if row.get("Low Freq (Hz)"):
            table.report.count("bounds of frequency passed over")
        _read_row(
            where, row, label, score, row[named] if named else stem, table
        )


def _column(rows: list[Any], names: Iterable[str]) -> str | None:
    there = rows[0][1] if rows else {}
    return next((name for name in names if name in there), None)


def _recording_of(path: Path) -> str:
    """What the table is about: Raven adds its own words to the name."""
    name = path.stem
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    stem, dot, number = name.rpartition(".Table.")
    return stem if dot and number.isdecimal() else name


def _read_row(where, row, label, score, name, table):
    begin, end = row[_BEGIN], row[_END]
    if row.get("File Offset (s)"):
        try:
            length = float(end) - float(begin)
            begin = float(row["File Offset (s)"])
            end = round(begin + length, 8)
        except ValueError as error:
            raise ValueError(
                f"{where}: {error}; correct the times of the selection"
            ) from error
    if not row[label].strip():
        table.clip(where, name)
        table.report.drop("selections without a label", where)
        return
    confidence = None
    if score is not None and row[score].strip():
        try:
            confidence = float(row[score])
        except ValueError as error:
            raise ValueError(
                f"{where}: the score {row[score]!r} is no number; correct "
                "the row"
            ) from error
    table.event(where, name, begin, end, row[label], confidence=confidence)


def raven_text(clip: Clip) -> str:
    r"""
    A clip's selection table.

    :param clip: the clip.
    :return: a row per event.

    >>> from lhotse_recipes.clips import Annotation
    >>> clip = Clip("yard", "yard.wav")
    >>> clip.annotations += [Annotation("event", "dog", "Dog", 0.5, 1.25)]
    >>> raven_text(clip).splitlines()[1].split("\t")[3:7]
    ['0.500', '1.250', 'yard.wav', 'Dog']
    """
    lines = ["\t".join(_HEAD)]
    # A path of another machine would not be found in Raven.
    name = quoted(single_line(clip.name.replace("\\", "/").split("/")[-1]))
    for number, one in enumerate(clip.of_kind("event"), 1):
        score = "" if one.confidence is None else repr(float(one.confidence))
        row = [f"{number}", "Spectrogram 1", "1"]
        row += [seconds(one.onset), seconds(one.offset), name]
        lines.append("\t".join([*row, quoted(single_line(one.label)), score]))
    return "\n".join(lines) + "\n"


def export_raven(cuts: Iterable[Cut], output_dir: str | Path) -> list[Path]:
    """
    Write a selection table per cut.

    It holds times, labels and confidences; not phrases, tags and captions.

    :param cuts: a CutSet.
    :param output_dir: folder of the ``.selections.txt`` files.
    :return: the files.
    """
    return export_each(cuts, output_dir, ".selections.txt", raven_text)
