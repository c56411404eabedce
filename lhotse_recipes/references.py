"""Short excerpts of a clip in which one of its events is heard.

They are the reference sounds of style adaptation (Xiong et al., "Sound-event-
enhanced prompt adapter", https://arxiv.org/abs/2409.09381): an event's first
occurrence, prolonged by the following ones where it is too short.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from lhotse.cut import Cut, MixedCut, MultiCut
from lhotse.utils import fastcopy
from numpy.lib.stride_tricks import sliding_window_view

from lhotse_recipes.schema import label_of, merge_touching, trim_events

__all__ = ["POLICIES", "EnergyFilter", "References", "cut_references"]

POLICIES = ("same_clip", "other_clip_same_event")
"""Where the references of a clip come from."""


@dataclass(frozen=True)
class EnergyFilter:
    """
    Tells excerpts that hardly sound, by their energy in 25 ms frames.

    The paper names such a filter without its settings; these are ours.

    :param loudest_dbfs: the loudest frame must reach this level.
    :param within_db: a frame this far below the loudest still sounds.
    :param share: least share of frames that sound.
    :param frame_seconds: length of a frame.
    :param hop_seconds: from frame to frame.

    >>> tone = np.sin(np.arange(16000))
    >>> EnergyFilter().passes(tone, 16000)
    True
    >>> click = np.where(np.arange(16000) < 100, tone, 0)
    >>> EnergyFilter().passes(click, 16000)
    False
    """

    loudest_dbfs: float = -50.0
    within_db: float = 30.0
    share: float = 0.25
    frame_seconds: float = 0.025
    hop_seconds: float = 0.01

    def passes(self, samples: np.ndarray, sampling_rate: int) -> bool:
        """
        Whether an excerpt sounds.

        :param samples: ``[time]``.
        :param sampling_rate: Hz.
        :return: True if it does.
        """
        size = max(1, round(self.frame_seconds * sampling_rate))
        hop = max(1, round(self.hop_seconds * sampling_rate))
        power = np.square(samples, dtype=np.float64)
        if len(power) < size:
            power = np.pad(power, (0, size - len(power)))
        levels = sliding_window_view(power, size)[::hop].mean(axis=1)
        loudest = levels.max()
        if not loudest >= 10 ** (self.loudest_dbfs / 10):
            return False
        sounding = levels >= loudest * 10 ** (-self.within_db / 10)
        return bool(sounding.mean() >= self.share)


@dataclass
class References:
    """
    What was cut from a clip.

    :param cuts: one excerpt for each label, by first onset; what it is of
        stands in ``custom``: label, phrase, clip.
    :param refused: reason and label of what is missing.
    """

    cuts: list[Cut] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def cut_references(
    cut: Cut,
    seconds: float = 2.0,
    energy: EnergyFilter | None = None,
    pad: bool = False,
) -> References:
    """
    Cut one excerpt for each event label of a clip.

    :param cut: clip with events, of one recording.
    :param seconds: length of an excerpt.
    :param energy: refuses excerpts that hardly sound; None takes all and reads
        no audio.
    :param pad: pad an event that is too short, all its occurrences together,
        with silence; by default it is refused.
    :return: the excerpts; no audio is copied.
    """
    events = trim_events(cut)
    phrases = {label_of(sup): sup.text or label_of(sup) for sup in events}
    spans: dict[str, list[tuple[float, float]]] = {}
    for onset, offset, label in merge_touching(
        (sup.start, sup.end, label_of(sup)) for sup in events
    ):
        spans.setdefault(label, []).append((onset, offset))
    found = References()
    wanted = round(seconds * cut.sampling_rate)
    for number, (label, places) in enumerate(spans.items()):
        custom = {"label": label, "phrase": phrases[label], "clip": cut.id}
        pieces = list(_pieces(cut, places, wanted, custom))
        short = sum(piece.num_samples for piece in pieces) < wanted
        if not pieces or (short and not pad):
            found.refused.append((f"shorter than {seconds:g} s", label))
            continue
        reference = pieces[0]
        for piece in pieces[1:]:
            reference = reference.append(piece)
        if energy is not None:
            samples = reference.load_audio().mean(axis=0)
            if not energy.passes(samples, cut.sampling_rate):
                found.refused.append(("hardly sounds", label))
                continue
        if short:
            reference = reference.pad(duration=seconds)
        found.cuts.append(_named(reference, f"{cut.id}-r{number}"))
    return found


def _pieces(
    cut: Cut,
    places: Iterable[tuple[float, float]],
    wanted: int,
    custom: dict[str, str],
) -> Iterable[Cut]:
    """Excerpts of whole samples, as many as are wanted together."""
    if isinstance(cut, MultiCut):
        cut = cut.to_mono()[0]
    rate = cut.sampling_rate
    silent = fastcopy(cut, supervisions=[], custom=custom)
    for onset, offset in places:
        start = round(onset * rate)
        length = min(round(offset * rate) - start, wanted)
        if length > 0:
            yield silent.truncate(
                offset=start / rate, duration=length / rate, preserve_id=True
            )
            wanted -= length


def _named(cut: Cut, name: str) -> Cut:
    """The cut under a name; Lhotse draws random ones."""
    cut = fastcopy(cut, id=name)
    if isinstance(cut, MixedCut):
        cut.tracks = [
            fastcopy(track, cut=fastcopy(track.cut, id=f"{name}-{number}"))
            for number, track in enumerate(cut.tracks)
        ]
    return cut
