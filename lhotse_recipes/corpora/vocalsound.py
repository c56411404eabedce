"""VocalSound: 21 024 laughs, sighs, coughs, sneezes, sniffs, cleared throats.

Gong, Yu and Glass, "VocalSound: A Dataset for Improving Human Vocal Sounds
Recognition" (ICASSP 2022), https://github.com/YuanGongND/vocalsound, CC BY-SA
4.0.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.classification import (
    Tagged,
    TaggedOptions,
    prepare_tagged,
)
from lhotse_recipes.importing import find_tables
from lhotse_recipes.json_files import read_json
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["prepare_vocalsound"]

_HOME = "https://github.com/YuanGongND/vocalsound"
_TABLES = {"train": ["tr.json"], "val": ["val.json"], "test": ["te.json"]}
_NAME = re.compile(
    r"(?:.*/)?(?P<speaker>[fm]\d{4})_(?P<take>\d+)_(?P<cls>[a-z]+)"
)
_CLASSES = {
    "cough": "Cough",
    "laughter": "Laughter",
    "sigh": "Sigh",
    "sneeze": "Sneeze",
    "sniff": "Sniff",
    "throatclearing": "Throat clearing",
}


def prepare_vocalsound(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of VocalSound.

    No speaker (``custom["speaker"]``) is heard in two of its parts.

    :param corpus_dir: folder with ``tr.json``, ``val.json``, ``te.json`` (in a
        folder ``datafiles...``) and the audio.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"train"``, ``"val"`` and ``"test"`` →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "vocalsound",
        corpus_dir,
        Vocabulary.load("vocalsound"),
        _clips,
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    for part, table in find_tables(corpus, _TABLES, _HOME).items():
        try:
            files = [one["wav"] for one in read_json(table)["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{table}: not a list of VocalSound's clips ({error!r}); fetch "
                "the corpus again"
            ) from error
        for file in files:
            yield _clip(file, part, str(table))


def _clip(file: str, part: str, where: str) -> Tagged:
    name = file.replace("\\", "/")
    match = _NAME.fullmatch(name.rpartition(".")[0])
    if match is None or match["cls"] not in _CLASSES:
        raise ValueError(
            f"{where}: {file!r} is no name such as f0003_0_cough.wav"
        )
    found = match.groupdict()
    label = _CLASSES[found.pop("cls")]
    # Tables name files by folders of the authors' machines.
    return Tagged(name.rpartition("/")[2], (label,), part, where, found)
