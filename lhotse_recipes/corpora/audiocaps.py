"""AudioCaps: captions of AudioSet clips.

Kim et al., "AudioCaps: generating captions for audios in the wild" (NAACL
2019), https://github.com/cdjkim/audiocaps (MIT; audio on YouTube). One
caption per training clip, five per validation and test clip.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch_tables
from lhotse_recipes.building.youtube import name_segments
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.importing import prepare_tables
from lhotse_recipes.io import read_rows

__all__ = ["download_audiocaps", "prepare_audiocaps", "read_audiocaps"]

_HOME = "https://raw.githubusercontent.com/cdjkim/audiocaps/master/dataset"

PARTS = ("train", "val", "test")
_COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")


def prepare_audiocaps(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of AudioCaps, of version 1 or 2.

    A recording's id is the segment's as in AudioSet-Strong (video and start
    in milliseconds), so that both join. Its audio may be named by segment or
    by any of its captions' ``audiocap_id``, also by several of them, as
    audiocaps-download leaves a copy for each caption: copies are counted, and
    one is read.

    :param corpus_dir: folder of the audio (and the tables).
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: "train", "val", "test" or several; "auto" takes those whose
        table (``train.csv``) is there.
    :param annotations_dir: folder of the tables, if another; name it where
        both versions lie side by side.
    :param encoding: of the tables.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed row, or two audio files of one clip that
        are no copies of each other.
    """
    return prepare_tables(
        {part: (f"{part}.csv",) for part in PARTS},
        read_audiocaps,
        (corpus_dir, annotations_dir),
        prefix="audiocaps",
        source="https://github.com/cdjkim/audiocaps",
        parts=parts,
        encoding=encoding,
        copies=True,
        output_dir=output_dir,
        **options,
    )


def read_audiocaps(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read one of the tables.

    :param path: csv with the columns audiocap_id, youtube_id, start_time (in
        seconds) and caption.
    :param table: gets the clips.
    :param encoding: of the text.
    :raises ValueError: a malformed row or an audiocap_id that occurs twice,
        named by file and line.
    """
    seen: dict[str, str] = {}
    for where, row in tqdm(
        read_rows(path, _COLUMNS, encoding=encoding),
        desc=f"audiocaps {table.report.part}: reading captions",
        unit=" rows",
        delay=1,
    ):
        ident, video = row["audiocap_id"].strip(), row["youtube_id"].strip()
        try:
            start = round(1000 * float(row["start_time"]))
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"{where}: the start_time {row['start_time']!r} is no number "
                "of seconds; correct the row"
            ) from error
        if not ident or not video:
            raise ValueError(
                f"{where}: empty audiocap_id or youtube_id; complete the row"
            )
        if ident in seen:
            raise ValueError(
                f"{where}: the audiocap_id {ident} occurs in {seen[ident]} "
                "too; keep one of the two"
            )
        seen[ident] = where
        segment = f"{video}_{start}"
        table.clip(where, segment).aliases += (ident,)
        table.caption(where, segment, row["caption"], {"audiocap_id": ident})
    name_segments(table.clips)


def download_audiocaps(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the tables of captions; the audio is not offered.

    :param target_dir: the folder ``AudioCaps`` is made here.
    :param force_download: fetch again what is there.
    :return: the folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    """
    urls = [f"{_HOME}/{part}.csv" for part in PARTS]
    return fetch_tables(urls, target_dir, "AudioCaps", force_download)
