"""TUT Acoustic Scenes 2017: 4680 segments of 10 s, 15 scenes, 4 folds.

Mesaros, Heittola and Virtanen, "TUT database for acoustic scene classification
and sound event detection" (EUSIPCO 2016), https://zenodo.org/records/400515 and
https://zenodo.org/records/1040168 (evaluation), for research only. The folds
are those of the corpus; in PALM's copies the folds 2 to 4 look mixed up.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    TaggedOptions,
    prepare_tagged,
    read_fields,
)
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.importing import find_tables
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_tut2017", "prepare_tut2017"]

_DEVELOPMENT, _EVALUATION = 400515, 1040168
_HOME = f"https://zenodo.org/records/{_DEVELOPMENT}"
_TABLES = {
    **{f"fold{k}": [f"fold{k}_evaluate.txt"] for k in (1, 2, 3, 4)},
    "evaluation": ["evaluation_setup/evaluate.txt"],
}


def download_tut2017(
    target_dir: str | Path = ".",
    evaluation: bool = False,
    force_download: bool = False,
) -> Path:
    """
    Fetch TUT Acoustic Scenes 2017 from Zenodo (development set 10 GB).

    :param target_dir: folder in which a folder ``tut2017`` is made.
    :param evaluation: also fetch the evaluation set (4 GB).
    :param force_download: replace what is there.
    :return: the folder.
    """
    files = zenodo_files(_DEVELOPMENT)
    if evaluation:
        files += zenodo_files(_EVALUATION)
    return fetch_corpus(files, target_dir, "tut2017", force_download)


def prepare_tut2017(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of TUT Acoustic Scenes 2017.

    A segment belongs to the fold that tests on it. Segments cut from one
    recording (``custom["group"]``) share a fold.

    :param corpus_dir: folder with ``evaluation_setup`` and the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"fold1"`` to ``"fold4"``, and ``"evaluation"`` where the corpus
        has ``evaluation_setup/evaluate.txt`` (or PALM's parts) →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "tut2017",
        corpus_dir,
        Vocabulary.load("tut2017"),
        _clips,
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    fold_of: dict[str, str] = {}
    for part, table in find_tables(corpus, _TABLES, _HOME).items():
        for where, row in read_fields(table, ("file", "scene"), "\t"):
            custom = {"fold": part.removeprefix("fold")}
            before = fold_of.setdefault(row["file"], where)
            if before != where:
                raise ValueError(
                    f"{where}: {row['file']} is tested at {before} already; "
                    "fetch the tables again"
                )
            # Names are recording_begin_end, such as b020_90_100.
            custom["group"] = Path(row["file"]).stem.split("_")[0]
            yield Tagged(row["file"], (row["scene"],), part, where, custom)
