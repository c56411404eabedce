"""CREMA-D: 7442 sentences acted by 91 people in six emotions.

Cao et al., "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset" (IEEE
TAC 2014), https://github.com/CheyneyComputerScience/CREMA-D, Open Database
License 1.0. The classes are the emotions that were acted, not those that
listeners heard.
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
from lhotse_recipes.corpora.event_bank import split_of_group
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["prepare_crema_d"]

_SHARES = {"train": 0.8, "test": 0.2}
_NAME = re.compile(
    r"(?:.*/)?(?P<speaker>\d{4})_(?P<sentence>[A-Z]{3})_(?P<cls>[A-Z]{3})_"
    r"(?P<level>[A-Z]+)"
)
_CLASSES = {
    "ang": "anger",
    "dis": "disgust",
    "fea": "fear",
    "hap": "happy",
    "neu": "neutral",
    "sad": "sad",
}


def prepare_crema_d(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    *,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of CREMA-D.

    Without PALM's tables the speakers (``custom["speaker"]``) are divided, so
    that nobody is heard in two parts; PALM divided the clips.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param shares: part → share of the speakers; train 0.8, test 0.2.
    :param seed: another seed, other speakers in each part.
    :param options: those of :class:`TaggedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    shares = dict(_SHARES if shares is None else shares)
    return prepare_tagged(
        "crema-d",
        corpus_dir,
        Vocabulary.load("crema_d"),
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
