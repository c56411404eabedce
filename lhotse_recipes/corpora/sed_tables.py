"""Your own annotated recordings, in the formats that programs exchange.

Tables of DCASE, TUT and sed_eval (tsv, csv, txt, parquet, DataFrames), label
tracks of Audacity, TextGrids of Praat, JAMS files, FineLAP's JSON lines,
selection tables of Raven and BirdNET, exports of Label Studio, and what
soundevent and crowsetta read; see :mod:`lhotse_recipes.formats`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm
from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions, find_files
from lhotse_recipes.clips import Clip, ClipTable
from lhotse_recipes.formats import (
    read_audacity,
    read_crowsetta,
    read_dcase,
    read_finelap,
    read_frame,
    read_jams,
    read_labelstudio,
    read_parquet,
    read_raven,
    read_soundevent,
    read_textgrid,
)
from lhotse_recipes.formats.dcase import read_durations
from lhotse_recipes.formats.raven import is_raven
from lhotse_recipes.importing import OPEN, Part, prepare_parts
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.vocabulary import Entry, Vocabulary

__all__ = ["prepare_sed_tables"]

_READERS: dict[str, tuple[tuple[str, ...], Callable[..., None]]] = {
    "table": ((".tsv", ".csv", ".txt"), read_dcase),
    "audacity": ((".txt",), read_audacity),
    "textgrid": ((".textgrid",), read_textgrid),
    "jams": ((".jams", ".jamz"), read_jams),
    "finelap": ((".jsonl",), read_finelap),
    "parquet": ((".parquet",), read_parquet),
    "raven": ((".txt", ".csv", ".tsv"), read_raven),
    "labelstudio": ((".json",), read_labelstudio),
    "soundevent": ((".json",), read_soundevent),
}
# Told by more than the suffix: any folder may hold such files.
_NAMED = ("raven", "labelstudio", "soundevent")
_CROWSETTA = "crowsetta:"


def prepare_sed_tables(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    annotations: Any = None,
    *,
    format: str = "auto",
    durations: str | Path | None = None,
    vocabulary: str | Path | None = None,
    events_complete: bool = True,
    name: str = "sed-tables",
    part: str = "all",
    encoding: str = "utf-8",
    textgrid_labels: str | None = None,
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests from annotation files and the audio they are about.

    :param corpus_dir: folder of the audio.
    :param output_dir: where manifests, report and vocabulary go; nothing is
        written when it is None.
    :param annotations: a file, or a folder of files; the folder of the audio
        by default. In Python also a DataFrame with the columns filename,
        onset, offset and event_label.
    :param format: table, audacity, textgrid, jams, finelap, parquet, raven,
        labelstudio, soundevent, or crowsetta:FORMAT, with any format of
        crowsetta such as crowsetta:notmat; "auto" tells all but the last three
        by suffix and header (``.txt`` is a table, of which an Audacity label
        track without frequencies is one).
    :param durations: table of filename and duration; clips that only it
        names have no events, and recordings of another length are noted.
    :param vocabulary: table of the classes (columns label, phrase), or the
        name of a shipped one; without it the labels are taken as they are.
    :param events_complete: whether what is not annotated is absent.
    :param name: of the corpus, in the names of the manifests.
    :param part: of the corpus.
    :param encoding: of the annotation.
    :param textgrid_labels: where TextGrids have the class: "tier" in the
        tier's name, beside texts that are phrases, or "text" in the texts of
        the intervals; "tier" by default.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no annotation, or no audio at all.
    :raises ValueError: a malformed row, an unknown label, or two files for
        one clip.
    """
    table = None if vocabulary is None else Vocabulary.load(vocabulary)
    clips = ClipTable(PrepareReport(name, part), table)
    files = []
    if annotations is None or isinstance(annotations, str | Path):
        source = Path(corpus_dir if annotations is None else annotations)
        files = _files(source, format, durations)
        files = _with_labels(files, textgrid_labels)
    elif format != "auto" or textgrid_labels is not None:
        raise ValueError(
            "format and textgrid_labels are for files: a DataFrame has neither"
        )
    else:
        read_frame(annotations, clips)
    for path, reader in tqdm(
        files, desc=f"{name}: reading annotations", delay=1
    ):
        reader(path, clips, encoding=encoding)
    if textgrid_labels is None:
        _warn_of_tiers(files, clips)
    if durations is not None:
        _add_durations(Path(durations), clips, encoding)
    if table is None:
        table = _found_labels(clips.clips, name)
    called = OPEN if table is None else table.name
    prepared = prepare_parts(
        [Part(clips.report, clips.clips, events_complete)],
        corpus_dir,
        called,
        output_dir=output_dir,
        **options,
    )
    if output_dir is not None and table is not None:
        table.save(Path(output_dir) / f"{called}.csv")
    return prepared


