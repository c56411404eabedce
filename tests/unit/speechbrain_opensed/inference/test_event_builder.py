"""Settings may differ by phrase, and an event may fade out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.event_builder import EventBuilder


def _slowly(scores, high, low):
    """Frames of events that fade, by the definition: (first, last + 1)."""
    found, first = [], None
    for place, score in enumerate([*scores, 0.0]):
        if score > low and first is None:
            first = place
        elif score <= low and first is not None:
            if max(scores[first:place]) > high:
                found.append((first, place))
            first = None
    return found


@settings(max_examples=60)
@given(seed=st.integers(0, 999), cut=st.integers(1, 9))
def test_events_fade_out(seed, cut):
    scores = np.random.default_rng(seed).random((30, 1))
    builder = EventBuilder(["a"], 0.8, 1.0, low_threshold=0.4)
    found = []
    for at in range(0, 30, cut):
        found += builder.push(scores[at : at + cut])
    found += builder.finish(30.0)
    expected = _slowly(scores[:, 0].tolist(), np.float32(0.8), np.float32(0.4))
    assert [(e.onset, e.offset) for e in found] == expected


def test_each_phrase_has_its_own_settings():
    scores = np.zeros((20, 2), np.float32)
    scores[[2, 4, 5, 6, 10]] = 0.9
    found = Detection.from_scores(
        scores,
        ["a", "b"],
        1.0,
        20.0,
        median_seconds={"a": 0.0, "b": 3.0},
        merge_gap={"a": 1.0, "b": 0.0},
        min_duration={"a": 2.0, "b": 0.0},
    )
    assert [(e.phrase, e.onset, e.offset) for e in found.events] == [
        ("a", 2.0, 7.0),
        ("b", 3.0, 7.0),
    ]


def test_what_is_just_as_much_counts_as_the_words_say():
    """Scores have to be above thresholds; lengths and gaps only to reach."""
    scores = np.array([0, 9, 0, 7, 8, 2, 9, 5, 4, 0, 0, 9, 5, 0]) / 10
    builder = EventBuilder(
        ["a"],
        0.8,
        1.0,
        low_threshold=0.5,
        min_duration=1.0,
        merge_gap=1.0,
    )
    found = builder.push(scores[:, None].astype(np.float32))
    found += builder.finish(14.0)
    # 0.8 at 3 to 5 is not above 0.8, 0.5 not above 0.5.
    assert [(e.onset, e.offset) for e in found] == [(1, 2), (6, 7), (11, 12)]
    # A gap of just a second is closed; the louder one scores.
    builder = EventBuilder(["a"], 0.3, 1.0, merge_gap=1.0)
    found = builder.push(np.float32([[0.5], [0.0], [0.9], [0.0], [0.4], [0]]))
    (found,) = found + builder.finish(6.0)
    assert (found.onset, found.offset) == (0, 5)
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"low_threshold": 0.6}, "above its threshold 0.5: exchange them"),
        ({"merge_gap": {"a": 1.0}}, "no merge_gap for 'b': add it"),
        ({"merge_gap": {"c": 1.0}}, "for 'c', which is not among"),
        ({"min_duration": float("nan")}, "min_duration is nan"),
    ],
)
def test_what_makes_no_sense_is_said(options, words):
    with pytest.raises(ValueError, match=words):
        EventBuilder(["a", "b"], 0.5, 1.0, **options)
