"""ESC-50: 2000 environmental recordings of 5 s, 50 classes, 5 folds.

Piczak, "ESC: Dataset for Environmental Sound Classification" (ACM MM 2015),
https://github.com/karolpiczak/ESC-50, CC BY-NC 3.0 (licence of each clip in its
LICENSE file). ESC50-Actions are its ten classes of human sounds without speech.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    TaggedOptions,
    prepare_tagged,
)
from lhotse_recipes.building.fetch import RemoteFile, fetch_corpus
from lhotse_recipes.importing import find_tables
from lhotse_recipes.io import read_rows
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_esc50", "prepare_esc50"]

_URL = "https://github.com/karolpiczak/ESC-50/archive/refs/heads/master.zip"
_COLUMNS = ("filename", "fold", "category", "src_file")
_HOME = "https://github.com/karolpiczak/ESC-50"


def download_esc50(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch ESC-50 (about 600 MB; no checksum is published).

    :param target_dir: folder in which a folder ``esc50`` is made.
    :param force_download: replace what is there.
    :return: the folder.
    """
    archive = RemoteFile(_URL, "esc50.zip")
    return fetch_corpus([archive], target_dir, "esc50", force_download)


def prepare_esc50(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    actions: bool = False,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of ESC-50, one part for each official fold.

    Clips cut from one original recording (``custom["group"]``) share a fold.

    :param corpus_dir: folder with ``esc50.csv`` and the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param actions: only the ten classes of ESC50-Actions.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"fold1"`` to ``"fold5"`` (or PALM's parts) →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    name = "esc50_actions" if actions else "esc50"
    vocabulary = Vocabulary.load(name)
    return prepare_tagged(
        name.replace("_", "-"),
        corpus_dir,
        vocabulary,
        partial(_clips, vocabulary=vocabulary),
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path, vocabulary: Vocabulary) -> Iterator[Tagged]:
    whole = Vocabulary.load("esc50")
    table = find_tables(corpus, {"all": ["esc50.csv"]}, _HOME)["all"]
    for where, row in read_rows(table, _COLUMNS):
        label = row["category"].replace("_", " ")
        refusal = ""
        if label in whole and label not in vocabulary:
            refusal = "no human action"
        yield Tagged(
            row["filename"],
            (label,),
            f"fold{row['fold']}",
            where,
            {"fold": row["fold"], "group": row["src_file"]},
            refusal,
        )
