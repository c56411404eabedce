"""Operating points, with psds_eval as the reference."""

import math

import numpy as np
import pandas as pd
import psds_eval
import pytest

from speechbrain_opensed.metrics.operating_points import (
    count_intersections,
    psds_of_points,
)

DURATIONS = {"a": 10.0, "b": 7.5, "c": 10.0}
LABELS = ["cat", "dog", "owl"]


def random_table(rng, number, labels):
    """Events without overlaps of one class, as psds_eval wants them."""
    table = {}
    for clip, seconds in DURATIONS.items():
        table[clip] = []
        for label in labels:
            edges = np.sort(rng.choice(100, 2 * rng.integers(0, number), False))
            for onset, offset in edges.reshape(-1, 2) / 100 * seconds:
                table[clip].append((float(onset), float(offset), label))
    return table


def frame(table):
    return pd.DataFrame(
        [(clip, *span) for clip, spans in table.items() for span in spans],
        columns=["filename", "onset", "offset", "event_label"],
    )


@pytest.fixture
def old_packages(monkeypatch):
    """psds_eval fills gaps in a way that pandas 3 no longer has."""
    fillna = pd.DataFrame.fillna

    def both(frame, value=None, method=None):
        return frame.ffill() if method == "ffill" else fillna(frame, value)

    monkeypatch.setattr(pd.DataFrame, "fillna", both)
    # And takes arrays of one number for numbers, as numpy 2.4 does not.
    monkeypatch.setattr(
        psds_eval.psds, "int", lambda x: np.asarray(x).item(), raising=False
    )


def reference_of(truth, **criteria):
    meta = pd.DataFrame(
        list(DURATIONS.items()), columns=["filename", "duration"]
    )
    return psds_eval.PSDSEval(
        ground_truth=frame(truth), metadata=meta, **criteria
    )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(6))
def test_random_tables_like_psds_eval(seed, old_packages):
    rng = np.random.default_rng(seed)
    truth = random_table(rng, 4, LABELS)
    for label in LABELS:
        truth["a"].append((9.95, 10.0, label))
    criteria = {
        "dtc_threshold": float(rng.choice([0.1, 0.5, 0.7])),
        "gtc_threshold": float(rng.choice([0.1, 0.5, 0.7])),
        "cttc_threshold": 0.3,
    }
    theirs = reference_of(truth, **criteria)
    points = []
    for _ in range(5):
        # Some detections follow the truth.
        detected = random_table(rng, 4, LABELS)
        for clip in DURATIONS:
            for index, label in enumerate(LABELS):
                if rng.random() < 0.5:
                    detected[clip] = [
                        e for e in detected[clip] if e[2] != label
                    ] + [
                        (on, off - 0.1 * (off - on) * index, label)
                        for on, off, one in truth[clip]
                        if one == label
                    ]
        ours = count_intersections(truth, detected, DURATIONS, **criteria)
        points.append(ours)
        mean, per_class = theirs.compute_macro_f_score(frame(detected))
        for label, value in per_class.items():
            mine = ours.result.per_class[label].fscore
            assert mine == pytest.approx(0 if math.isnan(value) else value)
        if not math.isnan(mean):
            more = ours.result.more["f_measure_of_found_classes"]
            assert more == pytest.approx(mean, abs=1e-12)
        theirs.add_operating_point(frame(detected))
    for alpha_ct, alpha_st, limit in (
        (0.0, 0.0, 100.0),
        (0.5, 1.0, 1000.0),
        (1.0, 0.5, 5000.0),
    ):
        expected = theirs.psds(alpha_ct, alpha_st, limit)
        found = psds_of_points(points, alpha_ct, alpha_st, limit)
        assert found.psds == pytest.approx(expected.value, abs=1e-9)
    expected = theirs.psds(0.3, 0.0, None)
    found = psds_of_points(points, 0.3, 0.0, None)
    assert found.psds == pytest.approx(expected.value, abs=1e-9)


def test_what_overlaps_is_joined_and_what_is_unknown_counted():
    truth = {"a": [(0.0, 2.0, "dog"), (1.0, 3.0, "dog"), (3.0, 4.0, "dog")]}
    found = {"a": [(0.0, 3.0, "dog"), (3, 4, "rain"), (5.0, 5.0, "dog")]}
    counts = count_intersections(truth, found, {"a": 10.0})
    assert (counts.num_events, counts.true, counts.false) == (2, 1, 0)
    assert counts.result.more["detections_of_other_classes"] == 1
    # Two events of dog, one of them found; and rain is a false alarm.
    assert counts.result.per_class["rain"].num_found == 1
    assert counts.result.micro == 2 * 1 / (2 + 1 + 1)
    assert counts.result.macro == counts.result.per_class["dog"].fscore
    assert counts.result.error_rate == (1 + 1) / 2
    late = {"a": [(10.5, 11.0, "dog")]}
    assert count_intersections(truth, late, {"a": 10.0}).false == 0
    assert count_intersections(truth, late).false == 1


def test_nonsense_is_refused():
    truth = {"a": [(0.0, 2.0, "dog")]}
    with pytest.raises(ValueError, match="dtc is 2: a share"):
        count_intersections(truth, truth, dtc_threshold=2)
    with pytest.raises(ValueError, match="no event: nothing"):
        count_intersections({"a": []}, truth)
    with pytest.raises(ValueError, match="no operating point"):
        psds_of_points([])
    with pytest.raises(ValueError, match="give the durations"):
        psds_of_points([count_intersections(truth, truth)])
