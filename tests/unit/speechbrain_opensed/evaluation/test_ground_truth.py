"""Ground truth is what lies inside the cuts, of the labels that count."""

import pytest
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import event
from speechbrain_opensed.evaluation.ground_truth import read_truth

EVENTS = [
    event("r", 0, 0.1, 0.4, "a dog", "Dog"),
    event("r", 1, 0.5, 3.0, "a cat", "Cat"),
]
CUTS = [dummy_cut(0, supervisions=EVENTS), dummy_cut(1)]
FIRST, SECOND = (cut.id for cut in CUTS)


def test_events_are_clipped_and_empty_cuts_kept():
    truth = read_truth(CUTS)
    assert truth.events == {
        FIRST: [(0.1, 0.4, "Dog"), (0.5, 1.0, "Cat")],
        SECOND: [],
    }
    assert truth.durations == {FIRST: 1.0, SECOND: 1.0}
    assert truth.phrases == {"Cat": "a cat", "Dog": "a dog"}


def test_some_labels_may_count():
    truth = read_truth(CUTS, only=["Dog"])
    assert truth.events[FIRST] == [(0.1, 0.4, "Dog")]
    with pytest.raises(ValueError, match="'Cat' is not in the vocabulary"):
        read_truth(CUTS, {"Dog": "dog"})
    only = read_truth(CUTS, {"Dog": "dog"}, only=["Dog"])
    assert only.phrases == {"Dog": "dog"}


def test_nothing_is_an_error_unless_expected():
    with pytest.raises(ValueError, match="no events in 2 cuts"):
        read_truth(CUTS, only=[])
    assert read_truth(CUTS[1:], may_be_empty=True).events == {SECOND: []}
    with pytest.raises(ValueError, match="occurs twice"):
        read_truth([*CUTS, CUTS[0]])
