"""Accuracy on base and new classes as one number."""

import statistics

import pytest

from speechbrain_opensed.metrics.base_new import harmonic_mean


@pytest.mark.parametrize("base, new", [(0.6, 0.3), (0.9, 0.1), (1.0, 1.0)])
def test_harmonic_mean_is_that_of_the_library(base, new):
    assert harmonic_mean(base, new) == pytest.approx(
        statistics.harmonic_mean([base, new])
    )


def test_nothing_right_is_no_division_by_zero():
    assert harmonic_mean(0.0, 0.0) == harmonic_mean(0.8, 0.0) == 0.0
