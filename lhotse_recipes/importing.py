"""From annotated clips to manifests: the part that all corpora share."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.audio_index import AudioIndex
from lhotse_recipes.building.copies import keep_one
from lhotse_recipes.building.corpus import (
    ReadingOptions,
    find_files,
    finish_part,
    read_recordings,
)
from lhotse_recipes.clips import Clip, ClipTable, supervisions_of
from lhotse_recipes.io import PrepareReport

__all__ = [
    "OPEN",
    "Part",
    "choose",
    "find_tables",
    "prepare_parts",
    "prepare_tables",
]

#: Vocabulary of clips that are described in words of any kind.
OPEN = "open"

# Seconds: compressed files differ that much.
_TOLERANCE = 0.1


@dataclass
class Part:
    """
    A part of a corpus before its audio is looked for.

    :param report: with what reading the annotation left out.
    :param clips: the annotated clips.
    :param events_complete: whether what is not annotated is absent.
    :param near: end of the name of the folder its audio should be in, where
        several files are called alike.
    :param copies: whether several files of one clip may be copies of it, as
        where a clip is fetched once per caption; see
        :func:`lhotse_recipes.building.copies.keep_one`.
    """

    report: PrepareReport
    clips: list[Clip]
    events_complete: bool = False
    near: str = ""
    copies: bool = False


def prepare_parts(
    parts: Sequence[Part],
    corpus_dir: str | Path,
    vocabulary: str = OPEN,
    *,
    output_dir: str | Path | None = None,
    strict: bool = False,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Find the audio, read its headers, make and write the manifests.

    :param parts: annotated clips.
    :param corpus_dir: folder of the audio.
    :param vocabulary: name of the annotated table.
    :param output_dir: where manifests and reports go; nowhere when None.
    :param strict: raise at the first unreadable file.
    :param num_jobs: threads that read headers.
    :param executor: used instead of threads.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: there is no audio of any clip.
    :raises ValueError: two clips share an id or a file.
    """
    audio = AudioIndex(corpus_dir)
    found = [
        keep_one(
            _match(part, audio),
            part.report,
            strict,
            num_jobs=num_jobs,
            executor=executor,
        )
        for part in parts
    ]
    if not any(found):
        clips = [clip for part in parts for clip in part.clips]
        example = f", such as {clips[0].name}" if clips else ""
        raise FileNotFoundError(
            f"{corpus_dir}: no audio of any of the {len(clips)} annotated "
            f"clips{example}; the {len(audio)} audio files below it are "
            "called otherwise"
        )
    prepared = {}
    for part, paths in zip(parts, found, strict=True):
        report, of_id = part.report, {clip.id: clip for clip in part.clips}
        recordings = read_recordings(
            paths, report, num_jobs, strict=strict, executor=executor
        )
        report.coverage = (len(recordings), len(part.clips))
        for recording in recordings:
            stated = of_id[recording.id].duration
            if stated and abs(stated - recording.duration) > _TOLERANCE:
                report.note("not as long as annotated", recording.id)
        prepared[report.part] = finish_part(
            report,
            recordings,
            [
                sup
                for recording in recordings
                for sup in supervisions_of(
                    of_id[recording.id], recording.duration
                )
            ],
            vocabulary,
            part.events_complete,
            output_dir=output_dir,
            custom={clip.id: clip.custom for clip in part.clips},
        )
    return prepared


def _match(part: Part, audio: AudioIndex) -> dict[str, list[str]]:
    """Clip id → audio files; the missing are noted."""
    found: dict[str, list[str]] = {}
    clip_of_path: dict[str, str] = {}
    seen: dict[str, str] = {}
    for clip in part.clips:
        if clip.id in seen:
            raise ValueError(
                f"{clip.where}: the clip {clip.id} was annotated before, in "
                f"{seen[clip.id]}; keep one of the two"
            )
        seen[clip.id] = clip.where
        paths = _files_of(clip, part, audio)
        if not paths:
            part.report.drop("missing audio", clip.id)
            continue
        for path in paths:
            if path in clip_of_path:
                raise ValueError(
                    f"{path}: audio of two clips, {clip_of_path[path]} and "
                    f"{clip.id} ({clip.where}); name the files like the clips"
                )
            clip_of_path[path] = clip.id
        found[clip.id] = paths
    return found


