"""RAVDESS: 2452 recordings of 24 actors speaking and singing eight emotions.

Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech
and Song" (PLoS ONE 2018), https://zenodo.org/records/1188976, CC BY-NC-SA 4.0.
"""

import re
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    DividedOptions,
    prepare_divided,
)
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_ravdess", "prepare_ravdess"]

_RECORD = 1188976
_ARCHIVES = (
    "Audio_Speech_Actors_01-24.zip",
    "Audio_Song_Actors_01-24.zip",
)
# Modality 03 is audio alone; 01 and 02 are videos.
_NAME = re.compile(
    r"(?:.*/)?03-(?P<channel>\d\d)-(?P<cls>\d\d)-(?P<intensity>\d\d)-"
    r"(?P<statement>\d\d)-(?P<repetition>\d\d)-(?P<speaker>\d\d)"
)
_CLASSES = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}


def download_ravdess(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the audio of RAVDESS from Zenodo (0.4 GB).

    :param target_dir: folder in which a folder ``ravdess`` is made.
    :param force_download: replace what is there.
    :return: the folder; speech and song lie in folders of their own.
    """
    files = zenodo_files(_RECORD, _ARCHIVES)
    return fetch_corpus(files, target_dir, "ravdess", force_download)


def prepare_ravdess(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[DividedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of RAVDESS.

    Without PALM's tables the actors (``custom["speaker"]``) are divided, so
    that nobody is heard in two parts; PALM divided the clips. The fields of
    the names (``channel`` 01 speech, 02 song) are on the cuts.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`DividedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_divided(
        "ravdess",
        corpus_dir,
        Vocabulary.load("ravdess"),
        _NAME,
        lambda _, found: found["speaker"],
        classes=_CLASSES,
        output_dir=output_dir,
        **options,
    )
