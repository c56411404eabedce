import numpy as np
import pytest

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
    found = event_fscore(scores, EVENTS, CLASSES, 0.1, 0.5)
    assert found.per_class["dog"] == (1.0, 1.0, 1.0)
    assert found.per_class["back\\slash"] == (0.0, 0.0, 0.0)
    assert found.macro == 0.5
    assert found.micro == pytest.approx(2 * 2 / (3 + 3))
    assert found.skipped_classes == ("owl",)
    wide = event_fscore(scores, EVENTS, CLASSES, 0.1, 0.5, offset_collar=1.0)
    assert wide.macro == wide.micro == 1.0


def test_segments(scores):
    found = segment_fscore(scores, EVENTS, DURATIONS, CLASSES, 0.1, 0.3)
    # Six seconds of dog, and a seventh that is none.
    assert found.per_class["dog"] == pytest.approx((12 / 13, 6 / 7, 1.0))
    assert found.per_class["back\\slash"] == pytest.approx((2 / 3, 0.5, 1.0))
    longer = segment_fscore(
        scores, EVENTS, DURATIONS, CLASSES, 0.1, 0.3, segment_length=10.0
    )
    assert longer.micro == 1.0


def test_best_thresholds_serve_as_thresholds(scores):
    best = segment_fscore(scores, EVENTS, DURATIONS, CLASSES, 0.1)
    assert 0.4 < best.thresholds["dog"] < 0.6
    assert best.per_class["dog"] == (1.0, 1.0, 1.0)
    again = segment_fscore(
        scores, EVENTS, DURATIONS, CLASSES, 0.1, best.thresholds
    )
    assert again == best


def test_a_score_on_the_threshold_is_not_detected(scores):
    """Though 0.6 in float32 is greater than in float64."""
    found = event_fscore(scores, EVENTS, CLASSES, 0.1, 0.6)
    assert found.per_class["dog"][2] == 0.5


def test_bad_input_is_named(scores):
    with pytest.raises(ValueError, match="no threshold for class 'dog'"):
        event_fscore(scores, EVENTS, CLASSES, 0.1, {"owl": 0.5})
    with pytest.raises(ValueError, match="duration of clip 'b' is missing"):
        segment_fscore(scores, EVENTS, {"a": 10.0}, CLASSES, 0.1, 0.5)
