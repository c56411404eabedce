"""Query samplers: what a clip is asked about, and what it never is."""

import numpy as np
import pytest
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.ontology import Relations
from lhotse_recipes.schema import event, tag
from speechbrain_opensed.dataio.queries import (
    AllQueries,
    RandomNegatives,
    RelatedAwareNegatives,
)

LABELS = [f"c{i}" for i in range(30)]


def cut_of(*labels, tags=(), **custom):
    supervisions = [event("r", i, 0, 1, x, x) for i, x in enumerate(labels)]
    supervisions += [tag("r", i, 1, x, x) for i, x in enumerate(tags)]
    cut = dummy_cut(0, supervisions=supervisions)
    cut.custom = {"vocabulary": "all", "events_complete": True, **custom}
    return cut


def rng(seed=0):
    return np.random.default_rng(seed)


def draws(sampler, cut, times=200):
    return [sampler(cut, rng(seed)) for seed in range(times)]


def test_positives_and_negatives_fill_the_queries_without_duplicates():
    cut = cut_of("c3", "c1", "c3")
    for drawn in draws(RandomNegatives(LABELS, 20, 10), cut):
        assert drawn.positives == ("c1", "c3")
        assert len(drawn.labels) == len(set(drawn.labels)) == 20


def test_of_many_positives_some_are_drawn_evenly():
    cut = cut_of(*LABELS[:8])
    drawn = draws(RandomNegatives(LABELS, 6, 2), cut, 2000)
    assert {len(d.positives) for d in drawn} == {2}
    counts = [sum(x in d.positives for d in drawn) for x in LABELS[:8]]
    assert min(counts) > 400 and max(counts) < 600
    # Those left out are in the clip all the same.
    assert not any(set(d.negatives) & set(LABELS[:8]) for d in drawn)


def test_same_generator_same_queries():
    sampler, cut = RandomNegatives(LABELS, 6, 2), cut_of("c0")
    assert sampler(cut, rng(3)) == sampler(cut, rng(3))
    assert len(set(draws(sampler, cut, 20))) > 1


def test_fewer_candidates_than_queries():
    drawn = RandomNegatives(LABELS[:4], 20, 10)(cut_of("c1"), rng())
    assert set(drawn.negatives) == {"c0", "c2", "c3"}


def test_what_was_not_annotated_is_never_negative():
    tables = {"few": LABELS[:5] + ["else"], "all": LABELS}
    sampler = RandomNegatives(LABELS, 20, 10, annotated=tables)
    drawn = sampler(cut_of("c1", vocabulary="few"), rng())
    assert set(drawn.negatives) == {"c0", "c2", "c3", "c4"}
    assert len(sampler(cut_of("c1"), rng()).negatives) == 19


def test_unknown_vocabulary_is_refused():
    sampler = RandomNegatives(LABELS, annotated={"all": LABELS})
    with pytest.raises(ValueError, match="'desed'.*not among all"):
        sampler(cut_of(vocabulary="desed"), rng())


def test_incomplete_events_give_no_negatives_but_listed_ones():
    sampler = RandomNegatives(LABELS, 20, 10)
    drawn = sampler(cut_of("c1", events_complete=False), rng())
    assert (drawn.positives, drawn.negatives) == (("c1",), ())
    cut = cut_of("c1", events_complete=False, negatives=["c2", "x", "c1"])
    assert sampler(cut, rng()).negatives == ("c2",)


def test_cut_must_say_whether_its_events_are_complete():
    with pytest.raises(ValueError, match="dummy-mono-cut-0000.*make_cuts"):
        RandomNegatives(LABELS)(dummy_cut(0), rng())


def test_tagged_classes_are_neither_positive_nor_negative():
    cut = cut_of("c1", tags=["c2", "c1"])
    drawn = RandomNegatives(LABELS[:4], 20, 10)(cut, rng())
    assert (drawn.positives, drawn.negatives) == (("c1",), ("c0", "c3"))


def test_weights_are_those_of_the_closest_relation():
    relations = Relations(
        {("c0", "c2"): "A", ("c1", "c2"): "C", ("c1", "c3"): "B"}
    )
    sampler = RelatedAwareNegatives(
        LABELS[:6],
        relations,
        {"A": 0.25, "B": 0.0},
        num_queries=3,
        max_positives=2,
    )
    drawn = draws(sampler, cut_of("c0", "c1"), 4000)
    share = {x: np.mean([x in d.negatives for d in drawn]) for x in LABELS[2:6]}
    # One negative out of c2 (weight 1/4), c4 and c5 (weight 1).
    assert share["c3"] == 0
    assert share["c2"] == pytest.approx(1 / 9, abs=0.02)
    assert share["c4"] == pytest.approx(4 / 9, abs=0.03)


def test_published_weights_by_default():
    relations = Relations({("c0", "c1"): "A"})
    sampler = RelatedAwareNegatives(
        LABELS[:3], relations, None, num_queries=2, max_positives=1
    )
    drawn = draws(sampler, cut_of("c0"), 2000)
    share = np.mean([d.negatives == ("c1",) for d in drawn])
    assert share == pytest.approx(0.2, abs=0.03)


def test_relations_to_classes_outside_the_labels_count():
    relations = Relations({("held out", "c2"): "A", ("weak", "c3"): "A"})
    sampler = RelatedAwareNegatives(LABELS[:5], relations, {"A": 0.0})
    drawn = sampler(cut_of("c0", "held out", tags=["weak"]), rng())
    assert drawn.positives == ("c0",)
    assert drawn.negatives == ("c1", "c4")


def test_clip_without_events_has_negatives_only():
    relations = Relations({("c0", "c1"): "A"})
    sampler = RelatedAwareNegatives(
        LABELS, relations, {"A": 0.0}, num_queries=20, max_positives=10
    )
    drawn = sampler(cut_of(), rng())
    assert (len(drawn.positives), len(drawn.negatives)) == (0, 20)


@pytest.mark.parametrize("weights", [{"A": -1.0}, {"E": 1.0}])
def test_senseless_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weights of 0 or more"):
        RelatedAwareNegatives(LABELS, Relations({}), weights)


def test_senseless_numbers_and_duplicate_labels_are_refused():
    with pytest.raises(ValueError, match="between 1 and num_queries 5"):
        RandomNegatives(LABELS, 5, 6)
    with pytest.raises(ValueError, match="labels occur twice: c1"):
        RandomNegatives(["c1", "c2", "c1"])


def test_all_queries_sort_every_label_by_what_is_known():
    sampler = AllQueries(LABELS[:4], annotated={"all": ["c0", "c1", "c2"]})
    drawn = sampler(cut_of("c1", tags=["c2"]))
    assert drawn.positives == ("c1",)
    assert drawn.negatives == ("c0",)
    assert drawn.weak == ("c2",)
    assert drawn.unknown == ("c3",)
