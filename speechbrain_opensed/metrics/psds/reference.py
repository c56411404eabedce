"""The same curves by way of sed_scores_eval, slow and independent.

https://github.com/fgnt/sed_scores_eval; this module only turns arrays into
what that package takes, and back.

Authors
 * The speechbrain-opensed contributors 2026
"""

import numpy as np
import pandas as pd
from sed_scores_eval import intersection_based

from speechbrain_opensed.metrics.psds.kernel import Curve

__all__ = ["column_names", "named_events", "reference_psds", "score_frames"]

# Consecutive whole numbers that float32 tells apart.
_MAX_RANKS = 1 << 24


def reference_psds(
    arrays: dict[str, np.ndarray],
    events: dict[str, list[tuple[float, float, int]]],
    durations: dict[str, float],
    hop_seconds: float,
    max_efpr: float | None,
    **criteria: float | None,
) -> tuple[tuple[float, list[float]] | None, Curve, list[Curve]]:
    """Let sed_scores_eval compute the curves, and the areas below them.

    Arguments
    ---------
    arrays : dict[str, np.ndarray]
        Scores `[frames, classes]` of each clip.
    events : dict[str, list[tuple[float, float, int]]]
        Onset, offset and class index of each clip's events.
    durations : dict[str, float]
        Seconds, for exactly these clips.
    hop_seconds : float
        Duration of a frame.
    max_efpr : float | None
        Upper limit of the curves; without one no areas are computed.
    **criteria
        ``dtc_threshold``, ``gtc_threshold`` and ``alpha_st``; perhaps
        ``cttc_threshold`` and ``alpha_ct``.

    Returns
    -------
    areas : tuple[float, list[float]] | None
        PSDS over all classes, and of each.
    curve : tuple[np.ndarray, np.ndarray]
        Effective true positive rate, false positives per hour.
    class_curves : list[tuple[np.ndarray, np.ndarray]]
        The same of each class.

    Raises
    ------
    ValueError
        If a class is beyond that package.

    Example
    -------
    >>> areas, *_ = reference_psds(
    ...     {"a": np.array([[0.9], [0.9], [0.1]])},
    ...     {"a": [(0.0, 2.0, 0)]},
    ...     {"a": 3.0},
    ...     1.0,
    ...     100.0,
    ...     dtc_threshold=0.7,
    ...     gtc_threshold=0.7,
    ...     alpha_st=0.0,
    ... )
    >>> float(areas[0])
    1.0
    """
    inputs = {
        "scores": score_frames(arrays, hop_seconds),
        "ground_truth": named_events(events),
        "audio_durations": durations,
        "max_efpr": max_efpr,
        **criteria,
    }
    try:
        if max_efpr is None:
            areas = None
            curve, class_curves = intersection_based.psd_roc(**inputs)
        else:
            psds, single, curve, class_curves = intersection_based.psds(
                **inputs
            )
            areas = psds, list(single.values())
    except IndexError as error:
        raise ValueError(
            "sed_scores_eval fails where no threshold finds an event of a "
            "class or a false positive: take backend='fast'"
        ) from error
    return areas, curve, [tuple(each[:2]) for each in class_curves.values()]


def score_frames(
    arrays: dict[str, np.ndarray], hop_seconds: float
) -> dict[str, pd.DataFrame]:
    """Score arrays as the data frames of sed_scores_eval.

    The columns are float32: that package cannot write to the read-only
    float64 columns which pandas 3 gives it, but copies all others. Scores
    that float32 cannot hold are replaced, class by class, by their ranks
    among all clips, which changes no PSD-ROC. Columns are numbered, since
    the package refuses some names.

    Arguments
    ---------
    arrays : dict[str, np.ndarray]
        Scores `[frames, classes]` of each clip.
    hop_seconds : float
        Duration of a frame.

    Returns
    -------
    dict[str, pd.DataFrame]

    Raises
    ------
    ValueError
        If a class has more different scores than there are exact ranks.

    Example
    -------
    >>> score_frames({"a": np.array([[0.5], [0.25]])}, 0.04)["a"]
       onset  offset  class 0
    0   0.00    0.04     0.50
    1   0.04    0.08     0.25
    """
    exact = all(
        np.array_equal(array, array.astype(np.float32))
        for array in arrays.values()
    )
    if not exact:
        arrays = _ranks(arrays)
    frames = {}
    for clip, array in arrays.items():
        times = np.arange(len(array) + 1) * hop_seconds
        frame = pd.DataFrame(
            array.astype(np.float32), columns=column_names(array.shape[1])
        )
        frame.insert(0, "onset", times[:-1])
        frame.insert(1, "offset", times[1:])
        frames[clip] = frame
    return frames


def named_events(
    events: dict[str, list[tuple[float, float, int]]],
) -> dict[str, list[tuple[float, float, str]]]:
    """Events with a class index as sed_scores_eval takes them.

    Arguments
    ---------
    events : dict[str, list[tuple[float, float, int]]]
        Onset, offset and class index of each clip's events.

    Returns
    -------
    dict[str, list[tuple[float, float, str]]]

    Example
    -------
    >>> named_events({"a": [(0.0, 1.0, 3)]})
    {'a': [(0.0, 1.0, 'class 3')]}
    """
    last = max(label for spans in events.values() for *_, label in spans)
    names = column_names(last + 1)
    return {
        clip: [(onset, offset, names[label]) for onset, offset, label in spans]
        for clip, spans in events.items()
    }


def column_names(count: int) -> list[str]:
    """Names that sed_scores_eval takes, whatever the classes are called.

    It refuses backslashes, and `onset` and `offset` are its own.

    Arguments
    ---------
    count : int
        Number of classes.

    Returns
    -------
    list[str]

    Example
    -------
    >>> column_names(2)
    ['class 0', 'class 1']
    """
    return [f"class {index}" for index in range(count)]


def _ranks(arrays):
    """Replace scores by ranks; minus infinity stays: it is never detected."""
    track = np.concatenate(list(arrays.values()))
    for column in track.T:
        values, rank = np.unique(column, return_inverse=True)
        if len(values) > _MAX_RANKS:
            raise ValueError(
                f"a class has {len(values)} different scores, more than the "
                f"{_MAX_RANKS} ranks of float32: give float32 scores"
            )
        column[:] = np.where(np.isneginf(column), -np.inf, rank)
    ends = np.cumsum([len(array) for array in arrays.values()])
    return dict(zip(arrays, np.split(track, ends[:-1]), strict=True))
