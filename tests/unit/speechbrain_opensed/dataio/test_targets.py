"""Frame targets: which frames an event marks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import event
from speechbrain_opensed.dataio.targets import frame_span, frame_targets

HOP = 0.04


def cut_of(*events, duration=10.0):
    supervisions = [
        event("r", i, onset, offset, label, label)
        for i, (onset, offset, label) in enumerate(events)
    ]
    return dummy_cut(0, duration=duration, supervisions=supervisions)


@given(st.floats(0, 10), st.floats(0, 10), st.sampled_from(["cover", "round"]))
def test_no_event_vanishes(a, b, rounding):
    onset, offset = min(a, b), max(a, b)
    first, last = frame_span(onset, offset, HOP, 250, rounding)
    assert 0 <= first < last <= 250


@given(st.floats(0, 9.9), st.floats(1e-3, 5))
def test_cover_is_every_frame_touched(onset, length):
    offset = min(10.0, onset + length)
    first, last = frame_span(onset, offset, HOP, 250)
    touched = [
        k
        for k in range(250)
        if onset < (k + 1) * HOP - 1e-6 and offset > k * HOP + 1e-6
    ]
    assert set(touched) <= set(range(first, last))
    assert last - first <= len(touched) + 1


def test_edges_of_frames_are_not_fuzzy():
    # 0.04 is no binary fraction: k * 0.04 / 0.04 is off by one ulp for some k.
    for k in range(250):
        for onset in (k * HOP, round(k * HOP, 8), float(f"{k * HOP:.3f}")):
            assert frame_span(onset, onset + HOP, HOP, 250) == (k, k + 1)


@pytest.mark.parametrize(("onset", "offset"), [(0.03, 0.31), (1.234, 5.678)])
def test_round_is_python_rounding(onset, offset):
    assert frame_span(onset, offset, HOP, 250, "round") == (
        round(onset * 25),
        round(offset * 25),
    )


def test_ties_round_as_the_original_multiplies():
    # Every half frame of ten seconds, as a decimal number: ties go to the
    # even frame, unless the product by 25 is not exactly half way.
    for half in range(1, 480, 2):
        onset = round(half * 0.02, 2)
        assert frame_span(onset, 10.0, HOP, 250, "round") == (
            round(onset * 25),
            250,
        )
    assert frame_span(0.02, 0.5, HOP, 250, "round")[0] == 0
    assert frame_span(0.06, 0.5, HOP, 250, "round")[0] == 2
    assert frame_span(0.1, 0.5, HOP, 250, "round")[0] == 2


def test_short_event_keeps_the_frame_of_its_onset_when_rounded():
    assert frame_span(1.03, 1.04, HOP, 250, "round") == (25, 26)


def test_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match="'ceil' is unknown: use 'cover'"):
        frame_span(0, 1, HOP, 250, "ceil")


def test_rows_follow_the_labels_and_overlaps_join():
    cut = cut_of((0, 0.1, "dog"), (0.05, 0.2, "dog"), (0.3, 0.4, "cat"))
    targets = frame_targets(cut, ["cat", "bird", "dog"], 0.1, 5)
    assert targets.dtype == np.float32
    assert targets.tolist() == [
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
    ]


def test_windows_see_the_parts_of_events_inside_them():
    cut = cut_of((1.0, 7.0, "dog"), (3.9, 4.1, "cat"))
    window = cut.truncate(offset=4.0, duration=2.0)
    targets = frame_targets(window, ["dog", "cat"], 0.5, 4)
    assert targets.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]


def test_event_behind_the_last_frame_marks_the_last_frame():
    cut = cut_of((10.0, 10.02, "dog"), duration=10.02)
    targets = frame_targets(cut, ["dog"], HOP, 250)
    assert targets.sum() == targets[0, -1] == 1
