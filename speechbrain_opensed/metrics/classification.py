"""Zero-shot classification: the best class, and rankings of tags.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from speechbrain_opensed.metrics.summary import Stats, as_array

__all__ = [
    "ClassificationStats",
    "average_precisions",
    "classification_scores",
]


def average_precisions(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Average precision of each class over all clips.

    The precision at a clip counts all that are scored alike, as
    `sklearn.metrics.average_precision_score` does.

    Arguments
    ---------
    scores : np.ndarray
        `[clips, classes]`.
    targets : np.ndarray
        Whether a class is in a clip, `[clips, classes]`.

    Returns
    -------
    np.ndarray
        `[classes]`; nan where a class is in no clip.

    Example
    -------
    >>> scores = np.array([[0.9, 0.5], [0.8, 0.5], [0.1, 0.2]])
    >>> average_precisions(scores, np.array([[1, 1], [0, 0], [1, 0]]))
    array([0.83333333, 0.5       ])
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(np.asarray(targets, bool), order, axis=0)
    # The last clip that is scored like this one.
    rows = np.arange(len(scores))[:, None]
    last = np.where(np.diff(ranked, axis=0) != 0, rows[:-1], len(scores) - 1)
    last = np.concatenate([last, np.full_like(ranked[:1], len(scores) - 1)])
    last = np.minimum.accumulate(last[::-1].astype(int), axis=0)[::-1]
    precision = np.take_along_axis(np.cumsum(hits, axis=0), last, axis=0)
    precision = precision / (last + 1)
    counts = hits.sum(axis=0)
    sums = np.where(hits, precision, 0.0).sum(axis=0)
    return np.divide(
        sums, counts, out=np.full(len(counts), np.nan), where=counts > 0
    )


def classification_scores(
    scores: np.ndarray, targets: np.ndarray
) -> dict[str, Any]:
    """Accuracy, recalls and mean average precision.

    Arguments
    ---------
    scores : np.ndarray
        Any similarity or probability, `[clips, classes]`.
    targets : np.ndarray
        The class of each clip, int `[clips]`; or, where clips have several
        tags, whether they have each, bool `[clips, classes]`.

    Returns
    -------
    dict
        `accuracy`, the share of clips whose best class is right (one of the
        right ones); `mean_recall` of the classes; `mAP`, the mean of the
        classes' average precisions; and `recall` and `average_precision`,
        `[classes]`, nan where a class does not occur.

    Raises
    ------
    ValueError
        If shapes do not fit, a score is no number, or a clip has no class.

    Example
    -------
    >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.3]])
    >>> found = classification_scores(scores, np.array([0, 1, 1]))
    >>> round(found["accuracy"], 3), found["recall"], found["mean_recall"]
    (0.667, array([1. , 0.5]), 0.75)
    """
    scores, targets = np.asarray(scores), np.asarray(targets)
    if scores.ndim != 2 or 0 in scores.shape or len(targets) != len(scores):
        raise ValueError(
            f"scores {list(scores.shape)} for targets {list(targets.shape)}: "
            "give [clips, classes] and [clips] or [clips, classes]"
        )
    if not np.isfinite(scores).all():
        clip = int(np.argwhere(~np.isfinite(scores))[0, 0])
        raise ValueError(f"clip {clip} has a score that is no number")
    if targets.ndim == 1:
        targets = targets[:, None] == np.arange(scores.shape[1])
    targets = targets.astype(bool)
    if targets.shape != scores.shape or not targets.any(axis=1).all():
        raise ValueError(
            f"targets {list(targets.shape)} for scores {list(scores.shape)}: "
            "each clip needs one of the classes at least"
        )
    best = scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
    right = (best & targets).sum(axis=0)
    counts = targets.sum(axis=0)
    recall = np.divide(
        right, counts, out=np.full(len(counts), np.nan), where=counts > 0
    )
    precisions = average_precisions(scores, targets)
    return {
        "accuracy": float(right.sum() / len(scores)),
        "mean_recall": float(np.nanmean(recall)),
        "mAP": float(np.nanmean(precisions)),
        "recall": recall,
        "average_precision": precisions,
    }


class ClassificationStats(Stats):
    """Collects scores of classes, then counts.

    Arguments
    ---------
    classes : Sequence[str]
        What the columns of the scores stand for.

    Example
    -------
    >>> stats = ClassificationStats(["dog", "rain"])
    >>> stats.append(["a", "b"], [[0.9, 0.1], [0.7, 0.3]], [["dog"], ["rain"]])
    >>> stats.summarize("accuracy")
    0.5
    """

    def __init__(self, classes: Sequence[str]):
        self.classes = list(classes)
        super().__init__()

    def clear(self) -> None:
        """Forget everything."""
        self.ids: list[str] = []
        self._scores: list[np.ndarray] = []
        self._targets: list[np.ndarray] = []
        self.summary: dict[str, float] = {}
        self.per_class: dict[str, dict[str, float]] = {}

    def append(
        self, ids: Sequence[str], scores: Any, labels: Sequence[Sequence[str]]
    ) -> None:
        """Add a batch.

        Arguments
        ---------
        ids : Sequence[str]
            Names of the clips.
        scores : torch.Tensor | np.ndarray
            `[batch, classes]`.
        labels : Sequence[Sequence[str]]
            The classes of each clip, one or several.

        Raises
        ------
        ValueError
            If a clip came before, or has a class that is not among them.
        """
        twice = set(ids) & set(self.ids)
        if twice or len(set(ids)) < len(ids):
            raise ValueError(f"clips came twice, such as {min(twice or ids)!r}")
        rows = {label: row for row, label in enumerate(self.classes)}
        targets = np.zeros((len(ids), len(rows)), bool)
        for target, clip, own in zip(targets, ids, labels, strict=True):
            unknown = [label for label in own if label not in rows]
            if unknown:
                raise ValueError(
                    f"clip {clip!r} has the class {unknown[0]!r}, which is "
                    f"none of the {len(rows)}"
                )
            target[[rows[label] for label in own]] = True
        self.ids += ids
        self._scores.append(as_array(scores))
        self._targets.append(targets)

    def compute(self) -> dict[str, float]:
        """Count.

        Returns
        -------
        dict[str, float]
            `accuracy`, `mean_recall`, `mAP`, `clips` and `classes`.

        Raises
        ------
        ValueError
            If no clip came.
        """
        if not self.ids:
            raise ValueError("no clip came: nothing to classify")
        targets = np.concatenate(self._targets)
        found = classification_scores(np.concatenate(self._scores), targets)
        recall, precision = found.pop("recall"), found.pop("average_precision")
        counts = targets.sum(axis=0)
        self.per_class = {
            label: {
                "clips": int(counts[row]),
                "recall": float(recall[row]),
                "average_precision": float(precision[row]),
            }
            for row, label in enumerate(self.classes)
        }
        return {
            **found,
            "clips": len(self.ids),
            "classes": len(self.classes),
        }

    def lines(self) -> list[str]:
        """The numbers, and a table of the classes."""
        rows: list[Sequence[Any]]
        rows = [["class", "clips", "recall", "average_precision"]]
        rows += [
            [label, row["clips"], *(f"{row[key]:.4f}" for key in rows[0][2:])]
            for label, row in self.per_class.items()
        ]
        return super().lines() + ["\t".join(map(str, row)) for row in rows]
