"""Named settings of sound event detection's scores, as papers have them.

FlexSED: https://arxiv.org/abs/2509.18606; FineLAP:
https://arxiv.org/abs/2604.01155.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from speechbrain_opensed.metrics.inputs import Events, Scores
from speechbrain_opensed.metrics.psds.stats import VARIANTS

__all__ = ["PROTOCOLS", "SedProtocol", "best_fscores", "get_protocol"]

# Three of FineLAP's frames.
_FINELAP_MEDIAN = 3 * 10 / 64
_PSDS1 = {"dtc_threshold": 0.7, "gtc_threshold": 0.7}
_PSDS2 = {
    "dtc_threshold": 0.1,
    "gtc_threshold": 0.1,
    "cttc_threshold": 0.3,
    "alpha_ct": 0.5,
    "alpha_st": 1.0,
}


@dataclass(frozen=True)
class SedProtocol:
    """How scores are smoothed and what is computed from them.

    Arguments
    ---------
    name : str
        What it is called.
    variants : Mapping[str, Mapping]
        Name of each PSDS to settings of
        :func:`~speechbrain_opensed.metrics.compute_psds`.
    median_seconds : float
        Span of the median filter over the scores.
    keep_empty_clips : bool
        Whether clips without an event count.
    fscores : bool
        Whether the best F-scores of events and of segments belong to it.
    raw_labels : bool
        Whether models are asked for the labels as they are, not for phrases.

    Example
    -------
    >>> import numpy as np
    >>> from speechbrain_opensed.metrics import compute_psds
    >>> protocol = get_protocol("audioset-strong")
    >>> scores = {"a": np.repeat([[0.9], [0.1]], [25, 200], axis=0)}
    >>> truth, durations = {"a": [(0, 1, "Dog")]}, {"a": 9}
    >>> compute_psds(
    ...     scores, truth, durations, ["Dog"], 0.04, **protocol["PSDS1"]
    ... ).psds
    1.0
    >>> protocol.median_frames(0.15625)
    3
    """

    name: str
    variants: Mapping[str, Mapping[str, Any]]
    median_seconds: float
    keep_empty_clips: bool = True
    fscores: bool = False
    raw_labels: bool = False

    def __getitem__(self, variant: str) -> dict[str, Any]:
        """All settings of one PSDS for `compute_psds`."""
        if variant not in self.variants:
            raise ValueError(
                f"protocol {self.name!r} has no {variant!r}: choose from "
                f"{list(self.variants)}"
            )
        return {
            "keep_empty_clips": self.keep_empty_clips,
            **self.variants[variant],
        }

    def settings(self) -> dict[str, dict[str, Any]]:
        """Name of each PSDS to all settings of it."""
        return {variant: self[variant] for variant in self.variants}

    def median_frames(self, hop_seconds: float) -> int:
        """The odd number of frames nearest to the span of the filter."""
        return max(
            1, 2 * round((self.median_seconds / hop_seconds - 1) / 2) + 1
        )


def _finelap(name, alpha_st, psds2):
    variants = {"PSDS1": {**_PSDS1, "alpha_st": alpha_st}}
    if psds2:
        variants["PSDS2"] = _PSDS2
    return SedProtocol(name, variants, _FINELAP_MEDIAN, False, True, True)


#: Protocols by name.
PROTOCOLS: Mapping[str, SedProtocol] = MappingProxyType(
    {
        "flexsed": SedProtocol("flexsed", VARIANTS, 0.36),
        "desed": _finelap("desed", 1.0, True),
        "urbansed": _finelap("urbansed", 1.0, True),
        "audioset-strong": _finelap("audioset-strong", 0.0, False),
    }
)


def get_protocol(name: str) -> SedProtocol:
    """A protocol by its name.

    `flexsed`: PSDS1 over all clips (PSDS1_A) and of localisation (PSDS1_T),
    median over 0.36 s. `desed`, `urbansed` and `audioset-strong` as in the
    FineLAP paper: PSDS1, for the first two with alpha_st of 1, and PSDS2 with
    cross triggers; the best F-scores; median over three frames of 0.15625 s;
    clips without an event left out; labels as they are for prompts.

    Arguments
    ---------
    name : str
        Which one.

    Returns
    -------
    SedProtocol
        The protocol.

    Raises
    ------
    ValueError
        If there is none of this name.

    Example
    -------
    >>> get_protocol("desed")["PSDS1"]["alpha_st"]
    1.0
    """
    if name not in PROTOCOLS:
        raise ValueError(
            f"protocol {name!r} is unknown: choose from {list(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def best_fscores(
    scores: Scores,
    ground_truth: Events,
    durations: Mapping[str, float],
    classes: Sequence[str],
    hop_seconds: float,
    keep_empty_clips: bool = False,
) -> dict[str, float]:
    """F-scores at each class's best threshold, means over the classes.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, classes]` of each clip, smoothed.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    durations : Mapping[str, float]
        Seconds, for at least these clips.
    classes : Sequence[str]
        What the columns of the scores stand for.
    hop_seconds : float
        Duration of a frame.
    keep_empty_clips : bool
        Whether clips without an event count.

    Returns
    -------
    dict[str, float]
        `collar_F1` of whole events, borders within 0.2 s or a fifth of the
        event, `onset_error` and `offset_error`, the mean distances of their
        borders in seconds, and `segment_F1` of segments of 1 s.

    Example
    -------
    >>> import numpy as np
    >>> scores = {"a": np.repeat([[0.9], [0.1]], [25, 200], axis=0)}
    >>> best_fscores(scores, {"a": [(0, 1, "Dog")]}, {"a": 9}, ["Dog"], 0.04)
    {'collar_F1': 1.0, 'onset_error': 0.0, 'offset_error': 0.0, \
'segment_F1': 1.0}
    """
    # sed_scores_eval brings pandas and 100 MiB.
    from speechbrain_opensed.metrics.detection import (
        event_fscore,
        segment_fscore,
    )

    clips = [
        clip
        for clip in scores
        if keep_empty_clips or len(ground_truth.get(clip, ()))
    ]
    scores = {clip: scores[clip] for clip in clips}
    truth = {clip: ground_truth.get(clip, ()) for clip in clips}
    events = event_fscore(scores, truth, classes, hop_seconds)
    segments = segment_fscore(scores, truth, durations, classes, hop_seconds)
    return {
        "collar_F1": events.macro,
        "onset_error": events.onset_error,
        "offset_error": events.offset_error,
        "segment_F1": segments.macro,
    }
