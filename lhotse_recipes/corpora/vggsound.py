"""VGGSound: about 200 000 YouTube clips of 10 s with one of 309 classes.

Chen et al., "VGGSound: A Large-scale Audio-Visual Dataset" (ICASSP 2020),
https://www.robots.ox.ac.uk/~vgg/data/vggsound, annotations CC BY 4.0. The audio
is on YouTube and never complete: what is there is used and reported.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    prepare_tagged,
    read_fields,
)
from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch_tables
from lhotse_recipes.importing import find_tables
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_vggsound", "prepare_vggsound"]

_HOME = "https://www.robots.ox.ac.uk/~vgg/data/vggsound"


def prepare_vggsound(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of VGGSound.

    The table is ``vggsound.csv`` (video, start, label, split) or, where that
    is missing, ``train.csv`` and ``test.csv`` (file, label). Audio is named by
    video and start, such as ``glLQrEijrKg_000300.flac``.

    :param corpus_dir: folder with tables and audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`ReadingOptions`.
    :return: ``"train"`` and ``"test"`` →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "vggsound",
        corpus_dir,
        Vocabulary.load("vggsound"),
        _clips,
        output_dir=output_dir,
        splits="official",
        **options,
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    names = {
        "all": ["vggsound.csv"],
        "train": ["train.csv"],
        "test": ["test.csv"],
    }
    tables = find_tables(corpus, names, _HOME)
    if "all" not in tables:
        for part, table in tables.items():
            for where, row in read_fields(table, ("file", "label")):
                yield _clip(row["file"], row["label"], part, where)
        return
    columns = ("video", "start", "label", "split")
    for where, row in read_fields(tables["all"], columns):
        if row["split"] not in ("train", "test"):
            raise ValueError(
                f"{where}: split {row['split']!r} is neither train nor test; "
                "correct the row"
            )
        if not row["start"].isdigit():
            raise ValueError(
                f"{where}: start {row['start']!r} is no number of seconds; "
                "correct the row"
            )
        file = f"{row['video']}_{int(row['start']):06d}.mp4"
        yield _clip(file, row["label"], row["split"], where)


def _clip(file: str, label: str, part: str, where: str) -> Tagged:
    video = file.rpartition("_")[0]
    return Tagged(file, (label,), part, where, {"group": video})


def download_vggsound(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the table of classes; the audio is not offered.

    :param target_dir: the folder ``VGGSound`` is made here.
    :param force_download: fetch again what is there.
    :return: the folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    """
    urls = [f"{_HOME}/vggsound.csv"]
    return fetch_tables(urls, target_dir, "VGGSound", force_download)
