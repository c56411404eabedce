"""The libraries with which bioacoustics exchanges annotations.

crowsetta (https://crowsetta.readthedocs.io) reads the formats of a dozen
programs for bird song and phonetics; soundevent
(https://mbsantiago.github.io/soundevent) is what Whombat annotates in, whose
files are called AOEF. Both are optional: ``speechbrain-opensed[annotations]``.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.json_files import read_json
from lhotse_recipes.outputs import write_atomically

__all__ = [
    "export_crowsetta",
    "export_soundevent",
    "read_crowsetta",
    "read_soundevent",
]

_TERM = "event_label"


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this format is read and written by {name}: pip install "
            "'speechbrain-opensed[annotations]'"
        ) from error


def read_crowsetta(
    path: str | Path,
    table: ClipTable,
    encoding: str = "utf-8",
    kind: str = "generic-seq",
) -> None:
    """
    Read a file of any program that crowsetta knows.

    :param path: the file.
    :param table: gets the clips. Where the file does not name its audio, it is
        about the recording called like it. Bounds of frequency are counted,
        not taken.
    :param encoding: has no effect, crowsetta has its own.
    :param kind: crowsetta's name of the format, such as ``"notmat"``.
    :raises ValueError: an unknown format, or crowsetta cannot read it.
    :raises ImportError: crowsetta is missing.
    """
    crowsetta = _library("crowsetta")
    known = crowsetta.formats.as_list()
    if kind not in known:
        raise ValueError(
            f"crowsetta knows no format {kind!r}; it has {', '.join(known)}"
        )
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found = crowsetta.formats.by_name(kind).from_file(path).to_annot()
    except Exception as error:
        raise ValueError(
            f"{path}: crowsetta cannot read it as {kind} "
            f"({type(error).__name__}: {error}); choose another of "
            f"{', '.join(known)}"
        ) from error
    found = found if isinstance(found, list) else [found]
    for number, one in enumerate(found, 1):
        where = f"{path}: annotation {number}"
        name = one.notated_path or path.name.partition(".")[0]
        table.clip(where, str(name))
        for event in _parts(one, table):
            onset, offset = _seconds(where, event)
            table.event(where, str(name), onset, offset, str(event.label))


def _parts(annotation: Any, table: ClipTable) -> list[Any]:
    boxes = getattr(annotation, "bboxes", None)
    if boxes is not None:
        table.report.count("bounds of frequency passed over", len(boxes))
        return list(boxes)
    sequences = annotation.seq
    if not isinstance(sequences, list):
        sequences = [sequences]
    return [part for sequence in sequences for part in sequence.segments]


def _seconds(where: str, event: Any) -> tuple[float, float]:
    if hasattr(event, "low_freq"):
        return event.onset, event.offset
    if event.onset_s is None or event.offset_s is None:
        raise ValueError(
            f"{where}: times in samples alone; convert them to seconds, in "
            "the columns onset_s and offset_s"
        )
    return event.onset_s, event.offset_s


def export_crowsetta(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write the csv of crowsetta's format generic-seq.

    It holds names, times and labels; cuts without events are left out.

    :param cuts: a CutSet.
    :param path: ``.csv``.
    :return: the file.
    :raises ValueError: there are no events, which crowsetta cannot read.
    :raises ImportError: crowsetta is missing.
    """
    crowsetta = _library("crowsetta")
    made = []
    for clip in clips_of(cuts):
        events = clip.of_kind("event")
        if not events:
            continue
        sequence = crowsetta.Sequence.from_keyword(
            labels=[one.label for one in events],
            onsets_s=[float(one.onset) for one in events],
            offsets_s=[float(one.offset) for one in events],
        )
        made.append(
            crowsetta.Annotation(
                annot_path=path, notated_path=clip.name, seq=sequence
            )
        )
    if not made:
        raise ValueError(
            "no cut has an event, and crowsetta's table has no row without "
            "one: choose another format, such as csv"
        )
    return _written(crowsetta.formats.seq.GenericSeq(annots=made).to_file, path)


def _written(write: Any, path: str | Path, *more: Any) -> Path:
    """What a library writes to a path of its own, whole or not at all."""
    with scratch_folder() as folder:
        made = folder / "made"
        write(*more, made)
        with write_atomically(path, "wb") as file:
            file.write(made.read_bytes())
    return Path(path)


