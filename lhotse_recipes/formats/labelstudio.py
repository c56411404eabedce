"""Tasks of Label Studio: what people annotated there, and what to start from.

https://labelstud.io/guide/export. An interface for all that we write has
``<Labels name="label" toName="audio">``, ``<Choices name="tags"
toName="audio" choice="multiple">``, ``<TextArea name="caption"
toName="audio">`` and ``<TextArea name="speech" toName="audio"
perRegion="true">``; who speaks, and when each word is said, is in the
region's ``meta``.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lhotse.cut import Cut
from tqdm import tqdm

from lhotse_recipes.clips import Annotation, Clip, ClipTable
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.formats.text import alignment_from, alignment_rows
from lhotse_recipes.io import write_atomically
from lhotse_recipes.json_files import read_json

__all__ = ["export_labelstudio", "labelstudio_tasks", "read_labelstudio"]

# Label Studio puts eight digits before the name of what is uploaded.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
# What JSON-MIN has beside the results, and what names the sound.
_BESIDE = (
    "audio", "annotator", "created_at", "updated_at", "lead_time",
)  # fmt: skip
# Regions' texts with these names are what is said; Label Studio's template
# for transcripts has the second.
_SPOKEN = ("speech", "transcription")
_REMEDY = "export the project again, as JSON or JSON-MIN"


def read_labelstudio(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read an export of Label Studio, in its format JSON or JSON-MIN.

    Labels with times are events, choices are tags, texts without times are
    captions, those with times and the name ``speech`` or ``transcription`` are
    speech. Of several
    annotations of a task the ground truth counts, else the latest; where a
    task has none, its predictions count. What was cancelled, and what is of
    another type, is counted and left out.

    :param path: ``.json``.
    :param table: gets the clips.
    :param encoding: of the text.
    :raises ValueError: no such export; names the task.
    """
    for number, task in enumerate(read_json(path, list, encoding, _REMEDY), 1):
        where = f"{path}: task {number}"
        try:
            if "id" in task:
                where = f"{where} (id {task['id']})"
            if "data" in task:
                _read_task(where, task, table)
            else:
                _read_short(where, task, table)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(
                f"{where}: lacks or misplaces {error}; {_REMEDY}"
            ) from error


def _read_task(where: str, task: Any, table: ClipTable) -> None:
    name = _clip(where, task["data"], table)
    annotations = task.get("annotations") or task.get("completions") or []
    kept = [one for one in annotations if not one.get("was_cancelled")]
    if len(kept) < len(annotations):
        number = len(annotations) - len(kept)
        table.report.count("cancelled annotations passed over", number)
    chosen = [one for one in kept if one.get("ground_truth")]
    if not chosen and kept:
        chosen = [max(kept, key=_made)]
    if len(chosen) < len(kept):
        table.report.drop(
            "annotations of further annotators", f"{where}: {len(kept) - 1}"
        )
    predicted = not kept and not annotations and task.get("predictions")
    if predicted:
        table.report.note("predictions, annotated by nobody", where)
        chosen = [predicted[-1]]
    for one in chosen[:1]:
        for result in one["result"]:
            _read_result(where, name, result, table, bool(predicted))


def _made(annotation: Any) -> tuple[str, Any]:
    when = annotation.get("updated_at") or annotation.get("created_at") or ""
    return str(when), annotation.get("id") or 0


def _read_result(where, name, result, table, predicted):
    value, kind = result["value"], result["type"]
    if kind in ("labels", "hypertextlabels") and "start" in value:
        for label in value["labels"]:
            table.event(
                where,
                name,
                value["start"],
                value["end"],
                label,
                **_more(result, predicted),
            )
    elif kind == "choices" and "start" not in value:
        for label in value["choices"]:
            table.tag(where, name, label, **_more(result, predicted))
    elif kind == "textarea" and "start" not in value:
        for text in value["text"]:
            table.caption(where, name, text)
    elif kind == "textarea" and result.get("from_name") in _SPOKEN:
        more = result.get("meta") or {}
        table.speech(
            where,
            name,
            value["start"],
            value["end"],
            text=" ".join(value["text"]),
            speaker=more.get("speaker"),
            alignment=alignment_from(where, more.get("alignment")),
        )
    else:
        table.report.drop(f"results of the type {kind}", where)


def _more(result: Any, predicted: bool) -> dict[str, Any]:
    score = result.get("score") if predicted else None
    if score is None:
        return {}
    if not isinstance(score, int | float) or isinstance(score, bool):
        raise TypeError(f"a score of {score!r}")
    return {"confidence": float(score)}


def _read_short(where: str, task: Any, table: ClipTable) -> None:
    """JSON-MIN: what was annotated stands beside the audio, by its name.

    Of texts it does not tell choices from what somebody wrote, nor does it
    keep the times of the latter: there, names decide.
    """
    data = {k: v for k, v in task.items() if isinstance(v, str)}
    name = _clip(where, data, table)
    for key, value in task.items():
        for one in value if isinstance(value, list) else [value]:
            _read_value(where, name, key, one, table)


