"""A planned soundscape as a Lhotse mixture."""

from dataclasses import replace

import numpy as np
from lhotse import MonoCut, Recording
from lhotse.augmentation import Volume
from lhotse.cut import MixedCut, MixTrack
from lhotse.utils import fastcopy

from lhotse_recipes.schema import event
from lhotse_recipes.soundscapes.planner import Piece, Placement, Plan, Settings
from lhotse_recipes.soundscapes.render import render

__all__ = ["assemble"]


def assemble(
    name: str, plan: Plan, settings: Settings, vocabulary: str
) -> MixedCut:
    """
    Make the mixture of a plan.

    :param name: id of the mixture.
    :param plan: what is heard when.
    :param settings: of the simulation.
    :param vocabulary: name of the annotated table.
    :return: the mixture; with ``settings.peak`` it is rendered once, to know
        its peak.
    """
    cut = _mixture(name, plan, settings, vocabulary)
    if settings.peak is None:
        return cut
    peak = float(np.abs(render(cut)).max())
    # Levels of events are relative to the background's: it scales the whole.
    gain = float(f"{plan.gain * settings.peak / peak:.8g}")
    return _mixture(name, replace(plan, gain=gain), settings, vocabulary)


def _mixture(
    name: str, plan: Plan, settings: Settings, vocabulary: str
) -> MixedCut:
    rate = settings.sampling_rate
    custom = {"vocabulary": vocabulary, "events_complete": True}
    source = plan.background[0].source
    background = fastcopy(
        source.recording,
        transforms=[*(source.recording.transforms or ()), Volume(plan.gain)],
    )
    tracks = [
        MixTrack(
            cut=MonoCut(
                id=f"{name}-b{number}",
                start=round(piece.start / rate, 8),
                duration=round(piece.num_samples / rate, 8),
                channel=source.channel,
                recording=background,
                custom=dict(custom) if number == 0 else None,
            ),
            offset=round(piece.at / rate, 8),
            tag="background",
            is_snr_reference=number == plan.reference,
        )
        for number, piece in enumerate(plan.background)
    ]
    for number, placed in enumerate(plan.events):
        tracks.append(
            MixTrack(
                cut=_event_cut(name, number, placed, rate),
                offset=round(placed.piece.at / rate, 8),
                # Lhotse's ratio is that of the reference to what is added.
                snr=round(plan.reference_db - placed.snr, 3),
                tag="event",
            )
        )
    mixture = MixedCut(id=name, tracks=tracks)
    if plan.room is None:
        return mixture
    channel = plan.room.channel_ids[0]
    return mixture.reverb_rir(plan.room, affix_id=False, rir_channels=[channel])


def _event_cut(name: str, number: int, placed: Placement, rate: int) -> MonoCut:
    piece, source = placed.piece, placed.piece.source
    duration = round(piece.num_samples / rate, 8)
    supervision = event(
        source.recording.id,
        number,
        0.0,
        duration,
        source.phrase,
        source.label,
        mid=source.mid,
        channel=source.channel,
    )
    # Ids within a CutSet are unique; a recording is heard more than once.
    supervision.id = f"{name}-e{number}"
    supervision.custom["snr"] = placed.snr
    if piece.speed != 1.0:
        supervision.custom["speed"] = piece.speed
    return MonoCut(
        id=supervision.id,
        start=round(piece.start / rate, 8),
        duration=duration,
        channel=source.channel,
        recording=_recording(piece),
        supervisions=[supervision],
    )


def _recording(piece: Piece) -> Recording:
    recording = piece.source.recording
    if piece.speed == 1.0:
        return recording
    return recording.perturb_speed(piece.speed, affix_id=False)