def read_soundevent(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    """
    Read an annotation set, annotation project or prediction set of soundevent.

    :param path: ``.json`` in the format AOEF.
    :param table: gets the clips. An event is labelled by its tag
        ``event_label``, else by its first tag; geometries count by their
        beginning and end. Events without a tag are dropped and counted, as are
        bounds of frequency.
    :param encoding: has no effect, AOEF is UTF-8.
    :raises ValueError: no such file.
    :raises ImportError: soundevent is missing.
    """
    _library("soundevent")
    read_json(path, dict, remedy="export it again")
    try:
        found = import_module("soundevent.io").load(path)
    except Exception as error:
        raise ValueError(
            f"{path}: soundevent cannot read it ({type(error).__name__}: "
            f"{error}); export it again"
        ) from error
    predicted = hasattr(found, "clip_predictions")
    clips = getattr(
        found, "clip_predictions" if predicted else "clip_annotations", None
    )
    if clips is None:
        raise ValueError(
            f"{path}: a {type(found).__name__}, not an annotation or "
            "prediction set; export the annotations"
        )
    for number, one in enumerate(clips, 1):
        where = f"{path}: clip {number}"
        recording = one.clip.recording
        name = str(recording.path)
        clip = table.clip(where, name)
        clip.duration = recording.duration
        for event in one.sound_events:
            _read_soundevent(where, name, event, table, predicted)


def _read_soundevent(where, name, event, table, predicted):
    tags = [one.tag if predicted else one for one in event.tags]
    labels = [t.value for t in tags if t.term.name.endswith(_TERM)]
    labels = labels or [tag.value for tag in tags]
    if not labels or event.sound_event.geometry is None:
        table.report.drop("sound events without a tag or geometry", where)
        return
    geometry = event.sound_event.geometry
    if geometry.type not in ("TimeInterval", "TimeStamp"):
        table.report.count("bounds of frequency passed over")
    onset, offset = _span(geometry.type, geometry.coordinates)
    more = {"confidence": event.score} if predicted else {}
    table.event(where, name, onset, offset, labels[0], **more)


def _span(kind: str, coordinates: Any) -> tuple[float, float]:
    """Beginning and end of a geometry, in seconds."""
    if kind == "TimeStamp":
        return coordinates, coordinates
    if kind == "TimeInterval":
        return coordinates[0], coordinates[1]
    if kind == "BoundingBox":
        return coordinates[0], coordinates[2]
    if not isinstance(coordinates[0], list):
        return coordinates[0], coordinates[0]
    # Points of time and frequency, in lists of lists for some shapes.
    spans = [_span(kind, one) for one in coordinates]
    return min(start for start, _ in spans), max(end for _, end in spans)


def export_soundevent(cuts: Iterable[Cut], path: str | Path) -> Path:
    """
    Write an annotation set of soundevent, in the format AOEF.

    It holds names, durations, times and labels; not phrases and confidences.

    :param cuts: a CutSet, each cut with its recording.
    :param path: ``.json``.
    :return: the file.
    :raises ImportError: soundevent is missing.
    """
    _library("soundevent")
    data = import_module("soundevent.data")
    cuts = list(cuts)
    term = data.Term(
        name=f"opensed:{_TERM}",
        label="event label",
        definition="The class of a sound event in its vocabulary.",
    )
    made = []
    for cut, clip in zip(cuts, clips_of(cuts), strict=True):
        recording = data.Recording(
            path=Path(clip.name),
            duration=clip.duration,
            channels=max(1, getattr(cut, "num_channels", None) or 1),
            samplerate=cut.sampling_rate,
        )
        events = [
            data.SoundEventAnnotation(
                sound_event=data.SoundEvent(
                    recording=recording,
                    geometry=data.TimeInterval(
                        coordinates=[one.onset, one.offset]
                    ),
                ),
                tags=[data.Tag(term=term, value=one.label)],
            )
            for one in clip.of_kind("event")
        ]
        made.append(
            data.ClipAnnotation(
                clip=data.Clip(
                    recording=recording, start_time=0, end_time=clip.duration
                ),
                sound_events=events,
            )
        )
    whole = data.AnnotationSet(name="opensed", clip_annotations=made)
    return _written(import_module("soundevent.io").save, path, whole)
