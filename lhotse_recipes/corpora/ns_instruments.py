"""NS-Instruments: notes of NSynth's instrument families, without synth leads.

Engel et al., "Neural Audio Synthesis of Musical Notes with WaveNet
Autoencoders" (ICML 2017), https://magenta.tensorflow.org/datasets/nsynth,
CC BY 4.0. The family synth_lead does not occur in its test set.
"""

import re
from collections.abc import Iterator, Sequence
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
from lhotse_recipes.json_files import read_json
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_ns_instruments", "prepare_ns_instruments"]

_HOME = "https://magenta.tensorflow.org/datasets/nsynth"
_URL = "http://download.magenta.tensorflow.org/datasets/nsynth"
_PARTS = ("train", "valid", "test")
_NAME = re.compile(r"(?P<family>.+)_(?P<source>[a-z]+)_(?P<instrument>\d+)-.*")


def download_ns_instruments(
    target_dir: str | Path = ".",
    parts: Sequence[str] = _PARTS,
    force_download: bool = False,
) -> Path:
    """
    Fetch NSynth (train 22 GB, valid 1 GB, test 0.3 GB; no checksums published).

    :param target_dir: folder in which a folder ``nsynth`` is made.
    :param parts: of train, valid and test.
    :param force_download: replace what is there.
    :return: the folder.
    """
    unknown = [part for part in parts if part not in _PARTS]
    if unknown:
        raise ValueError(f"parts {unknown}: NSynth has {', '.join(_PARTS)}")
    names = [f"nsynth-{part}.jsonwav.tar.gz" for part in parts]
    files = [RemoteFile(f"{_URL}/{name}", name) for name in names]
    return fetch_corpus(files, target_dir, "nsynth", force_download)


def prepare_ns_instruments(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of NS-Instruments.

    :param corpus_dir: folder with the folders ``nsynth-train``,
        ``nsynth-valid`` and ``nsynth-test`` or some of them, each with its
        ``examples.json``.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param options: those of :class:`TaggedOptions`.
    :return: ``"train"``, ``"valid"`` and ``"test"`` →
        ``{"recordings", "supervisions", "cuts"}``.
    """
    return prepare_tagged(
        "ns-instruments",
        corpus_dir,
        Vocabulary.load("ns_instruments"),
        _clips,
        output_dir=output_dir,
        **options,
    )


def _clips(corpus: Path) -> Iterator[Tagged]:
    tables = {part: [f"nsynth-{part}/examples.json"] for part in _PARTS}
    for part, table in find_tables(corpus, tables, _HOME).items():
        names = list(read_json(table, dict, remedy="fetch the corpus again"))
        for name in names:
            match = _NAME.fullmatch(name)
            if match is None:
                raise ValueError(
                    f"{table}: {name!r} is no name of a note such as "
                    "bass_electronic_018-022-100"
                )
            family, source, instrument = match.groups()
            custom = {"group": f"{family}_{source}_{instrument}"}
            refusal = "a synth lead" if family == "synth_lead" else ""
            file = f"nsynth-{part}/audio/{name}.wav"
            yield Tagged(file, (family,), part, str(table), custom, refusal)
