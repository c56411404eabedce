"""Sound event bounding boxes: events whose extent no threshold decides.

Ebbers, Germain, Wichern, Le Roux, "Sound event bounding boxes", Interspeech
2024, https://arxiv.org/abs/2406.04212. A detection is an interval with one
confidence. Its borders are where scores change most: where the response to a
step filter, the mean of half a step ahead less that of half a step behind, is
highest and lowest. Intervals are joined across gaps that are not deep, by an
absolute or a relative threshold.

Written from this description. What it leaves open (flat responses, ratios of
scores near 0, chains of gaps) was seen from outside, from boxes that the
authors' package gives for made-up tracks; the tests compare the two.

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

# Differences of sums below this are rounding.
_DECIMALS = 12
# Ratios are of scores so much higher: near silence nothing is told by them.
_FLOOR = 1e-3


@dataclass(frozen=True)
class BoxSettings:
    """How boxes are found.

    Arguments
    ---------
    step_seconds : float
        Length of the step filter; half of it is rounded to whole frames.
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
    onset, offset = _joined(
        track, _turns(track, hop_seconds, settings), settings
    )
    sums = np.append(0.0, np.cumsum(track))
    confidence = (sums[offset] - sums[onset]) / (offset - onset)
    return onset * hop_seconds, offset * hop_seconds, confidence


def _turns(track, hop_seconds, settings):
    """Frames at which an event begins, ends, the next begins, and so on."""
    half = max(1, round(settings.step_seconds / 2 / hop_seconds))
    # Around the clip is silence.
    sums = np.append(0.0, np.cumsum(np.pad(track, half)))
    means = (sums[half:] - sums[:-half]) / half
    response = np.round(means[half:] - means[:-half], _DECIMALS)
    # A clip begins with a rise; what is flat is none.
    rises = np.append(True, np.diff(response) > 0)
    turns = np.flatnonzero(rises[1:] != rises[:-1])
    if len(turns) % 2:
        turns = np.append(turns, len(track))
    return turns


def _joined(track, turns, settings):
    """First frames of events, and those behind them, without shallow gaps."""
    if len(turns) == 0:
        return turns, turns
    # Events and gaps alternate; the last part, behind all events, is none.
    parts = np.append(track, 0.0)
    highest = np.maximum.reduceat(parts, turns)[:-1:2]
    lowest = np.minimum.reduceat(parts, turns)[1:-1:2]
    top = np.maximum(highest[:-1], highest[1:])
    shallow = top - lowest < settings.merge_abs
    shallow &= (top + _FLOOR) / (lowest + _FLOOR) < settings.merge_rel
    onset, offset = turns[::2], turns[1::2]
    return onset[np.append(True, ~shallow)], offset[np.append(~shallow, True)]


def box_scores(
    scores: np.ndarray,
    hop_seconds: float,
    settings: BoxSettings | Sequence[BoxSettings],
) -> np.ndarray:
    """Scores that are constant within boxes, for any metric of scores.

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
        boxes = event_boxes(scores[:, column], hop_seconds, one)
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
