"""Scores of base-to-new experiments, and a law that they cannot break.

Authors
 * The speechbrain-opensed contributors 2026
"""

from speechbrain_opensed.metrics.classification import ClassificationStats

__all__ = ["check_zero_shot", "harmonic_mean"]


def harmonic_mean(base: float, new: float) -> float:
    """H of base-to-new results; 0 where either is.

    Papers average H over runs; it is not to be computed from averaged
    accuracies.

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
    >>> round(harmonic_mean(0.6, 0.3), 6)
    0.4
    >>> harmonic_mean(0.0, 0.0)
    0.0
    """
    return 2 * base * new / (base + new) if base + new else 0.0


def check_zero_shot(
    base: ClassificationStats,
    new: ClassificationStats,
    joint: ClassificationStats,
) -> None:
    """Sees that fewer candidates have not made right answers wrong.

    With fixed embeddings, what is best among all classes is best among half
    of them. Where the halves together have fewer right answers than all
    classes, something is wrong: embeddings that change, other prompts, other
    clips.

    Arguments
    ---------
    base : ClassificationStats
        Clips of base classes among base classes.
    new : ClassificationStats
        Clips of new classes among new classes.
    joint : ClassificationStats
        All clips among all classes.

    Raises
    ------
    RuntimeError
        If the clips are not the same, or there are fewer right answers, by
        more than one or one in a thousand, which rounding may turn.

    Example
    -------
    >>> cats, dogs = ClassificationStats(["cat"]), ClassificationStats(["dog"])
    >>> both = ClassificationStats(["cat", "dog"])
    >>> cats.append(["a"], [[0.2]], [["cat"]])
    >>> dogs.append(["b"], [[0.4]], [["dog"]])
    >>> both.append(["a", "b"], [[0.2, 0.3], [0.1, 0.4]], [["cat"], ["dog"]])
    >>> check_zero_shot(cats, dogs, both)
    """
    clips = len(base.ids) + len(new.ids)
    if sorted([*base.ids, *new.ids]) != sorted(joint.ids):
        raise RuntimeError(
            f"the halves have {clips} clips and all classes "
            f"{len(joint.ids)}, or they are others: compare the same"
        )
    halves = _correct(base) + _correct(new)
    if halves < _correct(joint) - max(1, clips // 1000):
        raise RuntimeError(
            f"zero-shot, {halves} of {clips} clips are right among the "
            f"classes of their half, but {_correct(joint)} among all "
            "classes, which cannot be: embeddings or prompts differ between "
            "the two"
        )


def _correct(stats: ClassificationStats) -> int:
    return round(stats.summarize("accuracy") * len(stats.ids))