def _files_of(clip: Clip, part: Part, audio: AudioIndex) -> list[str]:
    names = (clip.name, *clip.aliases)
    if part.copies:
        return audio.candidates(names, part.near)
    try:
        path = audio.find(names, part.near)
    except ValueError as error:
        raise ValueError(f"{clip.where}: {error}") from error
    return [] if path is None else [path]


def find_tables(
    folder: str | Path, names: Mapping[str, Sequence[str]], source: str
) -> dict[str, Path]:
    """
    Find a corpus's annotation files by name.

    :param folder: where to look, at any depth.
    :param names: part → names its file may have; with ``/`` the folders must
        agree as well.
    :param source: where to get them, for the message.
    :return: part → file, in the order of ``names``.
    :raises FileNotFoundError: there is none.
    :raises ValueError: several files for one part.
    """
    suffixes = {Path(n).suffix.lower() for some in names.values() for n in some}
    found: dict[str, Path] = {}
    for path in find_files(folder, suffixes):
        whole = "/" + path.replace("\\", "/")
        for part, some in names.items():
            if not any(whole.endswith(f"/{name}") for name in some):
                continue
            if part in found:
                raise ValueError(
                    f"{found[part]} and {path}: two tables of the part "
                    f"{part}; keep one or name its folder as annotations_dir"
                )
            found[part] = Path(path)
    if not found:
        wanted = [name for some in names.values() for name in some]
        raise FileNotFoundError(
            f"{folder}: none of {', '.join(wanted)} below it; get them from "
            f"{source}"
        )
    return {part: found[part] for part in names if part in found}


def choose(
    parts: str | Sequence[str], available: Sequence[str], known: Sequence[str]
) -> list[str]:
    """
    The parts to prepare.

    :param parts: "auto" for all that are there, a name or several.
    :param available: parts whose annotation was found.
    :param known: all parts of the corpus.
    :return: the parts.
    :raises ValueError: an unknown part.
    :raises FileNotFoundError: a part without annotation.
    """
    if parts == "auto":
        return list(available)
    chosen = [parts] if isinstance(parts, str) else list(parts)
    for part in chosen:
        if part not in known:
            raise ValueError(
                f"no part {part!r}; the corpus has {', '.join(known)}"
            )
        if part not in available:
            raise FileNotFoundError(
                f"no annotation of the part {part!r}; there is that of "
                f"{', '.join(available)}"
            )
    return chosen


def prepare_tables(
    names: Mapping[str, Sequence[str]],
    read: Callable[[Path, ClipTable, str], None],
    folders: tuple[str | Path, str | Path | None],
    *,
    prefix: str,
    source: str,
    parts: str | Sequence[str] = "auto",
    encoding: str = "utf-8",
    copies: bool = False,
    output_dir: str | Path | None = None,
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Prepare a corpus in words of any kind that has a table for each part.

    :param names: part → names that its table may have.
    :param read: reads one table, of an encoding, into clips.
    :param folders: of the audio, and of the tables if another.
    :param prefix: the corpus's name, that of its files.
    :param source: where to get the tables.
    :param parts: those to prepare, see :func:`choose`.
    :param encoding: of the tables.
    :param copies: as that of :class:`Part`.
    :param output_dir: where manifests and reports go; nowhere when None.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: an unknown part, or what ``read`` refuses.
    """
    corpus_dir, annotations_dir = folders
    tables = find_tables(annotations_dir or corpus_dir, names, source)
    made = []
    for part in choose(parts, list(tables), list(names)):
        clips = ClipTable(PrepareReport(prefix, part))
        read(tables[part], clips, encoding)
        made.append(Part(clips.report, clips.clips, near=part, copies=copies))
    return prepare_parts(made, corpus_dir, output_dir=output_dir, **options)
