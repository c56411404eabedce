"""Distances and divergences against closed forms."""

import logging

import numpy as np
import pytest
import scipy.linalg
import torch

from speechbrain_opensed.metrics.generation.distances import (
    frechet_distance,
    kernel_distance,
)
from speechbrain_opensed.metrics.generation.divergences import (
    cosine_similarity,
    inception_score,
    kl_divergence,
    pair_by_id,
    shuffled,
)


def gaussian(seed, samples, dim, mean=0.0, scale=1.0):
    """Data whose sample mean and covariance are exactly these."""
    x = np.random.default_rng(seed).standard_normal((samples, dim))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return x * scale + mean


def test_frechet_distance_of_gaussians():
    # Commuting covariances: |m - n|^2 + sum (sqrt(s) - sqrt(t))^2.
    scale = np.array([0.5, 1.0, 3.0])
    x, y = gaussian(0, 200, 3), gaussian(1, 300, 3, [1, 2, 0], scale)
    expected = 5 + np.square(scale - 1).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))


@pytest.mark.parametrize("samples", [(9, 7), (9, 300), (400, 300)])
def test_frechet_distance_is_that_of_the_matrix_root(samples):
    rng = np.random.default_rng(3)
    mix = rng.standard_normal((12, 12))
    x, y = (rng.standard_normal((n, 12)) for n in samples)
    y = y @ mix + 0.3
    s, t = np.cov(x.T), np.cov(y.T)
    root = np.trace(scipy.linalg.sqrtm(s @ t)).real
    shift = np.square(x.mean(0) - y.mean(0)).sum()
    expected = shift + np.trace(s) + np.trace(t) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("samples", [5, 300])
def test_frechet_distance_to_itself(samples):
    x = np.random.default_rng(0).standard_normal((samples, 64)) + 5
    assert frechet_distance(x, x) < 1e-9
    assert frechet_distance(x, x[::-1]) < 1e-9
    assert frechet_distance(x, x + 0.5) == pytest.approx(16)


def test_too_few_samples_are_told_of(caplog):
    logging.getLogger("speechbrain_opensed").propagate = True
    x = np.random.default_rng(0).standard_normal((64, 64))
    frechet_distance(x, x)
    assert "64 samples in 64 dimensions" in caplog.text
    caplog.clear()
    frechet_distance(x[:, :8], x[:, :8])
    assert not caplog.text


def test_kernel_distance_is_unbiased():
    # Over many small draws of one distribution the mean is 0, where the
    # biased estimate with its diagonals would be far above.
    rng = np.random.default_rng(0)
    draws = [
        kernel_distance(
            rng.standard_normal((20, 4)), rng.standard_normal((20, 4))
        ).mean
        for _ in range(400)
    ]
    error = np.std(draws) / len(draws) ** 0.5
    assert abs(np.mean(draws)) < 3 * error
    assert min(draws) < 0 < max(draws) and error < 0.02


def test_kernel_distance_is_its_sum_over_pairs():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 3)) + 1

    def k(a, b):
        return (a @ b / 3 + 1) ** 3

    same = sum(
        np.mean([k(z[i], z[j]) for i in range(6) for j in range(6) if i != j])
        for z in (x, y)
    )
    cross = np.mean([k(a, b) for a in x for b in y])
    distance = kernel_distance(x, y)
    assert distance.mean == pytest.approx(same - 2 * cross)
    assert (distance.std, distance.subset_size) == (0, 6)
    some = kernel_distance(x, y, subset_size=4, subsets=5, seed=1)
    assert some == kernel_distance(x, y, subset_size=4, subsets=5, seed=1)
    assert some != kernel_distance(x, y, subset_size=4, subsets=5, seed=2)


def test_divergence_of_classes():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    q = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
    expected = np.sum(p * np.log(p / q), axis=1)
    exact = kl_divergence(np.log(p), np.log(q), epsilon=0)
    np.testing.assert_allclose(exact, expected)
    # Logits are known but for a constant.
    np.testing.assert_allclose(
        kl_divergence(np.log(p) + 7, np.log(q) - 900, epsilon=0), expected
    )
    close = kl_divergence(np.log(p), np.log(q))
    np.testing.assert_allclose(close, expected, atol=1e-5)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_divergence_is_the_published_one(activation):
    # torch's kl_div of probabilities with 1e-6, as audioldm_eval calls it.
    rng = np.random.default_rng(0)
    real, made = 6 * rng.standard_normal((2, 30, 40))
    to = {"softmax": lambda x: x.softmax(1), "sigmoid": torch.sigmoid}
    p, q = (to[activation](torch.from_numpy(x)) for x in (real, made))
    official = torch.nn.functional.kl_div(
        (q + 1e-6).log(), p, reduction="none"
    ).sum(1)
    ours = kl_divergence(real, made, activation)
    np.testing.assert_allclose(ours, official, rtol=1e-9)
    # With logits this far apart the 1e-6 shows.
    exact = kl_divergence(real, made, activation, epsilon=0)
    assert abs(exact - ours).max() > 1e-3


