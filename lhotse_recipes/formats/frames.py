"""Events as a DataFrame of pandas, and its files: csv and parquet.

A row per event with the columns filename, onset, offset, event_label, phrase,
mid and score; a clip without events is a row with its name alone.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lhotse.cut import Cut

from lhotse_recipes.clips import Clip, ClipTable
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.formats.dcase import read_events
from lhotse_recipes.io import write_atomically

if TYPE_CHECKING:
    import pandas

__all__ = [
    "clips_frame",
    "events_frame",
    "export_csv",
    "export_parquet",
    "read_frame",
    "read_parquet",
]

_TEXTS = ("filename", "event_label", "phrase", "mid")
_COLUMNS = (
    "filename", "onset", "offset", "event_label", "phrase", "mid", "score",
)  # fmt: skip


def clips_frame(clips: Iterable[Clip]) -> "pandas.DataFrame":
    """
    The events of clips as a table.

    :param clips: the clips.
    :return: a row per event; see the module.
    """
    import pandas

    rows: list[tuple] = []
    for clip in clips:
        events = clip.of_kind("event")
        if not events:
            rows.append((clip.name, *[None] * (len(_COLUMNS) - 1)))
        rows += [
            (
                clip.name,
                one.onset,
                one.offset,
                one.label,
                one.text,
                one.mid,
                one.confidence,
            )
            for one in events
        ]
    table = pandas.DataFrame(rows, columns=list(_COLUMNS))
    numbers = [name for name in _COLUMNS if name not in _TEXTS]
    return table.astype(
        {**dict.fromkeys(_TEXTS, "string"), **dict.fromkeys(numbers, float)}
    )


def events_frame(cuts: Iterable[Cut]) -> "pandas.DataFrame":
    """
    The events of cuts as a table.

    :param cuts: a CutSet.
    :return: a row per event; see the module.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> list(events_frame([dummy_cut(0)])["filename"])
    ['dummy-mono-cut-0000.wav']
    """
    return clips_frame(clips_of(cuts))


def read_frame(
    frame: "pandas.DataFrame", table: ClipTable, where: str = "the table"
) -> None:
    """
    Read a table of events.

    :param frame: columns filename, onset, offset and event_label; phrase, mid
        and score where they are known.
    :param table: gets the clips.
    :param where: its name, for messages.
    :raises ValueError: a column is missing, or a row malformed.
    """
    if "event_label" not in frame and "phrase" in frame:
        frame = frame.assign(event_label=frame["phrase"])
    missing = {"filename", "onset", "offset", "event_label"} - set(
        frame.columns
    )
    if missing:
        raise ValueError(
            f"{where}: no column {', '.join(sorted(missing))}; it has "
            f"{', '.join(map(str, frame.columns)) or 'none'}"
        )
    used = [name for name in _COLUMNS if name in frame]
    read_events(_rows(frame[used], where), table)


def _rows(frame: Any, where: str) -> Iterator[tuple[str, dict[str, str]]]:
    names = list(frame.columns)
    for number, values in enumerate(frame.itertuples(index=False), 1):
        yield (
            f"{where}: row {number}",
            {
                name: "" if _is_missing(value) else str(value)
                for name, value in zip(names, values, strict=True)
            },
        )


def _is_missing(value: Any) -> bool:
    import pandas

    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value is pandas.NA or value is pandas.NaT


def read_parquet(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read a parquet file of events, see :func:`read_frame`.

    :param path: ``.parquet``.
    :param table: gets the clips.
    :param encoding: has no effect, parquet has its own.
    :raises ValueError: no such file, or a malformed row.
    :raises ImportError: pyarrow is missing.
    """
    _need_pyarrow()
    import pandas

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        frame = pandas.read_parquet(path)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{path}: no whole parquet file ({error}); write it again"
        ) from error
    read_frame(frame, table, str(path))


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "parquet needs pyarrow: pip install 'speechbrain-opensed[tables]'"
        ) from error


def export_csv(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write events as csv, with a header and quotes where they are needed.

    It holds names, times, labels, phrases, ids and confidences; not tags and
    captions.

    :param cuts: a CutSet.
    :param path: ``.csv``.
    :return: the file.
    """
    frame = events_frame(cuts)
    with write_atomically(path) as file:
        frame.to_csv(file, index=False)
    return Path(path)


def export_parquet(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write events as parquet, with what :func:`export_csv` holds.

    :param cuts: a CutSet.
    :param path: ``.parquet``.
    :return: the file.
    :raises ImportError: pyarrow is missing.
    """
    _need_pyarrow()
    frame = events_frame(cuts)
    with write_atomically(path, "wb") as file:
        frame.to_parquet(file, index=False)
    return Path(path)
