"""Clotho: Freesound recordings of 15 to 30 s with five captions each.

Drossos et al., "Clotho: an audio captioning dataset" (ICASSP 2020),
https://zenodo.org/records/4783391 (version 2.1). Captions: Tampere University
licence, non-commercial research; audio: Creative Commons, by file.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch, zenodo_files
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.importing import choose, prepare_tables
from lhotse_recipes.io import read_rows, write_atomically

__all__ = ["download_clotho", "prepare_clotho", "read_clotho"]

_RECORD = 4783391
# The parts by their official names, and as retrieval work calls them.
_PARTS = {"development": "train", "validation": "val", "evaluation": "test"}
_CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))


def prepare_clotho(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of Clotho.

    :param corpus_dir: folder of the audio (and the tables).
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: "development", "validation", "evaluation" or several; "auto"
        takes those whose table (``clotho_captions_development.csv`` or
        ``train.csv``, ...) is there.
    :param annotations_dir: folder of the tables, if another.
    :param encoding: of the tables.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed row, or a file name that occurs twice.
    """
    return prepare_tables(
        {
            part: (f"clotho_captions_{part}.csv", f"{short}.csv")
            for part, short in _PARTS.items()
        },
        read_clotho,
        (corpus_dir, annotations_dir),
        prefix="clotho",
        source=f"https://zenodo.org/records/{_RECORD}",
        parts=parts,
        encoding=encoding,
        output_dir=output_dir,
        **options,
    )


def read_clotho(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read one of the tables.

    :param path: csv with the columns file_name and caption_1 to caption_5.
    :param table: gets the clips.
    :param encoding: of the text.
    :raises ValueError: a malformed row, or a file name that occurs twice.
    """
    columns = ("file_name", *_CAPTIONS)
    for where, row in read_rows(path, columns, encoding=encoding):
        table.clip(where, row["file_name"], new=True)
        for column in _CAPTIONS:
            table.caption(where, row["file_name"], row[column])


def download_clotho(
    target_dir: str | Path = ".",
    parts: str | Sequence[str] = "auto",
    force_download: bool = False,
) -> Path:
    """
    Fetch Clotho 2.1 from Zenodo (record 4783391, about 7 GB).

    Its audio comes in .7z archives, which the Python package py7zr opens.

    :param target_dir: the corpus's folder ``Clotho`` is made here.
    :param parts: "development", "validation", "evaluation" or several; all by
        default.
    :param force_download: fetch and unpack again what is there.
    :return: the corpus's folder; it has a folder and a table per part.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    :raises ValueError: what arrived is damaged, or py7zr is missing.
    """
    try:
        import py7zr
    except ImportError as error:
        raise ValueError(
            "Clotho's audio is packed as .7z; pip install py7zr, then run the "
            "same command again"
        ) from error
    root = Path(target_dir) / "Clotho"
    for part in choose(parts, list(_PARTS), list(_PARTS)):
        names = [f"clotho_audio_{part}.7z", f"clotho_captions_{part}.csv"]
        if _is_whole(root, part) and not force_download:
            print(f"{root / part} is there already")
            continue
        archive, captions = (
            fetch(file, root.with_name("Clotho.archives"), force_download)
            for file in zenodo_files(_RECORD, names)
        )
        _unpack_7z(py7zr, archive, root / part)
        with write_atomically(root / captions.name, "wb") as file:
            file.write(captions.read_bytes())
    return root


def _is_whole(root: Path, part: str) -> bool:
    """Whether a part's table is there and all the audio that it lists."""
    table = root / f"clotho_captions_{part}.csv"
    if not (table.is_file() and (root / part).is_dir()):
        return False
    there = {path.name for path in (root / part).rglob("*")}
    rows = read_rows(table, ("file_name",))
    return all(row["file_name"] in there for _, row in rows)


def _unpack_7z(py7zr: Any, archive: Path, folder: Path) -> None:
    growing = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(growing, ignore_errors=True)
    try:
        with py7zr.SevenZipFile(archive) as opened:
            for member in opened.list():
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in str(path):
                    raise ValueError(
                        f"{archive}: its member {member.filename!r} is a path "
                        "outside, nothing was unpacked; do not trust it"
                    )
            opened.extractall(growing)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(growing, folder)
    except (py7zr.exceptions.ArchiveError, EOFError) as error:
        raise ValueError(
            f"{archive}: damaged archive ({error}); remove it and fetch it "
            "again"
        ) from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)
