"""GTZAN (GT-Music-Genre): 1000 excerpts of 30 s, ten genres.

Tzanetakis and Cook, "Musical Genre Classification of Audio Signals" (IEEE TSAP
2002); no licence is stated. Sturm, "The GTZAN dataset" (2013), tells of its
repetitions and wrong labels; the file jazz.00054 is usually broken.
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

__all__ = ["prepare_gtzan"]

_NAME = re.compile(r"(?:.*/)?(?P<cls>[a-z]+)\.\d{5}")


def prepare_gtzan(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[DividedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of GTZAN.

    Without PALM's tables the excerpts are divided by a hash of their names.

    :param corpus_dir: folder of the audio, such as ``genres/blues/*.wav``.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`DividedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_divided(
        "gtzan",
        corpus_dir,
        Vocabulary.load("gtzan"),
        _NAME,
        lambda path, _: Path(path).stem,
        output_dir=output_dir,
        **options,
    )
