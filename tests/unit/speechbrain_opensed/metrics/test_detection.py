import dcase_util
import numpy as np
import pytest
import sed_eval

from speechbrain_opensed.metrics.detection import event_fscore, segment_fscore

CLASSES = ["dog", "back\\slash", "owl"]
EVENTS = {
    "a": [(1.0, 3.0, "dog"), (4.0, 5.0, "back\\slash")],
    "b": [(2.0, 4.0, "dog"), (4.0, 6.0, "dog")],
}
DURATIONS = {"a": 10.0, "b": 10.0}


@pytest.fixture
def scores():
    scores = {clip: np.full((100, 3), 0.1) for clip in EVENTS}
    scores["a"][10:30, 0] = 0.9
    scores["b"][20:60, 0] = 0.6
    scores["b"][80:90, 0] = 0.4
    scores["a"][40:60, 1] = 0.7
    return scores


def test_events_within_the_collar(scores):
    found = event_fscore(scores, EVENTS, CLASSES, 0.1, thresholds=0.5)
    assert found.per_class["dog"] == (1.0, 1.0, 1.0)
    assert found.per_class["back\\slash"] == (0.0, 0.0, 0.0)
    assert found.macro == 0.5
    assert found.micro == pytest.approx(2 * 2 / (3 + 3))
    wide = event_fscore(
        scores, EVENTS, CLASSES, 0.1, thresholds=0.5, offset_collar=1.0
    )
    assert wide.macro == wide.micro == 1.0
    scores["b"][:20, 2] = 0.9
    owls = event_fscore(scores, EVENTS, CLASSES, 0.1, thresholds=0.5)
    assert owls.micro == pytest.approx(2 * 2 / (3 + 3 + 1))
    assert owls.macro == found.macro
    unasked = dict.fromkeys(CLASSES[:2], 0.5)
    owls = event_fscore(scores, EVENTS, CLASSES, 0.1, thresholds=unasked)
    assert owls.micro == found.micro
    assert found.skipped_classes == ("owl",)


def test_segments(scores):
    found = segment_fscore(
        scores, EVENTS, DURATIONS, CLASSES, 0.1, thresholds=0.3
    )
    # Six seconds of dog, and a seventh that is none.
    assert found.per_class["dog"] == pytest.approx((12 / 13, 6 / 7, 1.0))
    assert found.per_class["back\\slash"] == pytest.approx((2 / 3, 0.5, 1.0))
    longer = segment_fscore(
        scores,
        EVENTS,
        DURATIONS,
        CLASSES,
        0.1,
        thresholds=0.3,
        segment_length=10.0,
    )
    assert longer.micro == 1.0


@pytest.mark.parametrize("seed", range(20))
def test_micro_averages_like_sed_eval(seed):
    """Also of classes that the truth does not hold."""
    rng = np.random.default_rng(seed)
    classes = ["dog", "cat", "owl", "rain"]
    scores, truth, durations = {}, {}, {}
    for clip in "abc":
        active = rng.random((40, 4)) < 0.1
        for column in range(4):
            for begin in rng.integers(0, 40, 2):
                active[begin : begin + rng.integers(1, 9), column] = True
        scores[clip] = np.where(active, 0.9, 0.1)
        durations[clip] = 10.0
        truth[clip] = [
            (onset, onset + length, label)
            for label in classes[:2]
            for onset, length in [
                (0.25 * rng.integers(0, 15), 0.25 * rng.integers(1, 8)),
                (0.25 * rng.integers(25, 32), 0.25 * rng.integers(1, 8)),
            ]
        ]
    segments = sed_eval.sound_event.SegmentBasedMetrics(classes, 1.0)
    events = sed_eval.sound_event.EventBasedMetrics(
        classes, t_collar=0.3, percentage_of_length=0.2
    )
    for clip, track in scores.items():
        edges = np.diff(track.T > 0.5, prepend=0, append=0)
        found = [
            (begin / 4, end / 4, label)
            for label, of_class in zip(classes, edges, strict=True)
            for begin, end in np.flatnonzero(of_class).reshape(-1, 2)
        ]
        lists = [
            dcase_util.containers.MetaDataContainer(
                [
                    {
                        "file": clip,
                        "onset": float(on),
                        "offset": float(off),
                        "event_label": label,
                    }
                    for on, off, label in some
                ]
            )
            for some in (truth[clip], found)
        ]
        segments.evaluate(*lists, evaluated_length_seconds=10.0)
        events.evaluate(*lists)
    ours = segment_fscore(
        scores, truth, durations, classes, 0.25, thresholds=0.5
    )
    theirs = segments.results_overall_metrics()["f_measure"]["f_measure"]
    assert ours.micro == pytest.approx(theirs, abs=1e-12)
    assert ours.skipped_classes == ("owl", "rain")
    ours = event_fscore(
        scores,
        truth,
        classes,
        0.25,
        thresholds=0.5,
        onset_collar=0.3,
        offset_collar=0.3,
    )
    theirs = events.results_overall_metrics()["f_measure"]["f_measure"]
    assert ours.micro == pytest.approx(theirs, abs=1e-12)


def test_best_thresholds_serve_as_thresholds(scores):
    best = segment_fscore(scores, EVENTS, DURATIONS, CLASSES, 0.1)
    assert 0.4 < best.thresholds["dog"] < 0.6
    assert best.per_class["dog"] == (1.0, 1.0, 1.0)
    again = segment_fscore(
        scores, EVENTS, DURATIONS, CLASSES, 0.1, thresholds=best.thresholds
    )
    assert again == best


def test_a_score_on_the_threshold_is_not_detected(scores):
    """Though 0.6 in float32 is greater than in float64."""
    found = event_fscore(scores, EVENTS, CLASSES, 0.1, thresholds=0.6)
    assert found.per_class["dog"][2] == 0.5


def test_bad_input_is_named(scores):
    with pytest.raises(ValueError, match="no threshold for class 'dog'"):
        event_fscore(scores, EVENTS, CLASSES, 0.1, thresholds={"owl": 0.5})
    with pytest.raises(ValueError, match="duration of clip 'b' is missing"):
        segment_fscore(
            scores, EVENTS, {"a": 10.0}, CLASSES, 0.1, thresholds=0.5
        )
