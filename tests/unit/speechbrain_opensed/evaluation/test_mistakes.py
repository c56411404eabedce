"""Mistakes are counted by hand and by the module alike."""

import numpy as np

from speechbrain_opensed.evaluation.mistakes import find_mistakes


def test_counts_confusions_and_the_worst():
    hop, classes = 0.1, ["dog", "wolf", "rain"]
    a = np.full((20, 3), 0.1)
    a[0:5, 0] = 0.9  # dog, found
    a[10:15, 1] = 0.8  # wolf, but it is a dog: missed and taken for another
    a[17:19, 2] = 0.7  # rain where nothing is
    b = np.full((10, 3), 0.2)
    b[0:4, 2] = 0.6  # less than half of the rain
    scores = {"a": a, "b": b}
    truth = {
        "a": [(0.0, 0.5, "dog"), (1.0, 1.5, "dog")],
        "b": [(0.0, 1.0, "rain"), (0.2, 0.4, "unknown to the model")],
    }
    mistakes = find_mistakes(scores, truth, classes, hop)
    counts = {k: vars(v) for k, v in mistakes.counts.items()}
    assert counts == {
        "dog": {"events": 2, "found": 1, "false_alarms": 0},
        "wolf": {"events": 0, "found": 0, "false_alarms": 1},
        "rain": {"events": 1, "found": 0, "false_alarms": 1},
    }
    assert mistakes.confusions() == [("dog", "wolf", 1)]
    assert [str(m) for m in mistakes.worst(9)] == [
        "'dog' is missed, 1.00 to 1.50 s: score 0.10",
        "'rain' is missed, 0.00 to 1.00 s: score 0.60",
    ]
    assert [m.clip for m in mistakes.worst(1)] == ["a"]
    texts = [str(m) for m in mistakes.every]
    assert "'wolf' is heard, where 'dog' is, 1.00 to 1.50 s: score 0.80" in (
        texts
    )
    assert "'rain' is heard, 1.70 to 1.90 s: score 0.70" in texts


def test_an_event_between_two_frames_has_one():
    mistakes = find_mistakes(
        {"a": np.array([[0.9], [0.1]])}, {"a": [(0.04, 0.05, "x")]}, ["x"], 0.1
    )
    assert mistakes.counts["x"].found == 1 and not mistakes.every
