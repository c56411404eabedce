"""RAVDESS: 2452 recordings of 24 actors speaking and singing eight emotions.

Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech
and Song" (PLoS ONE 2018), https://zenodo.org/records/1188976, CC BY-NC-SA 4.0.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
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
from lhotse_recipes.corpora.event_bank import split_of_group
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_ravdess", "prepare_ravdess"]

_RECORD = 1188976
_ARCHIVES = (
    "Audio_Speech_Actors_01-24.zip",
    "Audio_Song_Actors_01-24.zip",
)
_SHARES = {"train": 0.8, "test": 0.2}
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
    *,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of RAVDESS.

    Without PALM's tables the actors (``custom["speaker"]``) are divided, so
    that nobody is heard in two parts; PALM divided the clips. The fields of
    the names (``channel`` 01 speech, 02 song) are on the cuts.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param shares: part → share of the actors; train 0.8, test 0.2.
    :param seed: another seed, other actors in each part.
    :param options: those of :class:`TaggedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    shares = dict(_SHARES if shares is None else shares)
    return prepare_tagged(
        "ravdess",
        corpus_dir,
        Vocabulary.load("ravdess"),
        partial(_clips, shares=shares, seed=seed),
        output_dir=output_dir,
        **options,
    )


def _clips(
    corpus: Path, shares: Mapping[str, float], seed: int
) -> Iterable[Tagged]:
    return tagged_by_name(
        corpus,
        _NAME,
        _CLASSES,
        list(shares),
        lambda _, found: split_of_group(found["speaker"], shares, seed),
    )
