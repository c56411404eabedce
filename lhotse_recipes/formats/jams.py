"""JAMS files, as Scaper and URBAN-SED have them.

https://jams.readthedocs.io. We write events, tags and captions as three
annotations of the namespace ``tag_open``, and speech as one of ``lyrics``;
what those have no place for (phrases, AudioSet ids, speakers, when each word
is said) lies in the annotation's sandbox, which readers of JAMS keep.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from lhotse_recipes.clips import Annotation, Clip, ClipTable, clip_id
from lhotse_recipes.formats.jams_schema import check_jams
from lhotse_recipes.formats.text import (
    alignment_from,
    alignment_rows,
    export_each,
)
from lhotse_recipes.io import read_text
from lhotse_recipes.json_files import parse_json

__all__ = ["export_jams", "jams_text", "read_jams"]

_VERSION = "0.3.4"
# Scaper wrote "sound_event" before it wrote "scaper".
_SCAPER = ("scaper", "sound_event")
# Bytes of an unpacked file.
_MOST = 1 << 28
_NAMESPACES = (*_SCAPER, "tag_open", "segment_open")


def read_jams(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read a JAMS file: what Scaper placed in the foreground, or open tags.

    :param path: ``.jams``, or ``.jamz``, which is packed; the recording is
        called like it, unless the file gives a title.
    :param table: gets the clip. Backgrounds, and annotations of other
        namespaces, are counted, not taken.
    :param encoding: of the text.
    :raises ValueError: no JAMS file, one that JAMS's own validator refuses,
        or nothing in it that tells events.
    """
    path = Path(path)
    whole = parse_json(_text_of(path, encoding), path)
    check_jams(path, whole)
    try:
        about = whole["file_metadata"]
        sections = whole["annotations"] or []
        # Others put the name of a piece of music there.
        title = about.get("title") or ""
        name = title if clip_id(title) == path.stem else path.stem
        clip = table.clip(f"{path}:1", name, new=True)
        clip.duration = about["duration"]
        if table.vocabulary is None:
            clip.custom.update(_known(whole.get("sandbox") or {}))
        used = [one for one in sections if _is_read(one)]
        if sections and not used:
            there = sorted({one["namespace"] for one in sections})
            raise ValueError(
                f"{path}: annotations of the kinds {', '.join(there)}; events "
                f"are read from {', '.join(_NAMESPACES)}"
            )
        for section in sections:
            if section in used:
                _read_section(path, name, section, table)
            else:
                number = len(section.get("data") or ())
                table.report.drop(
                    f"annotations of the JAMS namespace {section['namespace']}",
                    f"{path}: {number} observations",
                )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: no whole JAMS file (lacks or misplaces {error}); write "
            "it again"
        ) from error


def _text_of(path: Path, encoding: str) -> str:
    if path.suffix.lower() != ".jamz":
        return read_text(path, encoding)
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise ValueError(f"{path}: unpacks to more than {_MOST >> 20} MiB")
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeError) as error:
        raise ValueError(
            f"{path}: no whole packed JAMS file ({error}); write it again"
        ) from error


def _is_read(section: Any) -> bool:
    return section["namespace"] in _NAMESPACES or _is_speech(section)


def _is_speech(section: Any) -> bool:
    """Speech as we write it; words of songs are another matter."""
    more = section.get("sandbox") or {}
    return section["namespace"] == "lyrics" and more.get("kind") == "speech"


def _known(sandbox: Any) -> dict[str, Any]:
    keys = ("vocabulary", "events_complete")
    return {key: sandbox[key] for key in keys if key in sandbox}


