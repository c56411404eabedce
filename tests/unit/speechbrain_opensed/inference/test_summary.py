"""Counts and seconds, in all and hour by hour."""

from speechbrain_opensed.inference import Detection, SoundEvent
from speechbrain_opensed.inference.summary import EventSummary


def detection(duration, *events):
    found = [SoundEvent(p, on, off, 0.9) for p, on, off in events]
    return Detection(found, [], ["dog", "rain"], "a.wav", duration, 0.04)


def rows(summary):
    return [line.split("\t") for line in summary.to_tsv().splitlines()[1:]]


def test_hours_of_long_recordings():
    summary = EventSummary(["dog", "rain"])
    summary.add(
        detection(
            5400.0, ("dog", 10, 12), ("rain", 3500, 3800), ("dog", 5399, 5400)
        )
    )
    summary.add(detection(1800.0, ("dog", 0, 1)))
    assert rows(summary) == [
        # Two hours were heard, one and a half of them in the first hour.
        ["all", "dog", "3", "4.000", "1.500", "2.000"],
        ["all", "rain", "1", "300.000", "0.500", "150.000"],
        ["1", "dog", "2", "3.000", "1.333", "2.000"],
        ["1", "rain", "1", "100.000", "0.667", "66.667"],
        ["2", "dog", "1", "1.000", "2.000", "2.000"],
        ["2", "rain", "0", "200.000", "0.000", "400.000"],
    ]


def test_nothing_heard():
    assert rows(EventSummary(["dog"])) == [
        ["all", "dog", "0", "0.000", "0.000", "0.000"]
    ]