def test_divergence_of_events_that_occur_or_not():
    p, q = np.array([[0.7, 0.2]]), np.array([[0.4, 0.2]])
    expected = 0.7 * np.log(0.7 / 0.4) + 0.3 * np.log(0.3 / 0.6)
    logits = [np.log(x / (1 - x)) for x in (p, q)]
    np.testing.assert_allclose(kl_divergence(*logits, "binary"), [expected])
    # The published one counts the first side only.
    one_sided = kl_divergence(*logits, "sigmoid", epsilon=0)
    np.testing.assert_allclose(one_sided, [0.7 * np.log(0.7 / 0.4)])


@pytest.mark.parametrize("activation", ["softmax", "binary"])
def test_divergence_bounds(activation):
    logits = 30 * np.random.default_rng(0).standard_normal((50, 20))
    np.testing.assert_array_equal(
        kl_divergence(logits, logits, activation, 0.0), 0
    )
    other = kl_divergence(logits, logits[::-1], activation, 0.0)
    assert np.isfinite(other).all() and (other >= 0).all()


def test_inception_score_bounds():
    classes = 8
    assert inception_score(np.zeros((40, classes)))[0] == pytest.approx(1)
    same = np.tile(100 * np.eye(classes)[0], (40, 1))
    assert inception_score(same)[0] == pytest.approx(1)
    each = 100 * np.eye(classes).repeat(5, axis=0)
    assert inception_score(each, splits=1)[0] == pytest.approx(classes)
    rng = np.random.default_rng(0)
    for splits in (1, 4, 10):
        mean, std = inception_score(rng.standard_normal((50, 8)), splits)
        assert 1 < mean < classes and (std > 0) == (splits > 1)


def test_inception_score_is_the_published_one():
    # Step by step as torch-fidelity and audioldm_eval do it; 53 clips make
    # ten parts whose bounds differ from those of np.array_split.
    logits = 3 * np.random.default_rng(1).standard_normal((53, 8))
    order = np.random.RandomState(2020).permutation(53)
    p = torch.from_numpy(logits[order]).softmax(1)
    parts = []
    for i in range(10):
        part = p[i * 53 // 10 : (i + 1) * 53 // 10]
        kl = part * (part.log() - part.mean(0, keepdim=True).log())
        parts.append(kl.sum(1).mean().exp().item())
    expected = pytest.approx((np.mean(parts), np.std(parts)), rel=1e-9)
    assert inception_score(logits) == expected


def test_pairs_need_partners():
    rows = {name: np.zeros(2) for name in "abc"}
    with pytest.raises(ValueError, match=r"1 of 3 generated .*\['c'\]"):
        pair_by_id(rows, {"a": np.zeros(2), "b": np.zeros(2)})
    with pytest.raises(ValueError, match="no generated clips"):
        pair_by_id({}, rows)


def test_shuffling_leaves_none_in_its_place():
    for count in (2, 3, 50):
        for seed in range(20):
            order = shuffled(np.arange(count), seed)
            assert sorted(order) == list(range(count))
            assert not (order == np.arange(count)).any()


@pytest.mark.parametrize(
    "function, arguments, message",
    [
        (frechet_distance, (np.ones((1, 3)), np.ones((5, 3))), "at least 2"),
        (frechet_distance, (np.ones((4, 3)), np.ones((5, 2))), "of 3 and of 2"),
        (frechet_distance, (np.ones(4), np.ones(4)), r"shape \[4\]"),
        (
            frechet_distance,
            ([[1, 2], [np.nan, 1]], np.ones((5, 2))),
            "first set: row 1 is not finite",
        ),
        (kernel_distance, (np.ones((3, 2)), np.ones((3, 2)), 0), "0 subsets"),
        (kl_divergence, (np.ones((2, 3)), np.ones((3, 3))), "pair each"),
        (kl_divergence, (np.ones((2, 3)),) * 2 + ("tanh",), "'tanh'"),
        (inception_score, (np.ones((5, 3)),), "10 splits of 5 clips"),
        (cosine_similarity, (np.ones((2, 3)), np.ones((2, 4))), "row by row"),
        (shuffled, (np.ones((1, 3)),), "one clip alone"),
    ],
)
def test_bad_input_is_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
