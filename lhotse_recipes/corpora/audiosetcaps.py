"""AudioSetCaps: AudioSet clips with captions made by language models.

Bai et al., "AudioSetCaps: an enriched audio-caption dataset using automated
generation pipeline with large audio and language models" (TASLP 2025),
https://github.com/JishengBai/AudioSetCaps, where the terms of use are; audio on
YouTube. Its sibling tables of VGGSound and YouTube-8M have the same form.
"""

from pathlib import Path
from typing import Any

from tqdm import tqdm
from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions, find_files
from lhotse_recipes.building.youtube import segment_of
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.corpora.audioset_strong import audio_names
from lhotse_recipes.importing import Part, prepare_parts
from lhotse_recipes.io import PrepareReport, read_rows

__all__ = ["prepare_audiosetcaps", "read_audiosetcaps"]


def prepare_audiosetcaps(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    annotations: str | Path | None = None,
    *,
    part: str = "train",
    id_column: str = "id",
    caption_column: str = "caption",
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of AudioSetCaps or a table like it.

    Audio is named by the id in the table, with or without "Y" before it, or
    ends in the id as yt-dlp writes it; several files of one clip may be
    copies.

    :param corpus_dir: folder of the audio (and the table).
    :param output_dir: where manifests and report go; nothing is written when
        it is None.
    :param annotations: the csv; by default the one whose name begins with
        AudioSetCaps below the corpus.
    :param part: name for the part.
    :param id_column: column of the clip's id.
    :param caption_column: column of the caption.
    :param encoding: of the table.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed row.
    """
    table = _only_table(corpus_dir) if annotations is None else annotations
    clips = ClipTable(PrepareReport("audiosetcaps", part))
    read_audiosetcaps(
        table,
        clips,
        id_column,
        caption_column=caption_column,
        encoding=encoding,
    )
    return prepare_parts(
        [Part(clips.report, clips.clips, copies=True)],
        corpus_dir,
        output_dir=output_dir,
        **options,
    )


def _only_table(folder: str | Path) -> str:
    tables = [
        path
        for path in find_files(folder, [".csv"])
        if Path(path).name.lower().startswith("audiosetcaps")
    ]
    if not tables:
        raise FileNotFoundError(
            f"{folder}: no AudioSetCaps*.csv below it; get it from "
            "https://huggingface.co/datasets/baijs/AudioSetCaps"
        )
    if len(tables) > 1:
        raise ValueError(
            f"{' and '.join(tables[:2])}: several tables; name one as "
            "annotations"
        )
    return tables[0]


def read_audiosetcaps(
    path: str | Path,
    table: ClipTable,
    id_column: str = "id",
    *,
    caption_column: str = "caption",
    encoding: str = "utf-8",
) -> None:
    """
    Read a table of captions; several rows of one clip are several captions.

    :param path: csv.
    :param table: gets the clips.
    :param id_column: column of the clip's id.
    :param caption_column: column of the caption.
    :param encoding: of the text.
    :raises ValueError: a malformed row, named by file and line.
    """
    rows = read_rows(path, (id_column, caption_column), encoding=encoding)
    for where, row in tqdm(
        rows, desc="audiosetcaps: reading", unit=" rows", delay=1
    ):
        name = row[id_column].strip()
        clip = table.clip(where, name)
        segment = segment_of(name)
        plain = name.removeprefix("Y")
        clip.aliases = (
            tuple(audio_names(segment))
            if segment
            else (plain, f"Y{name}", f"[{plain}]")
        )
        table.caption(where, name, row[caption_column])
