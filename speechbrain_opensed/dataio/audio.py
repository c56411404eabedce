"""The samples of a cut, checked, as a detector wants them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut, MixedCut, MonoCut, MultiCut

from lhotse_recipes.io import PrepareReport
from lhotse_recipes.sound import (
    READABLE,
    inspect_audio,
    mix_down,
    mono_blocks,
)
from lhotse_recipes.sound.lengths import exact_lengths
from lhotse_recipes.soundscapes.render import render
from speechbrain_opensed.core.spec import SedSpec

__all__ = ["load_window", "read_cut", "with_audio"]

logger = logging.getLogger(__name__)

# Kinds whose length has to be counted.
_COUNTED = tuple(
    suffix
    for suffix in READABLE
    if suffix not in (".wav", ".flac", ".aif", ".aiff", ".au", ".w64")
)


def load_window(cut: Cut, spec: SedSpec) -> np.ndarray:
    """Read a cut that fits into one window of a model.

    Other sample rates are converted, several channels averaged. A cut may
    have a frame more or less than its manifest says, as decoders leave it:
    the rest is cut off, or stays silent. What is missing beyond that is an
    error; Lhotse would fill up to half a second with mirrored sound.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The cut, of one or several tracks.
    spec : SedSpec
        Sample rate and window.

    Returns
    -------
    numpy.ndarray
        float32 `[samples]`, at most one window.

    Raises
    ------
    ValueError
        If the cut is longer than the window, or its audio is unreadable or not
        finite.
    FileNotFoundError
        If a recording's file is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> load_window(cut, SedSpec(sample_rate=8000)).shape
    (8000,)
    """
    if cut.duration >= spec.window_seconds + spec.hop_seconds:
        raise ValueError(
            f"cut {cut.id} lasts {cut.duration:.3f} s, the model's window "
            f"{spec.window_seconds:g} s: cut it into windows first, e.g. "
            f"cuts.cut_into_windows({spec.window_seconds:g})"
        )
    if cut.has_recording and cut.sampling_rate != spec.sample_rate:
        cut = cut.resample(spec.sample_rate)
    wav = read_cut(cut, spec.hop_seconds)
    (wav,) = mix_down(f"cut {cut.id}", len(wav), lambda: iter([wav.T]))
    wav = wav.astype(np.float32, copy=False)[: spec.num_samples]
    if not np.isfinite(wav).all():
        raise ValueError(
            f"cut {cut.id}: its audio has samples that are no numbers; repair "
            "the file or drop the cut from the manifest"
        )
    return wav


def read_cut(cut: Cut, tolerance: float = 0.04) -> np.ndarray:
    """Read all channels of a cut.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The cut, of one or several tracks.
    tolerance : float
        Seconds by which a file may be shorter or longer than its manifest
        says.

    Returns
    -------
    numpy.ndarray
        `[channels, samples]`, at the rate of the cut.

    Raises
    ------
    ValueError
        If its audio is unreadable, or of another length.
    FileNotFoundError
        If a recording's file is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> read_cut(dummy_cut(0, duration=1.0, with_data=True)).shape
    (1, 16000)
    """
    if not cut.has_recording:
        raise ValueError(
            f"cut {cut.id} has no recording: make the manifest from audio, not "
            "from features"
        )
    try:
        with exact_lengths(tolerance):
            if isinstance(cut, MixedCut) and cut.num_channels == 1:
                return render(cut)[None]
            counted = _read_counted(cut, cut.sampling_rate)
            return cut.load_audio() if counted is None else counted
    except Exception as error:
        _refuse_missing(cut)
        _refuse_other_length(cut, tolerance)
        reason = str(error).partition("[extra info]")[0].strip()
        raise ValueError(
            f"cut {cut.id}: its audio cannot be read ({reason}); repair the "
            "file or drop the cut from the manifest"
        ) from error


def _read_counted(cut: Cut, sample_rate: int) -> np.ndarray | None:
    """A cut of a file whose header Lhotse's readers would wrongly believe."""
    if not isinstance(cut, MonoCut):
        return None
    sources = cut.recording.sources
    others = [
        one
        for one in cut.recording.transforms or ()
        if _name(one) != "Resample"
    ]
    if others or len(sources) != 1 or sources[0].type != "file":
        return None
    path = sources[0].source
    if Path(path).suffix.lower() not in _COUNTED:
        return None
    info = inspect_audio(path)
    if info.decoder == "soundfile":
        return None
    place = sources[0].channels.index(cut.channel) + 1
    wav = np.concatenate(list(mono_blocks(info, sample_rate, channel=place)))
    first = round(cut.start * sample_rate)
    return wav[None, first : first + round(cut.duration * sample_rate)]


