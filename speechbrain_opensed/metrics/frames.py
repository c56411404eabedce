"""Areas below the ROC curve, frame by frame.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from speechbrain_opensed.metrics.inputs import Events, Scores, SedInputs

__all__ = ["frame_auroc"]


def frame_auroc(
    scores: Scores,
    ground_truth: Events,
    durations: Mapping[str, float],
    classes: Sequence[str],
    hop_seconds: float,
    keep_empty_clips: bool = True,
) -> dict[str, float]:
    """How well scores tell frames with a class from frames without.

    A frame has a class where an event touches it. Of a frame with and one
    without, the area is the probability that the former has the greater
    score; equal scores count half.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, classes]` of each clip.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    durations : Mapping[str, float]
        Seconds of the clips.
    classes : Sequence[str]
        What the columns of the scores stand for. Those without a single
        event are left out.
    hop_seconds : float
        Duration of a frame.
    keep_empty_clips : bool
        Whether clips without an event count.

    Returns
    -------
    dict[str, float]
        Of each class with events; nan where it is in all frames.

    Raises
    ------
    ValueError
        If scores, events and durations do not fit.

    Example
    -------
    >>> scores = {"a": np.array([[0.1], [0.9], [0.2], [0.5]])}
    >>> frame_auroc(scores, {"a": [(1, 3, "dog")]}, {"a": 4.0}, ["dog"], 1.0)
    {'dog': 0.75}
    """
    inputs = SedInputs.check(
        scores,
        ground_truth,
        classes,
        keep_empty_clips=keep_empty_clips,
        hop_seconds=hop_seconds,
        durations=durations,
    )
    starts = np.cumsum(inputs.lengths) - inputs.lengths
    areas = {}
    for index, label in enumerate(inputs.classes):
        (track,) = inputs.tracks(slice(index, index + 1))
        active = np.zeros(len(track), bool)
        for clip, start, length in zip(
            inputs.clips, starts, inputs.lengths, strict=True
        ):
            for onset, offset, of_class in inputs.events[clip]:
                if of_class == index:
                    # Times are whole microseconds.
                    first = int(np.floor(round(onset / hop_seconds, 6)))
                    last = int(np.ceil(round(offset / hop_seconds, 6)))
                    active[start + first : start + min(last, length)] = True
        areas[label] = _area(track, active)
    return areas


def _area(track: np.ndarray, active: np.ndarray) -> float:
    """Mann and Whitney's statistic, as a share."""
    with_class = int(active.sum())
    without = len(active) - with_class
    if not with_class or not without:
        return float("nan")
    # Of float32, newer releases of scipy give ranks in float32.
    ranks = rankdata(track.astype(np.float64))[active].sum()
    return float(
        (ranks - with_class * (with_class + 1) / 2) / (with_class * without)
    )
