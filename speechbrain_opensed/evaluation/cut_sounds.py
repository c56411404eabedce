"""Cuts as sounds that are read block by block.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
from lhotse.cut import Cut, MonoCut, MultiCut

from lhotse_recipes.manifests import check_cut
from lhotse_recipes.sound import (
    AudioInfo,
    inspect_audio,
    mix_down,
    read_part,
)
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.inference.sounds import Sound

__all__ = ["sound_of_cut"]

# Samples of all channels that are read at a time.
_BLOCK = 2**21
# Seconds; decoders differ in how much of a file's padding they leave.
_LONGER = 0.5


def sound_of_cut(
    cut: Cut,
    spec: SedSpec,
    channel: str | int = "mix",
    allow_commands: bool = False,
) -> Sound:
    """A cut of any length, rate and number of tracks.

    A part of one file is read as it is needed, in flat memory; what has
    several files, or transforms other than another rate, at once.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The cut.
    spec : SedSpec
        Of the model that will hear it.
    channel : str or int
        How several channels become one; see
        :func:`lhotse_recipes.sound.mono_blocks`.
    allow_commands : bool
        Let audio come from shell commands and from addresses on the net.

    Returns
    -------
    Sound
        Called like the cut.

    Raises
    ------
    FileNotFoundError
        If its file is missing.
    ValueError
        If it cannot be used; the message names the cut.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> sum(map(len, sound_of_cut(cut, SedSpec()).blocks()))
    16000
    """
    check_cut(cut, allow_commands)
    try:
        found = _part_of_file(cut, spec, channel)
    except (ValueError, OSError) as error:
        if cut.id in str(error):
            raise
        missing = isinstance(error, FileNotFoundError)
        kind = FileNotFoundError if missing else ValueError
        raise kind(f"cut {cut.id}: {error}") from error
    if found is not None:
        return found

    def whole() -> Iterator[np.ndarray]:
        # The detector has windows of its own.
        span = replace(spec, window_seconds=cut.duration + 1)
        yield load_window(_one_channel(cut, channel), span)

    return Sound(cut.id, spec.sample_rate, cut.duration, whole)


def _part_of_file(cut, spec, channel):
    if not isinstance(cut, (MonoCut, MultiCut)) or not cut.has_recording:
        return None
    sources = cut.recording.sources
    if len(sources) != 1 or sources[0].type != "file":
        return None
    if any(_name(one) != "Resample" for one in cut.recording.transforms or ()):
        return None
    info = _inspect(sources[0].source)
    rate = info.sample_rate
    first, count = round(cut.start * rate), round(cut.duration * rate)
    missing = (first + count - info.frames) / rate
    if missing > spec.hop_seconds:
        raise ValueError(
            f"cut {cut.id} ends at {cut.end:.3f} s, its file "
            f"{info.path} after {info.duration:.3f} s: correct the manifest, "
            "or fetch the file again"
        )
    if info.duration - cut.recording.duration > _LONGER:
        raise ValueError(
            f"cut {cut.id}: its recording lasts {cut.recording.duration:.3f} "
            f"s, its file {info.path} {info.duration:.3f} s, and is another "
            "than when the manifest was made: make the manifest again"
        )
    wanted = [cut.channel] if isinstance(cut, MonoCut) else cut.channel
    places = [sources[0].channels.index(one) for one in wanted]
    size = max(1, min(30 * rate, _BLOCK // info.channels))

    def read():
        for block in read_part(info, size, first, count):
            yield block[:, places]

    def blocks():
        # What a decoder leaves off at the end, at most a frame, is silent.
        left = count
        for block in mix_down(f"cut {cut.id}", len(places), read, channel):
            left -= len(block)
            yield block
        if left:
            yield np.zeros(left, np.float32)

    return Sound(cut.id, rate, cut.duration, blocks)


def _name(transform):
    if isinstance(transform, dict):
        return str(transform.get("name"))
    return type(transform).__name__


def _inspect(path: str) -> AudioInfo:
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{path} is missing; fetch it, correct the path in the manifest, "
            "or drop the cut"
        )
    status = os.stat(path)
    return _inspect_once(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _inspect_once(path, size, time) -> AudioInfo:
    """Cuts of one recording follow each other, and some have to be counted."""
    return inspect_audio(path)


def _one_channel(cut, channel):
    if channel == "mix" or cut.num_channels in (None, 1):
        return cut
    if not isinstance(cut, MultiCut):
        raise ValueError(
            f"cut {cut.id} mixes tracks of {cut.num_channels} channels: choose "
            "one in each track, or channel 'mix'"
        )
    cuts = cut.to_mono()
    if channel == "loudest":
        return max(
            cuts, key=lambda one: float(np.square(one.load_audio()).sum())
        )
    number = {"left": 1, "right": 2}.get(channel, channel)
    if not 1 <= int(number) <= len(cuts):
        raise ValueError(
            f"cut {cut.id} has {len(cuts)} channels and no {channel!r}"
        )
    return cuts[int(number) - 1]
