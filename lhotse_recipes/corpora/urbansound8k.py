"""UrbanSound8K: 8732 excerpts of up to 4 s, 10 urban classes, 10 folds.

Salamon, Jacoby and Bello, "A Dataset and Taxonomy for Urban Sound Research"
(ACM MM 2014), https://urbansounddataset.weebly.com/urbansound8k.html, CC BY-NC
3.0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    TaggedOptions,
    prepare_tagged,
)
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.importing import find_tables
from lhotse_recipes.io import read_rows
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_urbansound8k", "prepare_urbansound8k"]

_RECORD = 1203745
_HOME = f"https://zenodo.org/records/{_RECORD}"
_COLUMNS = ("slice_file_name", "fsID", "salience", "fold", "class")
_SALIENCE = {"1": "foreground", "2": "background"}


def download_urbansound8k(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch UrbanSound8K from Zenodo (about 6 GB).

    :param target_dir: folder in which a folder ``urbansound8k`` is made.
    :param force_download: replace what is there.
    :return: the folder.
    """
    files = zenodo_files(_RECORD, ["UrbanSound8K.tar.gz"])
    return fetch_corpus(files, target_dir, "urbansound8k", force_download)


def prepare_urbansound8k(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of UrbanSound8K, one part for each official fold.

    Cuts know their Freesound recording (``custom["group"]``) and whether the
    sound is in the foreground (``custom["salience"]``).

    :param corpus_dir: folder with ``UrbanSound8K.csv`` and the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"fold1"`` to ``"fold10"`` (or PALM's parts) →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "urbansound8k",
        corpus_dir,
        Vocabulary.load("urbansound8k"),
        _clips,
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    names = {"all": ["UrbanSound8K.csv"]}
    table = find_tables(corpus, names, _HOME)["all"]
    for where, row in sorted(
        read_rows(table, _COLUMNS), key=lambda one: one[1]["fold"].zfill(2)
    ):
        if row["salience"] not in _SALIENCE:
            raise ValueError(
                f"{where}: salience {row['salience']!r} is neither 1 nor 2; "
                "correct the row"
            )
        yield Tagged(
            f"fold{row['fold']}/{row['slice_file_name']}",
            (row["class"].replace("_", " "),),
            f"fold{row['fold']}",
            where,
            {
                "fold": row["fold"],
                "group": row["fsID"],
                "salience": _SALIENCE[row["salience"]],
            },
        )
