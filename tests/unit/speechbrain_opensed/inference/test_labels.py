"""The likeliest phrases of each span."""

import numpy as np
import pytest

from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.labels import top_labels


def test_spans_name_their_highest_scores():
    scores = np.array([[0.2, 0.9, 0.2], [0.5, 0.1, 0.7], [0, 0, 0]], "f4")
    found = Detection([], scores, ["a", "b", "c"], "x.wav", 17.5, 10.0)
    events = top_labels(found, 2).events
    # Equal scores stay in the order of the phrases; what begins behind the
    # end of the sound is no span.
    assert [(e.phrase, e.onset, e.offset) for e in events] == [
        ("b", 0.0, 10.0),
        ("a", 0.0, 10.0),
        ("c", 10.0, 17.5),
        ("a", 10.0, 17.5),
    ]
    assert [round(e.score, 3) for e in events] == [0.9, 0.2, 0.7, 0.5]
    assert len(top_labels(found, 9).events) == 6


def test_at_least_one_phrase():
    with pytest.raises(ValueError, match="name at least one phrase"):
        top_labels(Detection([], np.zeros((1, 1)), ["a"], "x", 1.0, 1.0), 0)
