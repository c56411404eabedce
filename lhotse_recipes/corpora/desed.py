"""DESED: domestic sounds, ten classes, weakly and strongly labelled.

Turpault et al., "Sound event detection in domestic environments with weakly
labeled data and soundscape synthesis" (DCASE 2019),
https://github.com/turpaultn/DESED. The tables are MIT; the recordings come
from YouTube, Vimeo and Freesound. Weak, unlabelled and validation audio is
not published as files; the synthetic and the public evaluation part are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.dcase import read_dcase
from lhotse_recipes.importing import Part, choose, find_tables, prepare_parts
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["download_desed", "prepare_desed"]

_SOURCE = "https://github.com/turpaultn/DESED"
_RECORDS = {"public": 3588172, "synthetic": 6026841}


@dataclass(frozen=True)
class _Table:
    names: tuple[str, ...]
    near: str
    complete: bool = True


def _synthetic(*folders: str) -> _Table:
    return _Table(tuple(f"{folder}/soundscapes.tsv" for folder in folders), "")


_TABLES = {
    "weak": _Table(("weak.tsv",), "train/weak", complete=False),
    "unlabelled": _Table(
        ("unlabel_in_domain.tsv",), "train/unlabel_in_domain", complete=False
    ),
    "strong": _Table(("audioset_strong.tsv",), "train/strong_label_real"),
    "synthetic": _synthetic("synthetic21_train", "synthetic20"),
    "synthetic_validation": _synthetic("synthetic21_validation"),
    "validation": _Table(("validation.tsv",), "validation"),
    "public": _Table(("public.tsv",), "eval/public"),
}


def prepare_desed(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of DESED.

    The official tables may lie anywhere below the corpus, or with their
    folders in their names (``train__weak.tsv``). A weakly labelled clip has
    tags, and its other classes are noted as absent (``negatives``); an
    unlabelled clip has nothing.

    :param corpus_dir: folder of the audio (and the tables).
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: of weak, unlabelled, strong, synthetic,
        synthetic_validation, validation and public; "auto" takes those whose
        table is there.
    :param annotations_dir: folder of the tables, if another.
    :param encoding: of the annotation.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed row, an unknown label, or two audio files
        for one clip.
    """
    vocabulary = Vocabulary.load("desed")
    tables = find_tables(
        annotations_dir or corpus_dir,
        {part: _with_flat_names(one) for part, one in _TABLES.items()},
        _SOURCE,
    )
    made = []
    for part in choose(parts, list(tables), list(_TABLES)):
        known, path = _TABLES[part], tables[part]
        clips = ClipTable(PrepareReport("desed", part), vocabulary)
        read_dcase(path, clips, encoding)
        if part == "weak":
            _note_negatives(clips, vocabulary)
        near = known.near or f"{path.parent.name}/soundscapes"
        made.append(Part(clips.report, clips.clips, known.complete, near))
    return prepare_parts(
        made,
        corpus_dir,
        vocabulary.name,
        output_dir=output_dir,
        **options,
    )


def _with_flat_names(table: _Table) -> tuple[str, ...]:
    folder = table.near.split("/")[0]
    flat = [name.replace("/", "__") for name in table.names]
    return (*table.names, *(f"{folder}__{name}" for name in flat))


def _note_negatives(clips: ClipTable, vocabulary: Vocabulary) -> None:
    for clip in clips.clips:
        present = {one.label for one in clip.annotations}
        clip.custom["negatives"] = [
            label for label in vocabulary.labels if label not in present
        ]


def download_desed(
    target_dir: str | Path = ".",
    parts: str | Sequence[str] = ("public", "synthetic"),
    force_download: bool = False,
) -> Path:
    """
    Fetch the parts of DESED whose audio is published, from Zenodo.

    :param target_dir: the corpus's folder ``DESED`` is made here.
    :param parts: "public" (3588172), "synthetic" (6026841) or both.
    :param force_download: fetch and unpack again what is there.
    :return: the corpus's folder, with a folder for each part.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    :raises ValueError: what arrived is damaged.
    """
    chosen = choose(parts, list(_RECORDS), list(_RECORDS))
    root = Path(target_dir) / "DESED"
    for part in chosen:
        fetch_corpus(zenodo_files(_RECORDS[part]), root, part, force_download)
    return root
