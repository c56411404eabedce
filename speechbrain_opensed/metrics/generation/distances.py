"""How far two sets of embeddings are apart.

Papers: https://arxiv.org/abs/1706.08500 (Fréchet distance),
https://arxiv.org/abs/1801.01401 (kernel distance). With embeddings of short
frames of sound the former is the Fréchet audio distance,
https://arxiv.org/abs/1812.08466.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "KernelDistance",
    "check_matrix",
    "frechet_distance",
    "kernel_distance",
]

logger = logging.getLogger(__name__)


def frechet_distance(x: Any, y: Any) -> float:
    """Fréchet distance between the Gaussians of two sets.

    It is |m - n|^2 + Tr(S + T - 2 (S T)^(1/2)) with means m, n and unbiased
    covariances S, T. With centred data X, Y the last trace is the nuclear
    norm of X Y^T over the root of (N - 1) (M - 1), so that neither a root of
    a matrix nor, for few samples, the covariances are needed.

    Arguments
    ---------
    x, y : array-like
        `[samples, dim]`; at least 2 samples each. With as many samples as
        dimensions or fewer, covariances lack rank and the distance depends
        on the number of samples: a warning says so.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    ValueError
        If shapes do not fit or values are not finite.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 3))
    >>> round(frechet_distance(x, x), 9), round(frechet_distance(x, x + 1), 9)
    (0.0, 3.0)
    """
    x, y = _pair(x, y)
    fewest = min(len(x), len(y))
    if fewest <= x.shape[1]:
        logger.warning(
            "Fréchet distance from %d samples in %d dimensions: the "
            "covariance lacks rank, so compare only with values from as many "
            "samples; the kernel distance does not have this flaw",
            fewest,
            x.shape[1],
        )
    a, b = _factor(x), _factor(y)
    cross = np.linalg.norm(a @ b.T, "nuc")
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    distance = shift + np.square(a).sum() + np.square(b).sum() - 2 * cross
    return max(0.0, float(distance))


def _factor(x):
    """F with F^T F the covariance, of no more rows than columns."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    if len(x) <= x.shape[1]:
        return centred
    return np.linalg.qr(centred, mode="r")


class KernelDistance(NamedTuple):
    """Kernel distance over subsets.

    Arguments
    ---------
    mean : float
        Unbiased: it may be below 0.
    std : float
        Over the subsets.
    subset_size : int
        Samples of each set in a subset.

    Example
    -------
    >>> KernelDistance(0.5, 0.1, 100).mean
    0.5
    """

    mean: float
    std: float
    subset_size: int


def kernel_distance(
    x: Any,
    y: Any,
    subsets: int = 100,
    *,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """Squared maximum mean discrepancy with a cubic kernel.

    The kernel is (x·y / dim + 1)^3. Its expectation does not depend on the
    number of samples.

    Arguments
    ---------
    x, y : array-like
        `[samples, dim]`; at least 2 samples each.
    subsets : int
        How many are drawn.
    subset_size : int
        Samples of each set in a subset; smaller sets count as a whole.
    seed : int
        Of the draws.

    Returns
    -------
    KernelDistance
        Mean, deviation, and the size that subsets had.

    Raises
    ------
    ValueError
        If shapes do not fit or values are not finite.

    Example
    -------
    >>> x = np.random.default_rng(0).standard_normal((60, 4))
    >>> kernel_distance(x, x + 2, subset_size=50).mean > 1
    True
    """
    x, y = _pair(x, y)
    if subsets < 1 or subset_size < 2:
        raise ValueError(
            f"{subsets} subsets of {subset_size}: give at least 1 of 2"
        )
    size = min(subset_size, len(x), len(y))
    if size == len(x) == len(y):
        subsets = 1
    rng = np.random.default_rng(seed)
    values = [
        _discrepancy(
            x[rng.choice(len(x), size, replace=False)],
            y[rng.choice(len(y), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def _discrepancy(x, y):
    n, dim = x.shape

    def kernel(a, b):
        return (a @ b.T / dim + 1) ** 3

    within = kernel(x, x), kernel(y, y)
    same = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in within)
    return same - 2 * kernel(x, y).mean()


def check_matrix(values: Any, name: str, least: int = 2) -> np.ndarray:
    """Values as a matrix in float64.

    Arguments
    ---------
    values : array-like
        `[samples, dim]`.
    name : str
        How messages call it.
    least : int
        Fewest samples.

    Returns
    -------
    np.ndarray
        `[samples, dim]`.

    Raises
    ------
    ValueError
        If it is no such matrix or a value is not finite.

    Example
    -------
    >>> check_matrix([[1, 2]], "logits")
    Traceback (most recent call last):
    ValueError: logits of shape [1, 2]: give [samples, dim] with at least 2 ...
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or len(matrix) < least or not matrix.shape[1]:
        raise ValueError(
            f"{name} of shape {list(matrix.shape)}: give [samples, dim] with "
            f"at least {least} samples"
        )
    if not np.isfinite(matrix).all():
        bad = int(np.argmin(np.isfinite(matrix).all(axis=1)))
        raise ValueError(
            f"{name}: row {bad} is not finite; look at that clip and at the "
            "encoder"
        )
    return matrix


def _pair(x, y):
    x, y = check_matrix(x, "the first set"), check_matrix(y, "the second set")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"embeddings of {x.shape[1]} and of {y.shape[1]} dimensions: use "
            "one encoder for both sets"
        )
    return x, y
