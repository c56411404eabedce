"""FineLAP's metadata: captions and phrases with segments, one JSON per line.

Li et al., "FineLAP" (2026), arXiv 2604.01155,
https://github.com/xiquan-li/FineLAP: AudioSet-Strong, DESED and URBAN-SED as
captioned clips, and FineLAP-100k, simulated from FSD50K.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions, find_files
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.finelap import read_finelap
from lhotse_recipes.importing import Part, choose, prepare_parts
from lhotse_recipes.io import PrepareReport

__all__ = ["prepare_finelap"]


def prepare_finelap(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of FineLAP's metadata files.

    Each ``.jsonl`` file is a part, called like it. The folders in
    ``audio_path`` are those of another machine; they serve to tell apart
    files that are called alike.

    :param corpus_dir: folder of the audio (and the metadata).
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: names of metadata files without suffix; "auto" takes all.
    :param annotations_dir: folder of the metadata, if another.
    :param encoding: of the metadata.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no metadata, or no audio at all.
    :raises ValueError: a malformed line, or a clip that occurs twice.
    """
    folder = annotations_dir or corpus_dir
    files: dict[str, Path] = {}
    for path in map(Path, find_files(folder, [".jsonl"])):
        if path.stem in files:
            raise ValueError(
                f"{files[path.stem]} and {path}: two files called "
                f"{path.stem}; rename one"
            )
        files[path.stem] = path
    if not files:
        raise FileNotFoundError(
            f"{folder}: no .jsonl file below it; the format is described at "
            "https://github.com/xiquan-li/FineLAP"
        )
    made = []
    for part in choose(parts, list(files), list(files)):
        clips = ClipTable(PrepareReport("finelap", part))
        read_finelap(files[part], clips, encoding)
        made.append(Part(clips.report, clips.clips))
    return prepare_parts(
        made,
        corpus_dir,
        output_dir=output_dir,
        **options,
    )