def _read_section(
    path: Path, name: str, section: Any, table: ClipTable
) -> None:
    more = section.get("sandbox") or {}
    kind = more.get("kind", "event")
    data = section.get("data") or []
    count = len(data)
    phrases = more.get("phrases") or [None] * count
    mids = more.get("mids") or [None] * count
    speakers = more.get("speakers") or [None] * count
    aligned = more.get("alignments") or [None] * count
    lengths = {len(phrases), len(mids), len(speakers), len(aligned)}
    if lengths != {count}:
        raise ValueError(
            f"{path}: {count} observations but {len(phrases)} phrases and "
            f"{len(mids)} ids, or {len(speakers)} speakers and {len(aligned)} "
            "alignments, in the sandbox; export it again"
        )
    if kind == "speech":
        for number, (one, speaker, rows) in enumerate(
            zip(data, speakers, aligned, strict=True), 1
        ):
            where = f"{path}: {section['namespace']} {number}"
            table.speech(
                where,
                name,
                one["time"],
                round(one["time"] + one["duration"], 8),
                text=one["value"],
                speaker=speaker,
                alignment=alignment_from(where, rows),
            )
        return
    for number, (one, phrase, mid) in enumerate(
        zip(data, phrases, mids, strict=True), 1
    ):
        where = f"{path}: {section['namespace']} {number}"
        value = one["value"]
        if section["namespace"] in _SCAPER:
            if value["role"] != "foreground":
                table.report.count("backgrounds passed over")
                continue
            value = value["label"]
        if kind == "caption":
            table.caption(where, name, value)
        elif kind == "tag":
            table.tag(
                where,
                name,
                value,
                phrase,
                mid=mid,
                confidence=_sure(where, one),
            )
        else:
            table.event(
                where,
                name,
                one["time"],
                round(one["time"] + one["duration"], 8),
                value,
                phrase,
                mid=mid,
                # Scaper is sure of all that it placed.
                confidence=(
                    _sure(where, one) if value is one["value"] else None
                ),
            )


def _sure(where: str, observation: Any) -> float | None:
    confidence = observation.get("confidence")
    if confidence is None:
        return None
    try:
        return float(confidence)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: the confidence {confidence!r} is no number; correct it"
        ) from error


def jams_text(clip: Clip) -> str:
    """
    A clip's JAMS file.

    :param clip: the clip; its duration is known.
    :return: JSON.
    """
    whole = {
        "annotations": list(_sections(clip)),
        "file_metadata": {
            "title": clip.name,
            "artist": "",
            "release": "",
            "duration": clip.duration,
            "identifiers": {},
            "jams_version": _VERSION,
        },
        "sandbox": dict(clip.custom),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _sections(clip: Clip) -> Iterator[dict[str, Any]]:
    for kind in ("event", "tag", "caption", "speech"):
        found = clip.of_kind(kind)
        if not found:
            continue
        yield {
            "annotation_metadata": {
                "curator": {"name": "", "email": ""},
                "annotator": {},
                "version": "",
                "corpus": "",
                "annotation_tools": "",
                "annotation_rules": "",
                "validation": "",
                "data_source": "",
            },
            "namespace": "lyrics" if kind == "speech" else "tag_open",
            "data": [_observation(one, clip.known_duration) for one in found],
            "sandbox": _beside(kind, found),
            "time": 0,
            "duration": clip.duration,
        }


def _beside(kind: str, found: list[Annotation]) -> dict[str, Any]:
    if kind == "speech":
        speakers = [one.speaker for one in found]
        more: dict[str, Any] = {"kind": kind, "speakers": speakers}
        if any(one.alignment for one in found):
            more["alignments"] = [alignment_rows(one) or None for one in found]
        return more
    return {
        "kind": kind,
        "phrases": [one.text for one in found],
        "mids": [one.mid for one in found],
    }


def _observation(one: Annotation, duration: float) -> dict[str, Any]:
    timed = one.kind in ("event", "speech")
    length = round(one.offset - one.onset, 8) if timed else duration
    return {
        "time": one.onset if timed else 0.0,
        "duration": length,
        "value": one.label if one.kind in ("event", "tag") else one.text,
        "confidence": one.confidence,
    }


def export_jams(cuts: Iterable[Cut], output_dir: str | Path) -> list[Path]:
    """
    Write a JAMS file per cut.

    It holds all that :mod:`lhotse_recipes.schema` has: events, tags and
    captions with labels, phrases, ids and confidences, and speech with its
    speakers and when each word is said.

    :param cuts: a CutSet.
    :param output_dir: folder of the ``.jams`` files.
    :return: the files.
    """
    return export_each(cuts, output_dir, ".jams", jams_text)
