"""What a classifier makes of generated sounds.

Papers: https://arxiv.org/abs/2209.15352 (divergence between a generated
sound and the real one), https://arxiv.org/abs/1606.03498 (inception score).

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax

from speechbrain_opensed.metrics.generation.distances import check_matrix

__all__ = [
    "cosine_similarity",
    "inception_score",
    "kl_divergence",
    "pair_by_id",
    "shuffled",
]


def kl_divergence(
    reference: Any,
    generated: Any,
    activation: str = "softmax",
    epsilon: float = 1e-6,
) -> np.ndarray:
    """Divergence KL(reference || generated) of each pair of clips.

    Arguments
    ---------
    reference, generated : array-like
        Logits `[clips, classes]` of the real clips and of those generated in
        their place, row by row.
    activation : str
        `softmax`: between distributions over the classes. `sigmoid`: as
        audioldm_eval has it, which counts of each class only the side on
        which it occurs, p * log(p / q), and may be negative. `binary`: each
        class is an event of its own that occurs or not, and the divergences
        of the classes, of both sides, are summed.
    epsilon : float
        Added to the generated probabilities of softmax and sigmoid.
        Published values, of AudioGen, AudioLDM and those after them, have
        1e-6; with 0 the divergence is exact.

    Returns
    -------
    np.ndarray
        Nats, `[clips]`.

    Raises
    ------
    ValueError
        If the shapes differ or the activation is unknown.

    Example
    -------
    >>> kl_divergence([[0.0, 0.0]], [[0.0, np.log(3)]]).round(4).tolist()
    [0.1438]
    """
    p = check_matrix(reference, "the reference's logits", 1)
    q = check_matrix(generated, "the generated logits", 1)
    if p.shape != q.shape:
        raise ValueError(
            f"logits of shapes {list(p.shape)} and {list(q.shape)}: pair "
            "each generated clip with its real one"
        )
    if activation in ("softmax", "sigmoid"):
        if activation == "softmax":
            p, q = log_softmax(p, axis=1), log_softmax(q, axis=1)
        else:
            p, q = log_expit(p), log_expit(q)
        if epsilon:
            q = np.log(np.exp(q) + epsilon)
        return np.sum(np.exp(p) * (p - q), axis=1)
    if activation == "binary":
        return sum(
            np.sum(
                np.exp(log_expit(sign * p))
                * (log_expit(sign * p) - log_expit(sign * q)),
                axis=1,
            )
            for sign in (1, -1)
        )
    raise ValueError(
        f"activation {activation!r}: choose 'softmax', 'sigmoid' or 'binary'"
    )


def inception_score(
    logits: Any, splits: int = 10, seed: int = 2020
) -> tuple[float, float]:
    """Whether clips are each clear and together diverse.

    It is the exponential of the mean divergence of p(class | clip) from
    p(class): 1 where all clips are alike, the number of classes at best.

    Arguments
    ---------
    logits : array-like
        `[clips, classes]`.
    splits : int
        Parts that are scored one by one, after shuffling.
    seed : int
        Of the shuffling, by NumPy's `RandomState`; published values have
        10 splits, clip i*N//10 to (i+1)*N//10, and 2020.

    Returns
    -------
    tuple of float
        Mean and deviation over the splits.

    Raises
    ------
    ValueError
        If there are fewer clips than splits.

    Example
    -------
    >>> inception_score(100 * np.eye(4), splits=1)[0]
    4.0
    """
    logits = check_matrix(logits, "logits", 1)
    if not 1 <= splits <= len(logits):
        raise ValueError(
            f"{splits} splits of {len(logits)} clips: give 1 to {len(logits)}"
        )
    n = len(logits)
    # The generator and the bounds of the published values.
    order = np.random.RandomState(seed).permutation(n)
    scores = []
    for i in range(splits):
        part = order[i * n // splits : (i + 1) * n // splits]
        logp = log_softmax(logits[part], axis=1)
        p = np.exp(logp)
        marginal = p.mean(axis=0)
        # A class that never occurs contributes nothing.
        logm = np.log(np.maximum(marginal, np.finfo(float).tiny))
        scores.append(np.exp(np.sum(p * (logp - logm), axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def pair_by_id(
    generated: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both, in one order.

    Arguments
    ---------
    generated, reference : mapping of str to np.ndarray
        By the id of the clip. What the reference has beyond is left aside.

    Returns
    -------
    tuple of np.ndarray
        `[clips, dim]` each, sorted by id.

    Raises
    ------
    ValueError
        If a generated clip has no counterpart.

    Example
    -------
    >>> a, b = pair_by_id({"y": [1], "x": [2]}, {"x": [3], "y": [4], "z": [5]})
    >>> a.tolist(), b.tolist()
    ([[2], [1]], [[3], [4]])
    """
    alone = sorted(set(generated) - set(reference))
    if alone:
        raise ValueError(
            f"{len(alone)} of {len(generated)} generated clips have no "
            f"counterpart: {alone[:3]}; pairs need the same names, such as "
            f"{sorted(reference)[:3]}"
        )
    if not generated:
        raise ValueError("there are no generated clips: append some first")
    ids = sorted(generated)
    return (
        np.stack([generated[i] for i in ids]),
        np.stack([reference[i] for i in ids]),
    )


def cosine_similarity(x: Any, y: Any) -> np.ndarray:
    """Cosine of the angle between rows.

    Arguments
    ---------
    x, y : array-like
        `[clips, dim]`.

    Returns
    -------
    np.ndarray
        `[clips]`, -1 to 1.

    Raises
    ------
    ValueError
        If the shapes differ.

    Example
    -------
    >>> cosine_similarity([[1, 0], [2, 2]], [[3, 0], [0, 1]]).round(3).tolist()
    [1.0, 0.707]
    """
    x, y = check_matrix(x, "the first", 1), check_matrix(y, "the second", 1)
    if x.shape != y.shape:
        raise ValueError(
            f"embeddings of shapes {list(x.shape)} and {list(y.shape)}: pair "
            "them row by row"
        )
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.sum(x * y, axis=1) / np.maximum(norms, 1e-12)


def shuffled(rows: Sequence, seed: int = 0) -> np.ndarray:
    """Rows in another order in which none keeps its place.

    Arguments
    ---------
    rows : array-like
        `[clips, ...]`, at least 2.
    seed : int
        Of the order.

    Returns
    -------
    np.ndarray
        Shaped as `rows`.

    Raises
    ------
    ValueError
        If there is only one.

    Example
    -------
    >>> order = shuffled(np.arange(5))
    >>> sorted(order.tolist()), bool((order == np.arange(5)).any())
    ([0, 1, 2, 3, 4], False)
    """
    array = np.asarray(rows)
    if len(array) < 2:
        raise ValueError("one clip alone cannot be shuffled: give at least 2")
    order = np.random.default_rng(seed).permutation(len(array))
    result = np.empty_like(array)
    result[order] = array[np.roll(order, 1)]
    return result