def _name(transform: object) -> str:
    if isinstance(transform, dict):
        return str(transform.get("name"))
    return type(transform).__name__


def with_audio(
    cuts: Iterable[Cut],
    missing: str = "error",
    report: PrepareReport | None = None,
) -> CutSet:
    """The cuts whose files are there.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        The cuts.
    missing : str
        What is done about a cut without its audio: `"error"`, or `"skip"` to
        leave it out, count it and name it in the log.
    report : PrepareReport, optional
        Where to count; default: one for the log alone.

    Returns
    -------
    lhotse.CutSet
        In memory.

    Raises
    ------
    FileNotFoundError
        If a file is missing and shall not be.
    ValueError
        If `missing` is unknown, or no cut has audio.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> len(with_audio([dummy_cut(0, with_data=True)]))
    1
    """
    if missing not in ("error", "skip"):
        raise ValueError(f"missing {missing!r}: choose 'error' or 'skip'")
    report = report or PrepareReport("cuts", "audio")
    kept = []
    for cut in cuts:
        path = _missing_file(cut)
        if path is None:
            kept.append(cut)
        elif missing == "error":
            raise FileNotFoundError(_about_missing(cut, path))
        else:
            report.drop("missing audio", cut.id)
    if report.dropped:
        logger.warning(report.summary())
    if not kept:
        raise ValueError(
            f"no audio for any of the cuts of {report.prefix} {report.part}: "
            "fetch it, or correct the paths in the manifest"
        )
    return CutSet.from_cuts(kept)


def _refuse_missing(cut):
    path = _missing_file(cut)
    if path is not None:
        raise FileNotFoundError(_about_missing(cut, path))


def _refuse_other_length(cut, tolerance):
    """Say where a file ends before or behind what its manifest says."""
    if isinstance(cut, MixedCut):
        for track in cut.tracks:
            _refuse_other_length(track.cut, tolerance)
    if not isinstance(cut, (MonoCut, MultiCut)):
        return
    for source in cut.recording.sources:
        if source.type != "file":
            continue
        try:
            info = inspect_audio(source.source)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"cut {cut.id}: its audio cannot be read ({error})"
            ) from error
        if cut.end - info.duration > tolerance:
            raise ValueError(
                f"cut {cut.id} ends at {cut.end:.3f} s, its file {info.path} "
                f"after {info.duration:.3f} s: correct the manifest, or "
                "fetch the file again"
            )
        if info.duration - cut.recording.duration > tolerance:
            raise ValueError(
                f"cut {cut.id}: its recording lasts "
                f"{cut.recording.duration:.3f} s, its file {info.path} "
                f"{info.duration:.3f} s, and is another than when the manifest "
                "was made: make the manifest again"
            )


def _about_missing(cut, path):
    return (
        f"cut {cut.id}: {path} is missing; fetch it, correct the path in the "
        "manifest, or drop the cut"
    )


def _missing_file(cut):
    """A file of a cut's audio that is not there, or None."""
    tracks = [t.cut for t in cut.tracks] if isinstance(cut, MixedCut) else [cut]
    for part in tracks:
        if not isinstance(part, (MonoCut, MultiCut)) or not part.has_recording:
            continue
        for source in part.recording.sources:
            if source.type == "file" and not Path(source.source).is_file():
                return source.source
    return None
