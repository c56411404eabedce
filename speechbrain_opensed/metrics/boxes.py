"""Sound event bounding boxes: events whose extent no threshold decides.

Ebbers, Germain, Wichern, Le Roux, "Sound event bounding boxes", Interspeech
2024, https://arxiv.org/abs/2406.04212. A detection is an interval with one
confidence. Its borders are where scores change most: at the extremes of the
difference between the mean scores behind and before a moment, each over half
a step. Intervals are joined where the score between them hardly falls.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lhotse_recipes.io import write_json
from lhotse_recipes.json_files import read_json
from speechbrain_opensed.metrics.inputs import Events, Scores
from speechbrain_opensed.metrics.psds.compute import compute_psds

__all__ = [
    "GRID",
    "BoxSettings",
    "box_scores",
    "event_boxes",
    "read_boxes",
    "save_boxes",
    "tune_boxes",
]

# Below these, changes, times and lengths are rounding.
_CHANGE_DECIMALS = 12
_TIME_DECIMALS = 8
# Added to scores that are compared, and to lengths that are divided by, in
# the authors' implementation.
_SCORE_FLOOR = 1e-3
_LENGTH_FLOOR = 1e-6


@dataclass(frozen=True)
class BoxSettings:
    """How boxes are found.

    Arguments
    ---------
    step_seconds : float
        Span over which changes are looked for.
    merge_abs : float
        Boxes are joined where the lowest score between them lies less than
        this below the highest of either; and
    merge_rel : float
        where the highest of either is less than this many times the lowest.

    Raises
    ------
    ValueError
        If one is not positive.

    Example
    -------
    >>> BoxSettings(0.48)
    BoxSettings(step_seconds=0.48, merge_abs=0.2, merge_rel=inf)
    """

    step_seconds: float = 0.48
    merge_abs: float = 0.2
    merge_rel: float = math.inf

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}: give a number above 0")


#: What :func:`tune_boxes` chooses from, as the paper does.
GRID = tuple(
    settings
    for step in (0.32, 0.48, 0.64)
    for settings in (
        *(BoxSettings(step, level, math.inf) for level in (0.15, 0.2, 0.3)),
        *(BoxSettings(step, math.inf, ratio) for ratio in (1.5, 2.0, 3.0)),
    )
)


def event_boxes(
    track: np.ndarray, hop_seconds: float, settings: BoxSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The boxes of one class in one clip.

    Arguments
    ---------
    track : np.ndarray
        Scores, not smoothed, `[frames]`.
    hop_seconds : float
        Duration of a frame.
    settings : BoxSettings
        See there.

    Returns
    -------
    onset : np.ndarray
        Seconds, `[boxes]`.
    offset : np.ndarray
        Seconds, `[boxes]`.
    confidence : np.ndarray
        Mean scores, `[boxes]`.

    Example
    -------
    >>> track = np.array([0.0, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0])
    >>> onset, offset, score = event_boxes(track, 1.0, BoxSettings(2.0))
    >>> onset, offset, score.round(6)
    (array([0., 2., 5.]), array([1., 4., 7.]), array([0. , 0.7, 0. ]))
    """
    track = np.asarray(track, np.float64)
    borders = np.arange(len(track) + 1) * hop_seconds
    area = np.append(0.0, np.cumsum(track * np.diff(borders)))
    half = settings.step_seconds / 2
    moments = np.concatenate([borders, borders + half, borders - half])
    moments = np.unique(np.round(moments, _TIME_DECIMALS))
    moments = moments[(moments >= 0) & (moments <= borders[-1] + 1e-9)]

    def until(times):
        return np.interp(times, borders, area)

    change = until(moments + half) - 2 * until(moments) + until(moments - half)
    change = np.round(change / half, _CHANGE_DECIMALS)
    rising = np.append(True, change[1:] > change[:-1])
    onset = moments[:-1][rising[:-1] & ~rising[1:]]
    offset = moments[:-1][~rising[:-1] & rising[1:]]
    if len(onset) > len(offset):
        offset = np.append(offset, borders[-1])
    return _merged(onset, offset, track, borders, until, settings)


def _merged(onset, offset, track, borders, until, settings):
    """Join boxes across gaps that are no gaps."""
    if not len(onset):
        return onset, offset, np.empty(0)
    mean = _means(until(offset) - until(onset), offset - onset)
    if len(onset) == 1:
        return onset, offset, mean
    highest = _extremes(np.maximum, onset, offset, track, borders)
    lowest = _extremes(np.minimum, offset[:-1], onset[1:], track, borders)
    highest, lowest = highest + _SCORE_FLOOR, lowest + _SCORE_FLOOR
    joined = np.ones(len(lowest), bool)
    for side in (highest[:-1], highest[1:]):
        joined &= side / lowest < settings.merge_rel
        joined &= side - lowest < settings.merge_abs
    first = np.append(True, ~joined)
    last = np.append(~joined, True)
    onset, offset = onset[first], offset[last]
    length = offset - onset
    return (
        onset,
        offset,
        _means(until(offset) - until(onset), length + _LENGTH_FLOOR),
    )


def _means(area, length):
    return area / np.maximum(length, 10.0**-_TIME_DECIMALS)


