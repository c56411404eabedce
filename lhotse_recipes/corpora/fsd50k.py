"""FSD50K: 51 197 Freesound clips with any of 200 AudioSet classes.

Fonseca et al., "FSD50K: an Open Dataset of Human-Labeled Sound Events" (TASLP
2022), https://zenodo.org/records/4060432, CC BY 4.0 (each clip has its own
Creative Commons licence). Labels of the development set are correct but may be
incomplete; those of the evaluation set are exhaustive.
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
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.importing import find_tables
from lhotse_recipes.io import read_rows
from lhotse_recipes.vocabulary import Entry, Vocabulary

__all__ = ["download_fsd50k", "prepare_fsd50k"]

_RECORD = 4060432
_HOME = f"https://zenodo.org/records/{_RECORD}"


def download_fsd50k(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch FSD50K from Zenodo (about 25 GB, as much again to unpack).

    Its archives come in parts, which the program ``zip`` joins.

    :param target_dir: folder in which a folder ``fsd50k`` is made.
    :param force_download: replace what is there.
    :return: the folder.
    """
    files = zenodo_files(_RECORD)
    return fetch_corpus(files, target_dir, "fsd50k", force_download)


def prepare_fsd50k(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of FSD50K.

    Each clip has one tag for each of its labels, ancestors in the ontology
    included. The vocabulary, 200 labels with AudioSet ids, is read from the
    corpus.

    :param corpus_dir: folder with ``vocabulary.csv``, ``dev.csv``,
        ``eval.csv`` and the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`ReadingOptions`.
    :return: ``"train"``, ``"val"`` and ``"eval"`` →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "fsd50k",
        corpus_dir,
        _vocabulary(corpus_dir),
        _clips,
        output_dir=output_dir,
        splits="official",
        **options,
        complete_parts=("eval",),
    )


def _vocabulary(corpus_dir: str | Path) -> Vocabulary:
    names = {"all": ["vocabulary.csv"]}
    table = find_tables(corpus_dir, names, _HOME)["all"]
    return Vocabulary(
        "fsd50k",
        tuple(
            Entry(row["label"], row["label"].replace("_", " "), row["mid"])
            for _, row in read_fields(table, ("index", "label", "mid"))
        ),
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    names = {"dev": ["dev.csv"], "eval": ["eval.csv"]}
    for half, table in find_tables(corpus, names, _HOME).items():
        columns = ["fname", "labels"] + ["split"] * (half == "dev")
        for where, row in read_rows(table, columns):
            part = row["split"] if half == "dev" else "eval"
            if part not in ("train", "val", "eval"):
                raise ValueError(
                    f"{where}: split {part!r} is neither train nor val; "
                    "correct the row"
                )
            file = f"FSD50K.{half}_audio/{row['fname']}.wav"
            yield Tagged(file, tuple(row["labels"].split(",")), part, where)
