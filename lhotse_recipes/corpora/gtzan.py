"""GTZAN (GT-Music-Genre): 1000 excerpts of 30 s, ten genres.

Tzanetakis and Cook, "Musical Genre Classification of Audio Signals" (IEEE TSAP
2002); no licence is stated. Sturm, "The GTZAN dataset" (2013), tells of its
repetitions and wrong labels; the file jazz.00054 is usually broken.
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

__all__ = ["prepare_gtzan"]

_SHARES = {"train": 0.8, "test": 0.2}
_NAME = re.compile(r"(?:.*/)?(?P<cls>[a-z]+)\.\d{5}")


def prepare_gtzan(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    *,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of GTZAN.

    Without PALM's tables the excerpts are divided by a hash of their names.

    :param corpus_dir: folder of the audio, such as ``genres/blues/*.wav``.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param shares: part → share; train 0.8, test 0.2.
    :param seed: another seed, other excerpts in each part.
    :param options: those of :class:`TaggedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    """
    shares = dict(_SHARES if shares is None else shares)
    return prepare_tagged(
        "gtzan",
        corpus_dir,
        Vocabulary.load("gtzan"),
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
        {one: one for one in Vocabulary.load("gtzan").labels},
        list(shares),
        lambda path, _: split_of_group(Path(path).stem, shares, seed),
    )