def _files(
    source: Path, format: str, durations: str | Path | None
) -> list[tuple[Path, Callable[..., None]]]:
    if format.startswith(_CROWSETTA):
        return _by_crowsetta(source, format[len(_CROWSETTA) :])
    if format != "auto" and format not in _READERS:
        raise ValueError(
            f"format {format!r}: it must be auto, {', '.join(_READERS)} or "
            f"{_CROWSETTA}FORMAT"
        )
    readers: dict[str, Callable[..., None]] = {}
    for one, (suffixes, reader) in _READERS.items():
        if format == one or (format == "auto" and one not in _NAMED):
            for suffix in suffixes:
                readers.setdefault(suffix, reader)
    if source.is_file():
        paths = [source]
    else:
        paths = list(map(Path, find_files(source, readers)))
    if durations is not None:
        paths = [p for p in paths if p.resolve() != Path(durations).resolve()]
    unknown = [p for p in paths if p.suffix.lower() not in readers]
    if unknown or not paths:
        raise FileNotFoundError(
            f"{source}: no annotation file; those of the format {format} end "
            f"in {', '.join(readers)}"
        )
    found = [(path, readers[path.suffix.lower()]) for path in paths]
    if format != "auto":
        return found
    return [
        (path, read_raven if read is read_dcase and is_raven(path) else read)
        for path, read in found
    ]


def _by_crowsetta(
    source: Path, kind: str
) -> list[tuple[Path, Callable[..., None]]]:
    try:
        import crowsetta
    except ImportError as error:
        raise ImportError(
            f"{_CROWSETTA}{kind} is read by crowsetta: pip install "
            "'speechbrain-opensed[annotations]'"
        ) from error
    known = crowsetta.formats.as_list()
    if kind not in known:
        raise ValueError(
            f"crowsetta knows no format {kind!r}; it has {', '.join(known)}"
        )
    suffixes = crowsetta.formats.by_name(kind).ext
    suffixes = (suffixes,) if isinstance(suffixes, str) else suffixes
    paths = [source] if source.is_file() else sorted(source.rglob("*"))
    ends = tuple(suffix.lower() for suffix in suffixes)
    paths = [path for path in paths if path.name.lower().endswith(ends)]
    if not paths:
        raise FileNotFoundError(
            f"{source}: no annotation file; those of {kind} end in "
            f"{', '.join(suffixes)}"
        )
    return [(path, partial(read_crowsetta, kind=kind)) for path in paths]


def _with_labels(
    files: list[tuple[Path, Callable[..., None]]], labels: str | None
) -> list[tuple[Path, Callable[..., None]]]:
    if labels is None:
        return files
    if labels not in ("tier", "text"):
        raise ValueError(
            f"textgrid_labels must be 'tier' or 'text', not {labels!r}"
        )
    if all(reader is not read_textgrid for _, reader in files):
        raise ValueError(
            "textgrid_labels has no effect: there is no TextGrid among the "
            f"{len(files)} annotation files"
        )
    by_labels = partial(read_textgrid, labels=labels)
    return [
        (path, by_labels if reader is read_textgrid else reader)
        for path, reader in files
    ]


def _warn_of_tiers(
    files: list[tuple[Path, Callable[..., None]]], clips: ClipTable
) -> None:
    """One tier with many texts: the classes may be there."""
    if any(reader is not read_textgrid for _, reader in files):
        return
    events = [one for clip in clips.clips for one in clip.of_kind("event")]
    labels = {one.label for one in events}
    texts = sorted({one.text for one in events})
    if len(labels) == 1 < len(texts):
        clips.report.warn(
            f"all {len(events)} events are of the class {labels.pop()!r}, the "
            f"name of their tier, with the texts {', '.join(texts[:3])}...: "
            "if these are the classes, choose textgrid_labels 'text'"
        )


def _add_durations(path: Path, clips: ClipTable, encoding: str) -> None:
    for number, (audio, length) in enumerate(
        read_durations(path, encoding).items(), 1
    ):
        clips.clip(f"{path}: row {number}", audio).duration = length


def _found_labels(clips: list[Clip], name: str) -> Vocabulary | None:
    entries = {
        one.label: Entry(one.label, one.text, one.mid)
        for clip in clips
        for one in clip.annotations
        if one.kind in ("event", "tag")
    }
    if not entries:
        return None
    return Vocabulary(name, tuple(entries[label] for label in sorted(entries)))
