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