def _extremes(function, begin, end, track, borders):
    """Of the scores of the frames between two moments; 0 of none."""
    hop = borders[1]
    first = np.floor(begin / hop + 1e-6).astype(int)
    last = np.ceil(end / hop - 1e-6).astype(int)
    return np.array(
        [
            function.reduce(track[low:high]) if high > low else 0.0
            for low, high in zip(first, last, strict=True)
        ]
    )


def box_scores(
    scores: np.ndarray,
    hop_seconds: float,
    settings: BoxSettings | Sequence[BoxSettings],
) -> np.ndarray:
    """Scores that are constant within boxes, for any metric of scores.

    Half of the step is rounded to whole frames, so that boxes end where
    frames do.

    Arguments
    ---------
    scores : np.ndarray
        Scores, not smoothed, `[frames, classes]`.
    hop_seconds : float
        Duration of a frame.
    settings : BoxSettings or Sequence[BoxSettings]
        One for all, or one for each class.

    Returns
    -------
    np.ndarray
        Confidences, minus infinity outside of boxes, `[frames, classes]`.

    Example
    -------
    >>> track = np.array([0.0, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0])[:, None]
    >>> box_scores(track, 1.0, BoxSettings(2.0))[:, 0].round(6)
    array([ 0. , -inf,  0.7,  0.7, -inf,  0. ,  0. ])
    """
    scores = np.asarray(scores)
    if isinstance(settings, BoxSettings):
        settings = [settings] * scores.shape[1]
    boxed = np.full(scores.shape, -np.inf)
    for column, one in enumerate(settings):
        half = max(1, round(one.step_seconds / 2 / hop_seconds))
        whole = BoxSettings(
            2 * half * hop_seconds, one.merge_abs, one.merge_rel
        )
        boxes = event_boxes(scores[:, column], hop_seconds, whole)
        for onset, offset, confidence in zip(*boxes, strict=True):
            first, last = (
                round(onset / hop_seconds),
                round(offset / hop_seconds),
            )
            boxed[first:last, column] = confidence
    return boxed


def tune_boxes(
    scores: Scores,
    ground_truth: Events,
    durations: Mapping[str, float],
    classes: Sequence[str],
    hop_seconds: float,
    grid: Sequence[BoxSettings] = GRID,
    **psds: Any,
) -> dict[str, BoxSettings]:
    """Choose the settings of each class that give it the best PSDS.

    On validation data: chosen on test data they promise too much.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores, not smoothed, `[frames, classes]` of each clip.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    durations : Mapping[str, float]
        Seconds of the clips.
    classes : Sequence[str]
        What the columns of the scores stand for.
    hop_seconds : float
        Duration of a frame.
    grid : Sequence[BoxSettings]
        What to choose from; of equals the first is taken.
    **psds
        Settings of :func:`~speechbrain_opensed.metrics.compute_psds`.

    Returns
    -------
    dict[str, BoxSettings]
        Of the classes with events.

    Raises
    ------
    ValueError
        If scores, events and durations do not fit, or the grid is empty.

    Example
    -------
    >>> scores = {"a": np.array([[0.1], [0.9], [0.8], [0.1], [0.2], [0.1]])}
    >>> truth = {"a": [(1.0, 3.0, "dog")]}
    >>> tune_boxes(scores, truth, {"a": 6.0}, ["dog"], 1.0)["dog"].step_seconds
    0.32
    """
    if not grid:
        raise ValueError("the grid is empty: give settings to choose from")
    best: dict[str, tuple[float, BoxSettings]] = {}
    for settings in grid:
        boxed = {
            clip: box_scores(scores[clip], hop_seconds, settings)
            for clip in scores
        }
        result = compute_psds(
            boxed, ground_truth, durations, classes, hop_seconds, **psds
        )
        for label, value in result.per_class.items():
            if label not in best or value > best[label][0]:
                best[label] = value, settings
    return {label: settings for label, (_, settings) in best.items()}


def save_boxes(path: str | Path, settings: Mapping[str, BoxSettings]) -> None:
    """Keep what :func:`tune_boxes` chose.

    Arguments
    ---------
    path : str or Path
        JSON; what is infinite there is null.
    settings : Mapping[str, BoxSettings]
        By label.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "boxes.json"
    >>> save_boxes(path, {"dog": BoxSettings(0.64)})
    >>> read_boxes(path)
    {'dog': BoxSettings(step_seconds=0.64, merge_abs=0.2, merge_rel=inf)}
    """
    write_json(path, {label: asdict(one) for label, one in settings.items()})


def read_boxes(path: str | Path) -> dict[str, BoxSettings]:
    """Read what :func:`save_boxes` wrote.

    Arguments
    ---------
    path : str or Path
        JSON.

    Returns
    -------
    dict[str, BoxSettings]

    Raises
    ------
    ValueError
        If it is no such file.

    Example
    -------
    >>> read_boxes.__name__
    'read_boxes'
    """
    try:
        return {
            str(label): BoxSettings(
                **{
                    name: math.inf if value is None else float(value)
                    for name, value in one.items()
                }
            )
            for label, one in read_json(path, dict).items()
        }
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path}: not settings of boxes by label ({error}); write them "
            "with --tune-boxes"
        ) from error
