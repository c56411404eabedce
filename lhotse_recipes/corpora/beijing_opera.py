"""Beijing-Opera: 236 strokes of four percussion instruments.

Tian et al., "A Study of Instrument-wise Onset Detection in Beijing Opera
Percussion Ensembles" (ICASSP 2014), https://zenodo.org/records/1285212; see
there for the terms of use. The corpus has no folds of its own.
"""

import re
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    TaggedOptions,
    prepare_divided,
)
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_beijing_opera", "prepare_beijing_opera"]

_RECORD = 1285212

_FOLDS = {f"fold{number}": 0.2 for number in range(1, 6)}
_NAME = re.compile(r".*(?P<cls>bangu|daluo|naobo|xiaoluo).*", re.IGNORECASE)


def prepare_beijing_opera(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    *,
    seed: int = 0,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of Beijing-Opera.

    Without PALM's tables the class is taken from the name of the file or its
    folder, and five folds are drawn.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param seed: of the folds that are drawn.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"fold1"`` to ``"fold5"`` (or PALM's parts) →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_divided(
        "beijing-opera",
        corpus_dir,
        Vocabulary.load("beijing_opera"),
        _NAME,
        lambda path, _: Path(path).stem,
        output_dir=output_dir,
        shares=_FOLDS,
        seed=seed,
        **options,
    )


def download_beijing_opera(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the strokes from Zenodo (record 1285212).

    :param target_dir: the folder ``Beijing-Opera`` is made here.
    :param force_download: fetch again what is there.
    :return: the folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    """
    return fetch_corpus(
        zenodo_files(_RECORD), target_dir, "Beijing-Opera", force_download
    )