def _read_value(
    where: str, name: str, key: str, value: Any, table: ClipTable
) -> None:
    if isinstance(value, str):
        if key == "tags":
            table.tag(where, name, value)
        elif key == "caption":
            table.caption(where, name, value)
        elif key not in _BESIDE:
            table.report.drop(
                f"texts of {key!r} without times and kind: export as JSON",
                where,
            )
    elif not isinstance(value, dict):
        return  # numbers of the project
    elif "labels" in value and "start" in value:
        for label in value["labels"]:
            table.event(where, name, value["start"], value["end"], label)
    elif "choices" in value and "start" not in value:
        for label in value["choices"]:
            table.tag(where, name, label)
    elif "text" in value and "start" not in value and key == "caption":
        for text in value["text"]:
            table.caption(where, name, text)
    else:
        table.report.drop(f"values of {key!r}", where)


def _clip(where: str, data: Any, table: ClipTable) -> str:
    """The clip that a task is about; its name."""
    audio = data.get("audio")
    if audio is None:
        texts = [v for v in data.values() if isinstance(v, str) and "/" in v]
        if len(texts) != 1:
            raise ValueError(
                f"{where}: no 'audio' among {', '.join(data) or 'nothing'}; "
                "name the sound so in the labelling interface"
            )
        (audio,) = texts
    address = urlsplit(audio)
    path = audio
    if address.scheme or audio.startswith("/data/"):
        local = re.search(r"(?:^|&)d=([^&]+)", address.query)
        path = unquote(local[1] if local else address.path)
    base = path.replace("\\", "/").rpartition("/")[2]
    shorter = _UPLOADED.sub("", base)
    if "/upload/" in audio and shorter != base:
        clip = table.clip(where, shorter, new=True)
        clip.aliases = (base,)
        return shorter
    table.clip(where, path, new=True)
    return path


def labelstudio_tasks(
    clips: Iterable[Clip], made_by: str | None = None
) -> Iterator[dict[str, Any]]:
    """
    Clips as tasks, ready to be imported.

    :param clips: the clips. What a model made, or has confidences, becomes
        predictions, which annotators start from; all else annotations.
    :param made_by: the model's name.
    :return: plain data, one object per clip.

    >>> clip = Clip("yard", "yard.wav", duration=2.0)
    >>> clip.annotations += [Annotation("event", "dog", "Dog", 0.5, 1.25)]
    >>> (task,) = labelstudio_tasks([clip])
    >>> task["annotations"][0]["result"][0]["value"]
    {'start': 0.5, 'end': 1.25, 'channel': 0, 'labels': ['Dog']}
    """
    for clip in clips:
        task: dict[str, Any] = {"data": {"audio": clip.path or clip.name}}
        results = [
            _result(f"{one.kind}-{number}", one, clip)
            for number, one in enumerate(clip.annotations, 1)
        ]
        sure = [one.confidence is None for one in clip.annotations]
        if made_by is not None or not all(sure):
            version = made_by or "unknown"
            task["predictions"] = [
                {"model_version": version, "result": results}
            ]
        else:
            task["annotations"] = [{"result": results}]
        yield task


def _result(ident: str, one: Annotation, clip: Clip) -> dict[str, Any]:
    kind, name, value = {
        "event": (
            "labels",
            "label",
            {
                "start": one.onset,
                "end": one.offset,
                "channel": 0,
                "labels": [one.label],
            },
        ),
        "tag": ("choices", "tags", {"choices": [one.label]}),
        "caption": ("textarea", "caption", {"text": [one.text]}),
        "speech": (
            "textarea",
            "speech",
            {
                "start": one.onset,
                "end": one.offset,
                "channel": 0,
                "text": [one.text] if one.text else [],
            },
        ),
    }[one.kind]
    result = {
        "id": ident,
        "from_name": name,
        "to_name": "audio",
        "type": kind,
        "original_length": clip.duration,
        "value": value,
    }
    if one.speaker is not None or one.alignment:
        result["meta"] = {
            **({} if one.speaker is None else {"speaker": one.speaker}),
            **({"alignment": alignment_rows(one)} if one.alignment else {}),
        }
    if one.confidence is not None:
        result["score"] = float(one.confidence)
    return result


def export_labelstudio(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write tasks for Label Studio.

    They hold times, labels, tags, captions, confidences, speech, speakers and
    when each word is said; not phrases and ids.

    :param cuts: a CutSet.
    :param path: ``.json``.
    :return: the file.
    """
    clips = tqdm(clips_of(cuts), desc="writing json", unit=" tasks", delay=1)
    with write_atomically(path) as file:
        json.dump(
            list(labelstudio_tasks(clips)), file, indent=1, ensure_ascii=False
        )
        file.write("\n")
    return Path(path)
