"""Thresholds and probabilities are those that the truth asks for."""

import numpy as np
import pytest

from speechbrain_opensed.inference.calibration import (
    Calibration,
    LabelledScores,
    PhraseCalibration,
    expected_calibration_error,
    fit_calibration,
)

HOP = 0.1


def clips_of(truth, scores, number=6):
    """So many clips with one track for each phrase."""
    truth = np.array(truth, float).T
    scores = np.array(scores, float).T
    known = np.ones(truth.shape[1], bool)
    return [LabelledScores(scores, truth, known)] * number


def test_scaling_finds_what_distorted_the_probabilities():
    rng = np.random.default_rng(0)
    logits = rng.normal(-2, 2, (40_000, 1))
    truth = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))) * 1.0
    # What the detector says: too sure, and too high.
    said = 1 / (1 + np.exp(-(2 * logits + 3)))
    clips = [
        LabelledScores(a, b, np.array([True]))
        for a, b in zip(np.split(said, 40), np.split(truth, 40), strict=True)
    ]
    fitted = fit_calibration(clips, ["rain"], 1.0)
    one = fitted.of("rain")
    assert one.slope == pytest.approx(0.5, abs=0.03)
    assert one.offset == pytest.approx(-1.5, abs=0.1)
    assert fitted.about["ece_before"] > 0.15
    assert fitted.about["ece_after"] < 0.01
    moved = fitted.apply(said, ["rain"])
    assert expected_calibration_error(moved, truth) < 0.01


def test_each_phrase_gets_its_own_threshold():
    truth = np.zeros((2, 60))
    truth[:, 20:40] = 1
    scores = np.array([0.2 + 0.3 * truth[0], 0.6 + 0.3 * truth[1]])
    # Alarms that a lower threshold would let through.
    scores[1, 50:55] = 0.85
    fitted = fit_calibration(clips_of(truth, scores), ["low", "high"], HOP)
    moved = fitted.apply(scores.T, ["low", "high"])
    wanted = fitted.thresholds(["low", "high"])
    for column, phrase in enumerate(wanted):
        active = moved[:, column] > wanted[phrase]
        assert np.array_equal(active, truth[column] > 0), phrase


def test_targets_are_reached():
    rng = np.random.default_rng(1)
    clips = []
    for _ in range(60):
        truth = np.zeros((100, 1))
        truth[30:50] = rng.random() < 0.5
        scores = 0.1 + 0.3 * truth + rng.random(truth.shape) * 0.02
        start = rng.integers(60, 90)
        scores[start : start + 6] += rng.random() * 0.3
        clips.append(LabelledScores(scores, truth, np.array([True])))
    hours = 60 * 100 * HOP / 3600

    def alarms(fitted):
        level = fitted.of("dog").threshold
        wrong = right = 0
        for clip in clips:
            active = fitted.apply(clip.scores, ["dog"])[:, 0] > level
            edges = np.flatnonzero(np.diff(np.pad(active.astype(int), 1)))
            for first, last in zip(edges[::2], edges[1::2], strict=True):
                good = clip.targets[first:last].mean() >= 0.5
                right, wrong = right + good, wrong + (not good)
        return right, wrong

    strict = fit_calibration(clips, ["dog"], HOP, false_alarms=10.0)
    assert alarms(strict)[1] <= 10 * hours
    exact = fit_calibration(clips, ["dog"], HOP, precision=0.8)
    right, wrong = alarms(exact)
    assert right / (right + wrong) >= 0.8
    assert exact.of("dog").threshold < strict.of("dog").threshold


def test_a_phrase_without_events_takes_what_holds_for_all():
    truth = np.zeros((2, 60))
    truth[0, 20:40] = 1
    fitted = fit_calibration(
        clips_of(truth, 0.1 + 0.3 * truth), ["dog", "never"], HOP
    )
    assert set(fitted.phrases) == {"dog"}
    assert fitted.of("never") == fitted.prior == fitted.of("anything")
    assert fitted.of("dog").events == 6


def test_unknown_clips_do_not_count():
    truth = np.zeros((60, 1))
    truth[20:40] = 1
    known = LabelledScores(0.1 + 0.3 * truth, truth, np.array([True]))
    alarm = LabelledScores(truth * 0.9, truth * 0, np.array([False]))
    alone = fit_calibration([known] * 4, ["dog"], HOP)
    both = fit_calibration([known] * 4 + [alarm] * 4, ["dog"], HOP)
    assert both.phrases == alone.phrases


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"precision": 0.9, "false_alarms": 1.0}, "two targets"),
        ({"precision": 1.5}, "precision is 1.5"),
        ({"false_alarms": -1.0}, "false_alarms is -1"),
        ({}, "no event"),
    ],
)
def test_nonsense_is_refused(settings, words):
    clips = clips_of(np.zeros((1, 9)), np.zeros((1, 9)))
    with pytest.raises(ValueError, match=words):
        fit_calibration(clips, ["dog"], HOP, **settings)


def test_a_stranger_s_calibration_is_checked():
    whole = Calibration(
        PhraseCalibration(0.4), {"no": PhraseCalibration(0.2, 2.0, -1.0, 3)}
    )
    assert Calibration.from_dict(whole.to_dict()) == whole
    for bad in (
        None,
        {},
        {"prior": {"threshold": "0.5"}},
        {"prior": {"threshold": 0.5, "slope": float("nan")}},
        {"prior": {"threshold": 0.5, "slope": -1}},
        {"prior": {"threshold": True}},
        {"prior": {"threshold": 0.5, "run": "x"}},
        {"prior": {"threshold": 0.5}, "phrases": [1]},
    ):
        with pytest.raises(ValueError, match="calibration"):
            Calibration.from_dict(bad)
