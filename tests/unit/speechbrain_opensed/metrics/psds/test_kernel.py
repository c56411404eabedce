import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechbrain_opensed.metrics.psds.events import ClassEvents, Criteria
from speechbrain_opensed.metrics.psds.kernel import (
    area,
    count_curves,
    mean_curve,
)

LEVELS = st.lists(st.integers(0, 4), min_size=1, max_size=12)


def detections(track, threshold):
    """Begin and end frames of the runs at or above a threshold."""
    active = np.diff(np.r_[False, track >= threshold, False].astype(int))
    begins, ends = np.flatnonzero(active == 1), np.flatnonzero(active == -1)
    return list(zip(begins, ends, strict=True))


def counts_at(track, threshold, events):
    """True and false positives at one threshold, by the definition."""

    def overlap(one, other):
        return max(min(one[1], other[1]) - max(one[0], other[0]), 0)

    found = detections(track, threshold)
    right = [
        run
        for run in found
        if sum(overlap(run, e) for e in events) >= (run[1] - run[0]) / 2
    ]
    true = [
        event
        for event in events
        if sum(overlap(run, event) for run in right)
        >= (event[1] - event[0]) / 2
    ]
    return len(true), len(found) - len(right)


@given(LEVELS, st.sets(st.integers(0, 5), max_size=4), LEVELS)
def test_every_threshold_by_the_definition(track, borders, other):
    borders = sorted(2 * b for b in borders) or [0]
    borders += [borders[-1] + 1] * (len(borders) % 2)
    events = list(zip(borders[::2], borders[1::2], strict=True))
    track, other = np.array(track, float), np.array(other, float)
    points = {(0, 0)}
    for threshold in range(5):
        true, false = counts_at(track, threshold, events)
        points.add((true, false + len(detections(other, threshold))))
    of_class = ClassEvents(
        np.zeros(len(events), int), *np.array(events, float).T
    )
    ((true, false),) = count_curves(
        np.concatenate([track, other])[None],
        np.array([len(track), len(other)]),
        1.0,
        [of_class],
        Criteria(0.5, 0.5, None),
    )
    best = [max(t for t, f in points if f <= limit) for limit in false]
    assert true.tolist() == best
    assert (np.diff(true) > 0).all() and (np.diff(false) > 0).all()
    assert true[-1] == max(t for t, _ in points)


def test_deviation_is_subtracted_but_not_below_zero():
    curves = [
        (np.array([0.0, 1.0]), np.array([0.0, 2.0])),
        (np.array([0.0]), np.array([0.0])),
    ]
    true, rate = mean_curve(curves, 0.5)
    assert true.tolist() == [0.0, 0.25] and rate.tolist() == [0.0, 2.0]
    assert mean_curve(curves, 3.0)[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "limit, expected", [(100.0, 0.75), (50.0, 0.5), (25.0, 0.5), (0.0, 0.5)]
)
def test_area_up_to_a_limit(limit, expected):
    staircase = np.array([0.5, 1.0]), np.array([0.0, 50.0])
    assert area(*staircase, limit) == expected
