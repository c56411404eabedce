"""URBAN-SED: 10 000 synthetic soundscapes with exact event times.

Salamon et al., "Scaper: a library for soundscape synthesis and augmentation"
(WASPAA 2017), http://urbansed.weebly.com, CC BY 4.0. Ten seconds each, the
ten classes of UrbanSound8K, annotated in JAMS files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions, find_files
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.jams import read_jams
from lhotse_recipes.importing import Part, choose, prepare_parts
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_urbansed", "prepare_urbansed"]

PARTS = ("train", "validate", "test")
_RECORD = 1324404


def prepare_urbansed(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of URBAN-SED.

    Annotations are the ``.jams`` files in folders train, validate and test.

    :param corpus_dir: folder of the corpus.
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: "train", "validate", "test" or several; "auto" takes those
        that are there.
    :param annotations_dir: folder of the annotations, if another.
    :param encoding: of the annotation.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no annotation, or no audio at all.
    :raises ValueError: a damaged annotation or an unknown label.
    """
    folder = annotations_dir or corpus_dir
    files: dict[str, list[Path]] = {}
    for name in find_files(folder, [".jams"]):
        path = Path(name)
        if path.parent.name in PARTS:
            files.setdefault(path.parent.name, []).append(path)
    if not files:
        raise FileNotFoundError(
            f"{folder}: no .jams files in folders {', '.join(PARTS)} below "
            f"it; get them from https://zenodo.org/records/{_RECORD}"
        )
    vocabulary = Vocabulary.load("urbansed")
    made = []
    available = [part for part in PARTS if part in files]
    for part in choose(parts, available, PARTS):
        clips = ClipTable(PrepareReport("urban-sed", part), vocabulary)
        for path in tqdm(
            files[part], desc=f"urban-sed {part}: reading", delay=1
        ):
            read_jams(path, clips, encoding)
        made.append(
            Part(clips.report, clips.clips, events_complete=True, near=part)
        )
    return prepare_parts(
        made,
        corpus_dir,
        vocabulary.name,
        output_dir=output_dir,
        **options,
    )


def download_urbansed(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch URBAN-SED from Zenodo (record 1324404, about 6 GB).

    :param target_dir: the corpus's folder ``URBAN-SED`` is made here.
    :param force_download: fetch and unpack again what is there.
    :return: the corpus's folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    :raises ValueError: what arrived is damaged.
    """
    return fetch_corpus(
        zenodo_files(_RECORD), target_dir, "URBAN-SED", force_download
    )
