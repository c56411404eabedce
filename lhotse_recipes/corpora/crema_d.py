"""CREMA-D: 7442 sentences acted by 91 people in six emotions.

Cao et al., "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset" (IEEE
TAC 2014), https://github.com/CheyneyComputerScience/CREMA-D, Open Database
License 1.0. The classes are the emotions that were acted, not those that
listeners heard.
"""

import re
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    DividedOptions,
    prepare_divided,
)
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["prepare_crema_d"]

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
    **options: Unpack[DividedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of CREMA-D.

    Without PALM's tables the speakers (``custom["speaker"]``) are divided, so
    that nobody is heard in two parts; PALM divided the clips.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`DividedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_divided(
        "crema-d",
        corpus_dir,
        Vocabulary.load("crema_d"),
        _NAME,
        lambda _, found: found["speaker"],
        classes=_CLASSES,
        output_dir=output_dir,
        **options,
    )
