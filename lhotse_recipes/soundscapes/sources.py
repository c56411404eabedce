"""What the simulator knows of a recording before it mixes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from lhotse import CutSet, MonoCut, Recording, RecordingSet
from lhotse.cut import Cut, MultiCut
from lhotse.utils import fastcopy

from lhotse_recipes.schema import events_of, label_of
from lhotse_recipes.sound.lengths import exact_lengths

__all__ = ["FRAME_SECONDS", "Source", "cuts_of", "prepare_source", "scan"]

FRAME_SECONDS = 0.02
"""Length of the frames whose level is kept."""


@dataclass(frozen=True)
class Source:
    """
    One channel of a recording, at the rate of the mixtures, and its levels.

    :param recording: resampled lazily where its rate differs.
    :param channel: the channel that is used.
    :param start: first sample, in samples of ``recording``.
    :param num_samples: length.
    :param levels: float32 ``[frames]``, mean power of each 20 ms.
    :param label: class of an event; empty for a background.
    :param phrase: its wording.
    :param mid: its AudioSet id, where there is one.
    """

    recording: Recording
    channel: int
    start: int
    num_samples: int
    levels: np.ndarray
    label: str = ""
    phrase: str = ""
    mid: str | None = None


def cuts_of(manifests: Any, kinds: tuple[str, ...]) -> list[Cut]:
    """
    The cuts in whatever a preparation returned.

    :param manifests: CutSet, RecordingSet, or a dict that holds one of
        ``kinds``, or ``"recordings"`` and ``"supervisions"``.
    :param kinds: keys to look for, first one first.
    :return: list of cuts.
    :raises ValueError: nothing of that kind is there, or it is empty.
    """
    if isinstance(manifests, Mapping):
        for kind in kinds:
            if kind in manifests:
                return cuts_of(manifests[kind], kinds)
        if "recordings" not in manifests:
            raise ValueError(
                f"expected a dict with one of {', '.join(kinds)} or with "
                f"recordings and supervisions, got {sorted(manifests)}; give "
                "one part of what the prepare function returned"
            )
        cuts = CutSet.from_manifests(
            recordings=manifests["recordings"],
            supervisions=manifests.get("supervisions"),
        )
    elif isinstance(manifests, RecordingSet):
        cuts = [recording.to_cut() for recording in manifests]
    elif isinstance(manifests, CutSet):
        cuts = manifests
    else:
        raise ValueError(
            f"expected a CutSet, a RecordingSet or a dict of manifests, got "
            f"{type(manifests).__name__}; see simulate_soundscapes"
        )
    cuts = list(cuts)
    if not cuts:
        raise ValueError(f"no {kinds[0]}: the manifest is empty")
    return cuts


def prepare_source(cut: Cut, sampling_rate: int, is_event: bool) -> Source:
    """
    Describe a cut as a source, without its levels.

    :param cut: MonoCut, or MultiCut of which the first channel is taken.
    :param sampling_rate: of the mixtures.
    :param is_event: whether it must have exactly one event; the source is
        then the span of that event.
    :return: a source whose levels are empty.
    :raises ValueError: another kind of cut, no audio, or not one event.
    """
    if not isinstance(cut, (MonoCut, MultiCut)) or not cut.has_recording:
        raise ValueError(
            f"cut {cut.id} is a {type(cut).__name__} "
            "without a recording of its own; sources must be plain cuts"
        )
    channel = cut.channel if isinstance(cut.channel, int) else cut.channel[0]
    recording = cut.recording
    if recording.sampling_rate != sampling_rate:
        recording = recording.resample(sampling_rate)
    begin, end = cut.start, cut.start + cut.duration
    label, phrase, mid = "", "", None
    if is_event:
        events = events_of(cut)
        if len(events) != 1:
            raise ValueError(
                f"cut {cut.id} has {len(events)} events; a bank has exactly "
                "one in each cut (CutSet.trim_to_supervisions makes such cuts)"
            )
        label, phrase = label_of(events[0]), events[0].text
        mid = (events[0].custom or {}).get("mid")
        end = min(end, cut.start + events[0].end)
        begin = max(begin, cut.start + events[0].start)
    start = round(begin * sampling_rate)
    stop = min(round(end * sampling_rate), recording.num_samples)
    if stop <= start:
        raise ValueError(f"cut {cut.id} is empty; remove it from the bank")
    empty = np.zeros(0, np.float32)
    return Source(
        recording, channel, start, stop - start, empty, label, phrase, mid
    )


def scan(sources: Iterable[Source]) -> list[Source]:
    """
    Read the sources and note the level of every 20 ms.

    :param sources: sources without levels.
    :return: the same sources with levels.
    :raises ValueError: one cannot be read or has samples that are no numbers.
    """
    scanned = []
    for source in sources:
        rate = source.recording.sampling_rate
        try:
            with exact_lengths():
                samples = source.recording.load_audio(
                    channels=source.channel,
                    offset=source.start / rate,
                    duration=source.num_samples / rate,
                )[0]
        except Exception as error:
            raise ValueError(
                f"recording {source.recording.id} "
                f"({source.recording.sources[0].source}) cannot be read: "
                f"{error}; replace the file or remove it from the manifest"
            ) from error
        hop = round(FRAME_SECONDS * rate)
        edges = np.arange(0, len(samples), hop)
        counts = np.diff(np.append(edges, len(samples)))
        power = np.add.reduceat(np.square(samples, dtype=np.float64), edges)
        levels = (power / counts).astype(np.float32)
        if not np.isfinite(levels).all():
            raise ValueError(
                f"recording {source.recording.id} "
                f"({source.recording.sources[0].source}) has samples that are "
                "no numbers; replace the file or remove it from the manifest"
            )
        scanned.append(fastcopy(source, levels=levels))
    return scanned
