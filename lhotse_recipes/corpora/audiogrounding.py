"""AudioGrounding: when the phrases of AudioCaps captions are heard.

Xu et al., "Text-to-audio grounding: building correspondence between captions
and sound events" (ICASSP 2021), https://github.com/wsntxxn/TextToAudioGrounding
(MIT), tables at https://zenodo.org/records/7269161. The audio is that of
AudioCaps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch_corpus, zenodo_files
from lhotse_recipes.building.youtube import name_segments, segment_of
from lhotse_recipes.clips import ClipTable, clip_id
from lhotse_recipes.importing import prepare_tables
from lhotse_recipes.json_files import read_json, read_json_lines

__all__ = [
    "download_audiogrounding",
    "prepare_audiogrounding",
    "read_audiogrounding",
]

PARTS = ("train", "val", "test")
_RECORD = 7269161


def prepare_audiogrounding(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of AudioGrounding.

    A recording has its captions and, as events, the segments of each
    caption's phrases; both carry ``audiocap_id``, events also
    ``start_index``, the place of the phrase in its caption. Phrases that
    nobody heard (segment 0 to 0) are counted, and noted on the cut as
    ``negatives`` where no other caption's phrase of the same words is heard.

    :param corpus_dir: folder of the audio (and the tables).
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: "train", "val", "test" or several; "auto" takes those whose
        table (``train.json`` or ``train.jsonl``) is there.
    :param annotations_dir: folder of the tables, if another.
    :param encoding: of the annotation.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed entry.
    """
    return prepare_tables(
        {part: (f"{part}.json", f"{part}.jsonl") for part in PARTS},
        read_audiogrounding,
        (corpus_dir, annotations_dir),
        prefix="audiogrounding",
        source=f"https://zenodo.org/records/{_RECORD}",
        parts=parts,
        encoding=encoding,
        copies=True,
        output_dir=output_dir,
        **options,
    )


def read_audiogrounding(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read one of the tables.

    :param path: a JSON list, or JSON lines, of audiocap_id, audio_id, tokens
        and phrases.
    :param table: gets the clips; those of AudioSet bear the segment's name.
    :param encoding: of the text.
    :raises ValueError: a malformed entry, named by file and place.
    """
    unheard: dict[str, dict[str, None]] = {}
    for where, row in _entries(Path(path), encoding):
        try:
            name = row["audio_id"]
            plain = clip_id(name)
            segment = segment_of(plain) or plain
            clip = table.clip(where, segment)
            clip.aliases = (plain,)
            about = {"audiocap_id": row["audiocap_id"]}
            tokens = row["tokens"]
            said = tokens if isinstance(tokens, str) else " ".join(tokens)
            table.caption(where, segment, row.get("caption") or said, about)
            for phrase in row["phrases"]:
                text = " ".join(phrase["phrase"].split())
                about = {**about, "start_index": phrase["start_index"]}
                heard = [
                    (onset, offset)
                    for onset, offset in phrase["segments"]
                    if (onset, offset) != (0, 0)
                ]
                table.report.count("phrases")
                if not heard:
                    table.report.drop(
                        "phrase that nobody heard",
                        f"{row['audiocap_id']}: {text}",
                    )
                    unheard.setdefault(segment, {})[text] = None
                for times in heard:
                    table.event(where, segment, *times, text, custom=about)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if str(error).startswith(str(path)):
                raise
            raise ValueError(
                f"{where}: lacks or misplaces {error}; an entry has "
                "audiocap_id, audio_id, tokens and phrases of phrase, "
                "start_index and segments"
            ) from error
    for clip in table.clips:
        present = {one.label for one in clip.of_kind("event")}
        words = [
            text for text in unheard.get(clip.id, ()) if text not in present
        ]
        if words:
            clip.custom["negatives"] = words
    name_segments(table.clips)


def _entries(path: Path, encoding: str) -> Iterator[tuple[str, Any]]:
    if path.suffix == ".jsonl":
        yield from read_json_lines(path, encoding)
        return
    rows = read_json(path, None, encoding, "fetch the table again")
    if not isinstance(rows, list):
        raise ValueError(
            f"{path}: not a list of captions; use the tables of version 2 "
            f"from https://zenodo.org/records/{_RECORD}"
        )
    for number, row in enumerate(rows, 1):
        yield f"{path}: entry {number}", row


def download_audiogrounding(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch AudioGrounding's files from Zenodo (record 7269161).

    :param target_dir: the corpus's folder ``AudioGrounding`` is made here.
    :param force_download: fetch again what is there.
    :return: the corpus's folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    :raises ValueError: what arrived is damaged.
    """
    return fetch_corpus(
        zenodo_files(_RECORD), target_dir, "AudioGrounding", force_download
    )
