"""AudioSet-Strong: AudioSet clips with every event's onset and offset.

Hershey et al., "The benefit of temporally-strong labels in audio event
classification" (ICASSP 2021), https://research.google.com/audioset/download_strong.html,
annotations CC BY 4.0. The audio is on YouTube and never complete: whatever
part of it is there is used, and the report says how much that is.
"""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lhotse_recipes.building.audio_index import names_of
from lhotse_recipes.building.copies import keep_one
from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    find_files,
    finish_part,
    read_recordings,
)
from lhotse_recipes.building.fetch import fetch_tables
from lhotse_recipes.io import PrepareReport, read_rows
from lhotse_recipes.schema import event
from lhotse_recipes.vocabulary import Vocabulary

__all__ = [
    "audio_names",
    "bare_names",
    "download_audioset_strong",
    "prepare_audioset_strong",
    "read_annotations",
]

_HOME = "https://storage.googleapis.com/us_audioset/youtube_corpus/strong"

PARTS = ("train", "eval")
_PREFIX = "audioset-strong"
_VOCABULARY = "audioset_strong"
_COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
# The clips' nominal length; names of audio files often state their end.
_CLIP_SECONDS = 10

Row = tuple[float, float, str]


def prepare_audioset_strong(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    strict: bool = False,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of AudioSet-Strong.

    The official tables ``audioset_train_strong.tsv`` and
    ``audioset_eval_strong.tsv`` and the audio may lie anywhere below
    ``corpus_dir``. Audio is named by segment; see :func:`audio_names`. With
    both tables the vocabulary written to ``output_dir`` says which labels are
    evaluated: those that occur in both.

    :param corpus_dir: folder of the audio (and the tables).
    :param output_dir: where manifests, reports and the vocabulary go; nothing
        is written when it is None.
    :param parts: "train", "eval" or several; "auto" takes those whose table
        is there.
    :param annotations_dir: folder of the tables, if another.
    :param strict: raise at the first unreadable audio file instead of
        reporting it.
    :param num_jobs: threads that read headers.
    :param executor: any concurrent.futures executor, used instead of threads.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed row, an unknown label, or two audio files
        of one segment that are no copies of each other.
    """
    vocabulary = Vocabulary.load(_VOCABULARY)
    audio, tables = _scan(corpus_dir)
    if annotations_dir is not None:
        tables = _scan(annotations_dir)[1]
    chosen = _choose_parts(parts, tables, annotations_dir or corpus_dir)
    reports = {part: PrepareReport(_PREFIX, part) for part in chosen}
    annotations = {
        part: read_annotations(tables[part], vocabulary, reports[part])
        for part in chosen
    }
    found = _match(annotations, audio, reports)
    if not any(found.values()):
        raise FileNotFoundError(
            f"{corpus_dir}: no audio of any of the "
            f"{sum(map(len, annotations.values()))} annotated segments; it "
            "must be named by segment, such as b0RFKhbpFJA_30000.flac"
        )
    kept = {
        part: keep_one(
            of_part, reports[part], strict, num_jobs=num_jobs, executor=executor
        )
        for part, of_part in found.items()
    }
    prepared = {}
    for part in chosen:
        report = reports[part]
        recordings = read_recordings(
            kept[part], report, num_jobs, strict=strict, executor=executor
        )
        report.coverage = (len(recordings), len(annotations[part]))
        for recording in recordings:
            if recording.duration > 1.1 * _CLIP_SECONDS:
                # Perhaps the whole video, whose times the table does not have.
                report.note("longer than a clip", recording.id)
        events = _events(
            (recording.id for recording in recordings),
            annotations[part],
            vocabulary,
        )
        prepared[part] = finish_part(
            report, recordings, events, _VOCABULARY, True, output_dir=output_dir
        )
    if output_dir is not None:
        _with_evaluated(vocabulary, annotations).save(
            Path(output_dir) / f"{_VOCABULARY}.csv"
        )
    return prepared


def read_annotations(
    path: str | Path, vocabulary: Vocabulary, report: PrepareReport
) -> dict[str, list[Row]]:
    """
    Read one of the official tables.

    :param path: tsv with the columns segment_id, start_time_seconds,
        end_time_seconds, label.
    :param vocabulary: the classes; labels in the table are their AudioSet ids.
    :param report: repeated rows and events that end before they begin are
        noted here and left out.
    :return: segment → its (onset, offset, label).
    :raises ValueError: a malformed row or an unknown label, named by file and
        line.
    """
    segments: dict[str, list[Row]] = {}
    seen: set[tuple[str, Row]] = set()
    label_of: dict[str, str] = {}
    rows = tqdm(
        read_rows(path, _COLUMNS),
        desc=f"{_PREFIX} {report.part}: reading events",
        unit=" rows",
    )
    for where, row in rows:
        segment, label = row["segment_id"].strip(), row["label"].strip()
        if not segment:
            raise ValueError(f"{where}: empty segment_id; complete the row")
        try:
            onset = float(row["start_time_seconds"])
            offset = float(row["end_time_seconds"])
            if label not in label_of:
                label_of[label] = vocabulary.label_of(label)
        except ValueError as error:
            raise ValueError(f"{where}: {error}; correct the row") from error
        if not (math.isfinite(onset) and math.isfinite(offset)):
            raise ValueError(
                f"{where}: {onset} to {offset} is no span of time; correct "
                "or remove the row"
            )
        events = segments.setdefault(segment, [])
        entry = (onset, offset, label_of[label])
        if (segment, entry) in seen:
            report.drop("repeated row", where)
        elif offset < onset:
            report.drop("ends before it begins", where)
        else:
            seen.add((segment, entry))
            events.append(entry)
    return segments


def audio_names(segment: str) -> Iterator[str]:
    """
    The names, without suffix, that a segment's audio goes by.

    With or without "Y" before the id; with the start in milliseconds or
    seconds, with start and end, joined by "_" or, as in audioset-download,
    by "-"; with six digits, as in VGGSound; or the id alone, and in brackets
    behind a title as in yt-dlp.

    :param segment: e.g. ``"b0RFKhbpFJA_30000"``.
    :return: names, the official one first.

    >>> names = list(audio_names("b0RFKhbpFJA_30000"))
    >>> names[:3]
    ['b0RFKhbpFJA_30000', 'b0RFKhbpFJA_30000_40000', 'b0RFKhbpFJA_30']
    >>> "Yb0RFKhbpFJA_30.000_40.000" in names, "Yb0RFKhbpFJA" in names
    (True, True)
    >>> "b0RFKhbpFJA_30.0-40.0" in names
    True
    """
    video, _, start = segment.rpartition("_")
    if not video or not start.isdigit():
        yield segment
        yield f"Y{segment}"
        return
    stop = str(int(start) + 1000 * _CLIP_SECONDS)
    begin, end = (f"{int(time) / 1000:.3f}" for time in (start, stop))
    short, until = (time.rstrip("0").rstrip(".") for time in (begin, end))
    times = [start, f"{start}_{stop}"]
    times += [short, f"{short}_{until}", begin, f"{begin}_{end}"]
    of_floats = (str(int(time) / 1000) for time in (start, stop))
    times += ["_".join(of_floats)]
    times += [time.replace("_", "-") for time in times if "_" in time]
    if short.isdigit():
        times.append(short.zfill(6))
    for name in (video, f"Y{video}"):
        # A start of zero reads the same in seconds and milliseconds.
        yield from (f"{name}_{time}" for time in dict.fromkeys(times))
    yield from bare_names(video)


def bare_names(video: str) -> tuple[str, ...]:
    """
    The names that tell a video but not which part of it.

    :param video: its id.
    :return: names, the id first; that in brackets stands for any file whose
        name ends in it.

    >>> bare_names("b0RFKhbpFJA")
    ('b0RFKhbpFJA', 'Yb0RFKhbpFJA', '[b0RFKhbpFJA]')
    """
    return video, f"Y{video}", f"[{video}]"


def _scan(folder: str | Path) -> tuple[dict[str, list[str]], dict[str, Path]]:
    """One walk: audio files by name, tables by part."""
    audio: dict[str, list[str]] = {}
    tables: dict[str, Path] = {}
    wanted = {f"audioset_{part}_strong.tsv": part for part in PARTS}
    for path in find_files(folder, (*AUDIO_SUFFIXES, ".tsv")):
        name = os.path.basename(path)
        part = wanted.get(name)
        if part in tables:
            raise ValueError(
                f"{tables[part]} and {path}: two tables of one part; keep "
                "one or name its folder as annotations_dir"
            )
        if part:
            tables[part] = Path(path)
        elif not name.endswith(".tsv"):
            for stem in names_of(path):
                audio.setdefault(stem, []).append(path)
    return audio, tables


def _choose_parts(
    parts: str | Sequence[str], tables: dict[str, Path], folder: str | Path
) -> list[str]:
    if parts == "auto":
        chosen = [part for part in PARTS if part in tables]
    else:
        chosen = [parts] if isinstance(parts, str) else list(parts)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        raise ValueError(
            f"parts {unknown}: AudioSet-Strong has {' and '.join(PARTS)}"
        )
    missing = [part for part in chosen or PARTS if part not in tables]
    if missing:
        names = " or ".join(f"audioset_{part}_strong.tsv" for part in missing)
        raise FileNotFoundError(
            f"{folder}: no {names} below it; get it from "
            "https://research.google.com/audioset/download_strong.html"
        )
    return chosen


def _match(
    annotations: dict[str, dict[str, list[Row]]],
    audio: dict[str, list[str]],
    reports: dict[str, PrepareReport],
) -> dict[str, dict[str, list[str]]]:
    """Segment → audio files for each part; the missing are noted."""
    segments = [name for part in annotations.values() for name in part]
    of_video = Counter(name.rpartition("_")[0] for name in set(segments))
    found: dict[str, dict[str, list[str]]] = {part: {} for part in annotations}
    for part, of_part in annotations.items():
        for segment in of_part:
            video = segment.rpartition("_")[0]
            # Two segments of one video: its bare id would mean either.
            skip = bare_names(video) if of_video[video] > 1 else ()
            files: dict[str, None] = {}
            for name in audio_names(segment):
                # Behind a title perhaps the whole video of a clip we have.
                if name not in skip and not (files and name.startswith("[")):
                    files.update(dict.fromkeys(audio.get(name, ())))
            if files:
                found[part][segment] = list(files)
            else:
                reports[part].drop("missing audio", segment)
    return found


def _events(
    ids: Iterable[str],
    annotations: dict[str, list[Row]],
    vocabulary: Vocabulary,
) -> Iterator[Any]:
    entries = {entry.label: entry for entry in vocabulary.entries}
    for name in ids:
        for index, (onset, offset, label) in enumerate(annotations[name]):
            entry = entries[label]
            yield event(
                name, index, onset, offset, entry.phrase, label, mid=entry.mid
            )


def _with_evaluated(
    vocabulary: Vocabulary, annotations: dict[str, dict[str, list[Row]]]
) -> Vocabulary:
    if set(annotations) != set(PARTS):
        return vocabulary
    train, evaluation = (
        {label for rows in annotations[part].values() for *_, label in rows}
        for part in PARTS
    )
    return vocabulary.with_evaluated(train & evaluation)


def download_audioset_strong(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the official tables; the audio is not offered.

    :param target_dir: the folder ``AudioSet-Strong`` is made here.
    :param force_download: fetch again what is there.
    :return: the folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    """
    urls = [f"{_HOME}/audioset_{part}_strong.tsv" for part in PARTS]
    return fetch_tables(urls, target_dir, "AudioSet-Strong", force_download)
