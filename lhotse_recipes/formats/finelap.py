"""FineLAP's JSON lines: captions, and phrases with their segments.

Li et al., "FineLAP" (2026), https://github.com/xiquan-li/FineLAP. One object
per line: ``audio_id``, ``audio_path``, ``caption`` (a sentence or several)
and, where events are known, ``phrases`` of ``phrase`` and ``segments``.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lhotse.cut import Cut
from tqdm import tqdm

from lhotse_recipes.clips import Clip, ClipTable
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.io import write_atomically
from lhotse_recipes.json_files import read_json_lines

__all__ = ["export_finelap", "finelap_row", "read_finelap"]


def read_finelap(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read FineLAP's metadata.

    Segments may be pairs or objects of start and end. A clip with phrases is
    taken to be annotated as a whole (``events_complete``), one without not.

    :param path: ``.jsonl``.
    :param table: gets the clips.
    :param encoding: of the text.
    :raises ValueError: a malformed line, named by file and line.
    """
    for where, row in read_json_lines(path, encoding):
        try:
            name = row.get("audio_path") or row["audio_id"]
            clip = table.clip(where, name, new=True)
            clip.aliases = (row["audio_id"],)
            captions = row.get("caption") or []
            if isinstance(captions, str):
                captions = [captions]
            for text in captions:
                table.caption(where, name, text)
            clip.custom["events_complete"] = row.get(
                "events_complete", "phrases" in row
            )
            for phrase in row.get("phrases") or ():
                _read_phrase(where, name, phrase, table)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{where}: lacks or misplaces {error}; a line has audio_id, "
                "caption and phrases, see the FineLAP format"
            ) from error


def _read_phrase(where, name, phrase, table):
    if not phrase["segments"]:
        table.report.drop("phrase without segments", where)
    for segment in phrase["segments"]:
        if isinstance(segment, dict):
            segment = segment["start"], segment["end"]
        if len(segment) != 2:
            raise ValueError(
                f"{where}: the segment {segment} is no pair of onset and "
                "offset; correct the line"
            )
        label = phrase.get("label", phrase["phrase"])
        table.event(where, name, *segment, label, phrase["phrase"])


def finelap_row(clip: Clip) -> dict[str, Any]:
    """
    A clip as an object for FineLAP.

    :param clip: the clip.
    :return: plain data. Where a phrase is not its label, ``label`` stands
        beside it, and ``events_complete`` where that is False; FineLAP's own
        loader passes over both.

    >>> from lhotse_recipes.clips import Annotation
    >>> clip = Clip("yard", "yard.wav")
    >>> clip.annotations += [Annotation("event", "dog", "dog", 0.5, 1.25)]
    >>> finelap_row(clip)["phrases"]
    [{'phrase': 'dog', 'segments': [[0.5, 1.25]]}]
    """
    captions = [one.text for one in clip.of_kind("caption")]
    phrases: dict[tuple[str, str], list[list[float]]] = {}
    for one in clip.of_kind("event"):
        segments = phrases.setdefault((one.text, one.label), [])
        segments.append([one.onset, one.offset])
    row: dict[str, Any] = {
        "audio_id": clip.name,
        "audio_path": clip.path or clip.name,
        "caption": captions[0] if len(captions) == 1 else captions,
    }
    complete = clip.custom.get("events_complete", True)
    if complete or phrases:
        row["phrases"] = [
            {
                "phrase": phrase,
                **({"label": label} if label != phrase else {}),
                "segments": segments,
            }
            for (phrase, label), segments in phrases.items()
        ]
    if phrases and not complete:
        row["events_complete"] = False
    return row


def export_finelap(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write the metadata that FineLAP trains on.

    It holds captions, phrases, labels and times; not tags, ids and
    confidences. A cut without events has no ``phrases`` where its events are
    not complete.

    :param cuts: a CutSet.
    :param path: ``.jsonl``.
    :return: the file.
    """
    with write_atomically(path) as file:
        for clip in tqdm(
            clips_of(cuts), desc="writing jsonl", unit=" lines", delay=1
        ):
            row = finelap_row(clip)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return Path(path)
