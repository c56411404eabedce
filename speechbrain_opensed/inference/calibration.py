"""What scores are worth: probabilities and thresholds for each phrase.

Scores are moved by Platt's scaling (1999): `sigmoid(slope * logit + offset)`.
A phrase with few events borrows from all phrases together, and one without
any takes what holds for all of them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

__all__ = [
    "Calibration",
    "LabelledScores",
    "PhraseCalibration",
    "expected_calibration_error",
    "fit_calibration",
]

#: Events of all phrases that weigh as much as one of the phrase's own.
PRIOR_EVENTS = 4.0
#: Share of a detection on events, and of an event that is found.
OVERLAP = 0.5
_GRID = np.linspace(0.01, 0.99, 99)
_TINY = 1e-6


@dataclass(frozen=True)
class PhraseCalibration:
    """What was found out about one phrase.

    Arguments
    ---------
    threshold : float
        Probability above which a frame belongs to an event.
    slope, offset : float
        Of the logits; the slope is positive.
    events : int
        How many events of the phrase there were.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Example
    -------
    >>> PhraseCalibration(0.4, 1.0, 0.0).events
    0
    """

    threshold: float
    slope: float = 1.0
    offset: float = 0.0
    events: int = 0

    def __post_init__(self) -> None:
        for name in ("threshold", "slope", "offset", "events"):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not math.isfinite(value)
            ):
                raise ValueError(f"calibration: {name} is {value!r}, no number")
        if not 0 < self.threshold < 1 or self.slope <= 0 or self.events < 0:
            raise ValueError(
                f"calibration: threshold {self.threshold}, slope {self.slope},"
                f" events {self.events}: a threshold lies between 0 and 1, a "
                "slope is positive"
            )


@dataclass(frozen=True)
class Calibration:
    """Probabilities and thresholds of the phrases of a detector.

    Arguments
    ---------
    prior : PhraseCalibration
        Of phrases without events of their own.
    phrases : dict of str to PhraseCalibration
        The others.
    about : dict
        What it was fitted for, and how well it fits.

    Example
    -------
    >>> calibration = Calibration(
    ...     PhraseCalibration(0.3), {"rain": PhraseCalibration(0.6, 2.0)}
    ... )
    >>> calibration.thresholds(["rain", "dog"])
    {'rain': 0.6, 'dog': 0.3}
    >>> calibration.apply(np.array([[0.5, 0.9]]), ["rain", "dog"]).tolist()
    [[0.5, 0.89...]]
    """

    prior: PhraseCalibration
    phrases: Mapping[str, PhraseCalibration] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def of(self, phrase: str) -> PhraseCalibration:
        """What holds for a phrase."""
        return self.phrases.get(phrase, self.prior)

    def thresholds(self, phrases: Sequence[str]) -> dict[str, float]:
        """Threshold of each phrase."""
        return {phrase: self.of(phrase).threshold for phrase in phrases}

    def apply(self, scores: np.ndarray, phrases: Sequence[str]) -> np.ndarray:
        """Calibrated scores.

        Arguments
        ---------
        scores : np.ndarray
            `[..., phrases]`, between 0 and 1.
        phrases : sequence of str
            What the columns stand for.

        Returns
        -------
        np.ndarray
            The same shape and type.
        """
        ours = [self.of(phrase) for phrase in phrases]
        slope = np.array([one.slope for one in ours])
        offset = np.array([one.offset for one in ours])
        moved = slope * _logits(scores) + offset
        return (1 / (1 + np.exp(-moved))).astype(scores.dtype)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a YAML."""
        return {
            "prior": asdict(self.prior),
            "phrases": {p: asdict(one) for p, one in self.phrases.items()},
            "about": dict(self.about),
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Calibration":
        """From :meth:`to_dict`.

        Arguments
        ---------
        values : mapping
            As a YAML that may come from anywhere holds it.

        Returns
        -------
        Calibration
            The same as what was written.

        Raises
        ------
        ValueError
            If it is something else.

        Example
        -------
        >>> Calibration.from_dict({"prior": {"threshold": 2.0}})
        Traceback (most recent call last):
        ValueError: calibration: threshold 2.0, ...
        """
        try:
            return cls(
                PhraseCalibration(**values["prior"]),
                {
                    str(phrase): PhraseCalibration(**one)
                    for phrase, one in (values.get("phrases") or {}).items()
                },
                dict(values.get("about") or {}),
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"calibration: it holds no 'prior' and 'phrases' as `opensed "
                f"calibrate` writes them ({error})"
            ) from error


class LabelledScores(NamedTuple):
    """Scores of one clip beside what is true of it.

    Arguments
    ---------
    scores : np.ndarray
        Probabilities `[frames, phrases]`.
    targets : np.ndarray
        1 where the phrase sounds, `[frames, phrases]`.
    known : np.ndarray
        Phrases of which the truth is known, bool `[phrases]`.

    Example
    -------
    >>> clip = np.zeros((4, 1))
    >>> LabelledScores(clip, clip, np.array([True])).scores.shape
    (4, 1)
    """

    scores: np.ndarray
    targets: np.ndarray
    known: np.ndarray


def expected_calibration_error(
    scores: np.ndarray, targets: np.ndarray, bins: int = 15
) -> float:
    """By how much probabilities are off, on average.

    As in Guo et al., "On calibration of modern neural networks", ICML 2017,
    equation 5, over bins of equal width.

    Arguments
    ---------
    scores : np.ndarray
        Probabilities, any shape.
    targets : np.ndarray
        0 or 1, the same shape.
    bins : int
        How many.

    Returns
    -------
    float
        From 0 to 1.

    Example
    -------
    >>> expected_calibration_error(np.full(4, 0.75), np.array([1, 1, 1, 0]))
    0.0
    """
    scores = np.asarray(scores, float).ravel()
    targets = np.asarray(targets, float).ravel()
    place = np.minimum((scores * bins).astype(int), bins - 1)
    gap = np.bincount(place, scores - targets, minlength=bins)
    return float(np.abs(gap).sum() / max(1, len(scores)))


def fit_calibration(
    clips: Sequence[LabelledScores],
    phrases: Sequence[str],
    hop_seconds: float,
    *,
    precision: float | None = None,
    false_alarms: float | None = None,
    smooth: Callable = lambda scores: scores,
) -> Calibration:
    """Fit scaling and thresholds to clips of known content.

    A threshold is the one of the best F1 of events, unless a precision or a
    rate of false alarms is asked for; then the lowest one that reaches it. A
    detection counts if half of it lies on events, an event is found if such
    detections cover half of it.

    Arguments
    ---------
    clips : sequence of LabelledScores
        Uncalibrated scores, and the truth.
    phrases : sequence of str
        What the columns stand for.
    hop_seconds : float
        Length of a frame.
    precision : float, optional
        Least share of detections that are right.
    false_alarms : float, optional
        Most false alarms of a phrase in an hour.
    smooth : callable
        The filter that scores pass before the threshold.

    Returns
    -------
    Calibration
        `about` holds the expected calibration error of frames before, and
        after, where each half of the clips was calibrated by the other half;
        None for a single clip.

    Raises
    ------
    ValueError
        If nothing is known, no phrase has an event, or a target makes no
        sense.

    Example
    -------
    >>> truth = np.zeros((100, 1))
    >>> truth[40:60] = 1
    >>> clip = LabelledScores(0.1 + 0.2 * truth, truth, np.array([True]))
    >>> fitted = fit_calibration([clip, clip], ["rain"], 0.1)
    >>> bool((fitted.apply(clip.scores, ["rain"]) > 0.5).sum() == 20)
    True
    """
    if precision is not None and false_alarms is not None:
        raise ValueError(
            "precision and false_alarms are two targets: give one of them"
        )
    if precision is not None and not 0 < precision <= 1:
        raise ValueError(f"precision is {precision}: give a share up to 1")
    if false_alarms is not None and not 0 <= false_alarms < math.inf:
        raise ValueError(
            f"false_alarms is {false_alarms}: give a number an hour, from 0"
        )
    counts = [
        sum(_num_runs(c.targets[:, i]) for c in clips if c.known[i])
        for i in range(len(phrases))
    ]
    if not any(counts):
        raise ValueError(
            f"no event of {list(phrases)[:3]} in {len(clips)} cuts: "
            "thresholds need cuts in which the phrases sound"
        )
    scaling = _fit_scaling(clips, len(phrases), hop_seconds)
    moved = [
        clip._replace(scores=smooth(_scaled(clip.scores, scaling)))
        for clip in clips
    ]
    tallies = [
        _tally(moved, column, hop_seconds) for column in range(len(phrases))
    ]
    together = _Tally(*(sum(parts) for parts in zip(*tallies, strict=True)))

    def threshold(tally):
        return _threshold(tally, precision, false_alarms)

    # All phrases together, as if they were one with so many events.
    share = PRIOR_EVENTS / together.events
    prior = together.times(share)
    own = {
        phrase: PhraseCalibration(
            threshold(tally.plus(prior)),
            float(scaling[i, 0]),
            float(scaling[i, 1]),
            counts[i],
        )
        for i, (phrase, tally) in enumerate(zip(phrases, tallies, strict=True))
        if counts[i]
    }
    common = PhraseCalibration(
        threshold(prior), float(scaling[-1, 0]), float(scaling[-1, 1])
    )
    return Calibration(
        common,
        own,
        {
            "target": _target(precision, false_alarms),
            "cuts": len(clips),
            "ece_before": round(_error(clips), 4),
            "ece_after": _crossed_error(clips, len(phrases), hop_seconds),
        },
    )


class _Tally(NamedTuple):
    """Counts at each threshold of the grid."""

    right: np.ndarray
    wrong: np.ndarray
    found: np.ndarray
    events: float
    hours: float

    def plus(self, other):
        return _Tally(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, share):
        return _Tally(*(share * part for part in self))


def _target(precision, false_alarms):
    if precision is not None:
        return f"precision {precision}"
    if false_alarms is not None:
        return f"{false_alarms} false alarms an hour"
    return "F1"


def _threshold(tally, precision, false_alarms):
    detected = np.maximum(tally.right + tally.wrong, _TINY)
    exact = tally.right / detected
    if precision is not None:
        good = (exact >= precision) | (tally.right + tally.wrong < _TINY)
    elif false_alarms is not None:
        good = tally.wrong <= false_alarms * tally.hours + _TINY
    else:
        recall = tally.found / max(tally.events, _TINY)
        score = 2 * exact * recall / np.maximum(exact + recall, _TINY)
        best = np.flatnonzero(score >= score.max() - 1e-9)
        # The middle of the span where it is best.
        return _level(best[len(best) // 2])
    # The first from which on it holds: above it may fail again by chance.
    failing = np.flatnonzero(~good)
    place = 0 if not len(failing) else min(failing[-1] + 1, len(_GRID) - 1)
    return _level(place)


def _level(place):
    return round(float(_GRID[place]), 2)


def _tally(clips, column, hop_seconds):
    known = [clip for clip in clips if clip.known[column]]
    frames = sum(len(clip.scores) for clip in known)
    hours = frames * hop_seconds / 3600
    zero = np.zeros(len(_GRID))
    if not known:
        return _Tally(zero, zero, zero, 0.0, 0.0)
    # A frame of nothing between clips: no event crosses it.
    scores, truth = (
        np.concatenate([np.append(part[:, column], 0.0) for part in parts])
        for parts in (
            [clip.scores for clip in known],
            [clip.targets for clip in known],
        )
    )
    on, off = _edges(truth > 0)
    covered = np.append(0, np.cumsum(truth > 0))
    right, wrong, found = zero.copy(), zero.copy(), zero.copy()
    for place, level in enumerate(_GRID):
        first, last = _edges(scores > level)
        good = covered[last] - covered[first] >= OVERLAP * (last - first)
        right[place], wrong[place] = good.sum(), (~good).sum()
        active = np.zeros(len(scores) + 1, int)
        active[first[good]] += 1
        active[last[good]] -= 1
        heard = np.append(0, np.cumsum(np.cumsum(active)[:-1]))
        found[place] = (heard[off] - heard[on] >= OVERLAP * (off - on)).sum()
    return _Tally(right, wrong, found, float(len(on)), hours)


def _edges(active):
    edges = np.flatnonzero(np.diff(np.pad(active.astype(np.int8), 1)))
    return edges[::2], edges[1::2]


def _num_runs(active):
    return len(_edges(active > 0)[0])


def _logits(scores):
    scores = np.clip(np.asarray(scores, float), _TINY, 1 - _TINY)
    return np.log(scores) - np.log1p(-scores)


def _scaled(scores, scaling):
    moved = scaling[:-1, 0] * _logits(scores) + scaling[:-1, 1]
    return 1 / (1 + np.exp(-moved))


def _fit_scaling(clips, count, hop_seconds):
    """Slope and offset of each phrase, and of all: `[phrases + 1, 2]`."""
    logits = torch.from_numpy(
        np.concatenate([_logits(c.scores) for c in clips])
    )
    truth = torch.from_numpy(
        np.concatenate([np.asarray(c.targets, float) for c in clips])
    )
    known = np.concatenate(
        [np.broadcast_to(c.known, c.scores.shape) for c in clips]
    )
    # Neighbouring frames say the same: what counts is seconds.
    weight = torch.from_numpy(known * min(1.0, hop_seconds))
    together = _platt(
        logits.reshape(-1, 1),
        truth.reshape(-1, 1),
        weight.reshape(-1, 1) / count,
        torch.zeros(1, 2, dtype=torch.double),
    )
    own = _platt(logits, truth, weight, together.expand(count, 2))
    values = torch.cat([own, together])
    return torch.stack([values[:, 0].exp(), values[:, 1]], dim=1).numpy()


def _platt(logits, truth, weight, prior):
    """Log slope and offset of each column, near the prior's."""
    values = prior.clone().requires_grad_(True)
    solver = torch.optim.LBFGS(
        [values], max_iter=100, line_search_fn="strong_wolfe"
    )

    def loss():
        solver.zero_grad()
        moved = values[:, 0].exp() * logits + values[:, 1]
        total = F.binary_cross_entropy_with_logits(
            moved, truth, weight, reduction="sum"
        )
        total = total + 0.5 * (values - prior).square().sum()
        total.backward()
        return total

    solver.step(loss)
    return values.detach()


def _known(clips: Iterable[LabelledScores]):
    pairs = [
        (clip.scores[:, clip.known], clip.targets[:, clip.known])
        for clip in clips
    ]
    return (
        np.concatenate([part.ravel() for part in parts])
        for parts in zip(*pairs, strict=True)
    )


def _error(clips):
    return expected_calibration_error(*_known(clips))


def _crossed_error(clips, count, hop_seconds):
    if len(clips) < 2:
        return None
    moved = []
    for half in (0, 1):
        scaling = _fit_scaling(clips[half::2], count, hop_seconds)
        moved += [
            clip._replace(scores=_scaled(clip.scores, scaling))
            for clip in clips[1 - half :: 2]
        ]
    return round(_error(moved), 4)
