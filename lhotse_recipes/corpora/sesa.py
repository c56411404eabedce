"""SESA: 585 recordings of up to 33 s for surveillance, four classes.

Spadini, "Sound Events for Surveillance Applications" (2019),
https://zenodo.org/records/3519845, CC BY 4.0.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    TaggedOptions,
    prepare_tagged,
    tagged_by_name,
)
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_sesa", "prepare_sesa"]

_RECORD = 3519845
_NAME = re.compile(r"(?:.*/)?(?:train|test)/(?:.*/)?(?P<cls>[a-z]+)_\d+")


def download_sesa(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch SESA from Zenodo (70 MB).

    :param target_dir: folder in which a folder ``sesa`` is made.
    :param force_download: replace what is there.
    :return: the folder.
    """
    files = zenodo_files(_RECORD)
    return fetch_corpus(files, target_dir, "sesa", force_download)


def prepare_sesa(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of SESA.

    :param corpus_dir: folder with the folders ``train`` and ``test``.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"train"`` and ``"test"`` →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "sesa",
        corpus_dir,
        Vocabulary.load("sesa"),
        _clips,
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path) -> Iterable[Tagged]:
    return tagged_by_name(
        corpus,
        _NAME,
        {one: one for one in Vocabulary.load("sesa").labels},
        ["train", "test"],
        lambda path, _: "test" if "test" in Path(path).parts else "train",
    )
