"""Accuracy of classifiers, over all and for each class, and base-to-new scores.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["AccuracyStats", "check_zero_shot", "harmonic_mean"]


def harmonic_mean(base: float, new: float) -> float:
    """H of base-to-new results; 0 where either is.

    Arguments
    ---------
    base : float
        Accuracy on base classes.
    new : float
        Accuracy on new classes.

    Returns
    -------
    float
        2 · base · new / (base + new).

    Example
    -------
    >>> harmonic_mean(0.6, 0.3)
    0.4
    >>> harmonic_mean(0.0, 0.0)
    0.0
    """
    return 2 * base * new / (base + new) if base + new else 0.0


class AccuracyStats:
    """Collects answers, and says how many are right.

    Arguments
    ---------
    labels : sequence of str
        The classes, in the order of the logits.

    Example
    -------
    >>> stats = AccuracyStats(["cat", "dog"])
    >>> stats.append(
    ...     ["a", "b"],
    ...     torch.tensor([[2.0, 1.0], [3.0, 1.0]]),
    ...     torch.tensor([0, 1]),
    ... )
    >>> stats.summarize("accuracy"), stats.per_class()["dog"]["recall"]
    (0.5, 0.0)
    """

    def __init__(self, labels: Sequence[str]):
        self.labels = tuple(labels)
        self.clear()

    def clear(self) -> None:
        """Forgets all answers."""
        self.ids: list[str] = []
        size = len(self.labels)
        self.confusion = torch.zeros(size, size, dtype=torch.long)

    def append(
        self, ids: Sequence[str], logits: Tensor, targets: Tensor
    ) -> None:
        """Adds answers.

        Arguments
        ---------
        ids : sequence of str
            The clips.
        logits : torch.Tensor
            `[batch, classes]`.
        targets : torch.Tensor
            Right classes, `[batch]`.

        Raises
        ------
        ValueError
            If a logit is no number.
        """
        if not torch.isfinite(logits).all():
            raise ValueError(
                f"logits of {ids[0]} and others are not finite: training has "
                "diverged; lower the learning rate"
            )
        answers = logits.argmax(dim=1).cpu()
        self.ids += list(ids)
        self.confusion.index_put_(
            (targets.cpu(), answers), torch.tensor(1), accumulate=True
        )

    @property
    def correct(self) -> int:
        """Right answers."""
        return int(self.confusion.diagonal().sum())

    @property
    def total(self) -> int:
        """All answers."""
        return int(self.confusion.sum())

    def summarize(self, field: str | None = None):
        """Accuracy, and the mean recall of the classes.

        Arguments
        ---------
        field : str, optional
            `accuracy` or `mean_recall` to get that alone.

        Returns
        -------
        dict or float
            Shares from 0 to 1.

        Raises
        ------
        ValueError
            If there was no answer.
        """
        if not self.total:
            raise ValueError("no clip was classified: there is no accuracy")
        recalls = [row["recall"] for row in self.per_class().values()]
        heard = [recall for recall in recalls if recall is not None]
        stats = {
            "accuracy": self.correct / self.total,
            "mean_recall": sum(heard) / len(heard),
        }
        return stats if field is None else stats[field]

    def per_class(self) -> dict[str, dict]:
        """Clips, recall and most frequent wrong answer of each class.

        Returns
        -------
        dict
            Class to `{"clips", "recall", "mistaken_for"}`; None where there
            is nothing to say.
        """
        found = {}
        for row, label in enumerate(self.labels):
            counts = self.confusion[row].clone()
            clips, right = int(counts.sum()), int(counts[row])
            counts[row] = 0
            wrong = int(counts.argmax()) if counts.sum() else None
            found[label] = {
                "clips": clips,
                "recall": right / clips if clips else None,
                "mistaken_for": None if wrong is None else self.labels[wrong],
            }
        return found

    def write_stats(self, filestream) -> None:
        """Writes one line per class, tab-separated."""
        filestream.write("class\tclips\trecall\tmistaken_for\n")
        for label, row in self.per_class().items():
            recall = "" if row["recall"] is None else f"{row['recall']:.4f}"
            wrong = row["mistaken_for"] or ""
            filestream.write(f"{label}\t{row['clips']}\t{recall}\t{wrong}\n")


def check_zero_shot(
    base: AccuracyStats, new: AccuracyStats, joint: AccuracyStats
) -> None:
    """Sees that fewer candidates have not made right answers wrong.

    With fixed embeddings, who is best among all classes is best among half
    of them. Where the halves together have fewer right answers than all
    classes, something is wrong: embeddings that change, other prompts, other
    clips.

    Arguments
    ---------
    base : AccuracyStats
        Clips of base classes among base classes.
    new : AccuracyStats
        Clips of new classes among new classes.
    joint : AccuracyStats
        All clips among all classes.

    Raises
    ------
    RuntimeError
        If there are fewer, by more than one answer or one in a thousand,
        which rounding may turn.

    Example
    -------
    >>> half, whole = AccuracyStats(["cat"]), AccuracyStats(["cat", "dog"])
    >>> other = AccuracyStats(["dog"])
    >>> check_zero_shot(half, other, whole)
    """
    halves = base.correct + new.correct
    if sorted([*base.ids, *new.ids]) != sorted(joint.ids):
        raise RuntimeError(
            f"the halves have {len(base.ids) + len(new.ids)} clips and all "
            f"classes {len(joint.ids)}, or they are others: compare the same"
        )
    if halves < joint.correct - max(1, joint.total // 1000):
        raise RuntimeError(
            f"zero-shot, {halves} of {joint.total} clips are right among the "
            f"classes of their half, but {joint.correct} among all classes, "
            "which cannot be: embeddings or prompts differ between the two"
        )
