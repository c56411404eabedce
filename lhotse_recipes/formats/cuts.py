"""What cuts say, as the writers of annotation files take it."""

from collections.abc import Iterable, Iterator

from lhotse.cut import Cut, MonoCut

from lhotse_recipes.clips import Annotation, Clip, clip_id
from lhotse_recipes.schema import (
    captions_of,
    label_of,
    speech_of,
    tags_of,
    trim_events,
)

__all__ = ["clip_of", "clips_of"]

_DIGITS = 8


def clip_of(cut: Cut) -> Clip:
    """
    What a cut's supervisions say, times relative to the cut.

    A cut that is a whole recording from one file is named like the file, any
    other ``<id>.wav``.

    :param cut: any cut.
    :return: the clip, its events and speech trimmed to the
        cut.
    """
    annotations = [
        Annotation(
            kind,
            sup.text or label_of(sup),
            "" if kind == "caption" else label_of(sup),
            sup.start if kind == "event" else 0.0,
            round(sup.end, _DIGITS) if kind == "event" else 0.0,
            (sup.custom or {}).get("mid"),
            (sup.custom or {}).get("confidence"),
        )
        for kind, found in (
            ("event", trim_events(cut)),
            ("tag", tags_of(cut)),
            ("caption", captions_of(cut)),
        )
        for sup in found
    ]
    annotations += [
        Annotation(
            "speech",
            sup.text or "",
            onset=sup.start,
            offset=round(sup.end, _DIGITS),
            speaker=sup.speaker,
            alignment={k: v for k, v in (sup.alignment or {}).items() if v},
        )
        for sup in trim_events(cut, speech_of(cut))
    ]
    custom = {
        key: getattr(cut, key)
        for key in ("vocabulary", "events_complete")
        if cut.has_custom(key)
    }
    path = _path_of(cut)
    name = _file_name(path) if path else f"{cut.id}.wav"
    return Clip(
        cut.id,
        name,
        cut.id,
        cut.duration,
        annotations,
        custom=custom,
        path=path,
    )


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _path_of(cut: Cut) -> str | None:
    if isinstance(cut, MonoCut) and cut.has_recording:
        sources = cut.recording.sources
        whole = cut.start == 0 and cut.duration == cut.recording.duration
        if whole and len(sources) == 1 and sources[0].type == "file":
            return str(sources[0].source)
    return None


def clips_of(cuts: Iterable[Cut]) -> Iterator[Clip]:
    """
    The clips of many cuts, each with a name of its own.

    :param cuts: a CutSet.
    :return: :func:`clip_of` for each.
    :raises ValueError: two cuts whose files are called alike.
    """
    seen: dict[str, str] = {}
    for cut in cuts:
        clip = clip_of(cut)
        key = clip_id(clip.name)
        if key in seen:
            raise ValueError(
                f"the cuts {seen[key]} and {cut.id} would both be exported as "
                f"{key}; export them apart"
            )
        seen[key] = cut.id
        yield clip
