"""Which clusters clips are asked about, by which phrases."""

import numpy as np
import pytest
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.ontology import Relations
from lhotse_recipes.schema import event, tag
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.phrases.cluster_negatives import (
    ClusterNegatives,
    index_phrases,
)

BANK = PhraseBank(
    {
        "Bark": ["Bark", "dog_bark"],
        "Dog": ["Dog"],
        "Cat": ["Cat", "cat meowing"],
        "Rain": ["Rain"],
        "Wind": ["Wind"],
        "Piano": ["Piano", "grand piano"],
    }
)
RELATIONS = Relations({("Bark", "Dog"): "A", ("Dog", "Cat"): "B"})


def make_cut(*labels, tags=(), complete=True, **custom):
    supervisions = [
        event("r", i, 0.1 * i, 0.1 * i + 0.1, f"the {label}", label)
        for i, label in enumerate(labels)
    ]
    supervisions += [
        tag("r", 50 + i, 1.0, label, label) for i, label in enumerate(tags)
    ]
    cut = dummy_cut(0, supervisions=supervisions)
    cut.events_complete = complete
    for key, value in custom.items():
        setattr(cut, key, value)
    return cut


def draw(cut, relations=RELATIONS, seed=0, **options):
    sampler = ClusterNegatives(BANK, relations, **options)
    return sampler(cut, np.random.default_rng(seed))


def many(cut, relations=RELATIONS, **options):
    sampler = ClusterNegatives(BANK, relations, **options)
    return [sampler(cut, np.random.default_rng(i)) for i in range(200)]


def test_relatives_are_no_negatives():
    for queries in many(make_cut("Bark")):
        assert queries.positives == ("Bark",)
        assert set(queries.negatives) == {"Cat", "Rain", "Wind", "Piano"}
    # The published way: any other cluster.
    for queries in many(make_cut("Bark"), relations=None):
        assert set(queries.negatives) == set(BANK.clusters) - {"Bark"}
    # Relatives of what is only tagged count as well.
    for queries in many(make_cut("Rain", tags=["Dog"])):
        assert queries.positives == ("Rain",)
        assert set(queries.negatives) == {"Wind", "Piano"}
    for queries in many(make_cut("Dog"), exclude="A"):
        assert "Cat" in queries.negatives and "Bark" not in queries.negatives


def test_phrases_are_drawn_evenly_from_clusters():
    drawn = many(make_cut("dog_bark"), num_queries=2)
    calls = [queries.phrases[0] for queries in drawn]
    assert set(calls) == {"Bark", "dog_bark"}
    assert 60 < calls.count("Bark") < 140
    negatives = [queries.negatives[0] for queries in drawn]
    counts = {name: negatives.count(name) for name in negatives}
    assert set(counts) == {"Cat", "Rain", "Wind", "Piano"}
    assert min(counts.values()) > 25
    for queries in drawn:
        assert BANK.cluster_of(queries.phrases[1]) == queries.negatives[0]
    for queries in many(make_cut("dog_bark"), use_alternatives=False):
        assert queries.phrases[0] == "Bark"


def test_two_labels_of_a_cluster_are_one_query():
    cut = make_cut("Bark", "Rain", "dog_bark")
    queries = draw(cut)
    assert queries.positives == ("Bark", "Rain")
    assert queries.members == (("Bark", "dog_bark"), ("Rain",))
    targets = queries.targets(cut, hop_seconds=0.1, num_frames=4)
    assert targets.shape == (len(queries.phrases), 4)
    assert targets[:2].tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    assert targets[2:].sum() == 0


def test_labels_outside_the_bank_are_asked_as_annotated():
    queries = draw(make_cut("Kazoo"))
    assert queries.positives == ("Kazoo",)
    assert queries.phrases[0] == "the Kazoo"
    assert set(queries.negatives) == set(BANK.clusters)


def test_number_of_queries():
    cut = make_cut("Bark", "Rain", "Wind", "Piano")
    queries = draw(cut, num_queries=3)
    assert len(queries.phrases) == len(queries.positives) == 3
    queries = draw(make_cut("Bark"), num_queries=3)
    assert len(queries.positives) == 1 and len(queries.negatives) == 2
    assert len(draw(make_cut()).phrases) == len(BANK)
    assert draw(make_cut("Bark"), seed=3) == draw(make_cut("Bark"), seed=3)


def test_what_nobody_looked_for_is_no_negative():
    assert draw(make_cut("Rain", complete=False)).negatives == ()
    cut = make_cut("Rain", complete=False, negatives=["wind", "Dog", "Rain"])
    assert set(draw(cut).negatives) == {"Wind", "Dog"}
    annotated = {"small": ["dog_bark", "Rain", "Wind"]}
    cut = make_cut("Rain", vocabulary="small")
    assert set(draw(cut, annotated=annotated).negatives) == {"Bark", "Wind"}
    with pytest.raises(ValueError, match="vocabulary 'big', which is not"):
        draw(make_cut("Rain", vocabulary="big"), annotated=annotated)
    cut = dummy_cut(0)
    with pytest.raises(ValueError, match="whether its events are complete"):
        draw(cut)


def test_a_wrong_bank_is_not_trained_on_silently():
    wrong = PhraseBank({"Cat": ["Cat", "Tabla"], "Rain": []})
    with pytest.raises(ValueError, match="such as Cat -> Tabla: mend"):
        ClusterNegatives(wrong, None)
    cut = make_cut("Cat")
    for suspects, phrases in (("drop", {"Cat"}), ("keep", {"Cat", "Tabla"})):
        sampler = ClusterNegatives(wrong, None, suspects=suspects)
        drawn = {
            sampler(cut, np.random.default_rng(i)).phrases[0] for i in range(40)
        }
        assert drawn == phrases


def test_options_that_make_no_sense():
    with pytest.raises(ValueError, match="num_queries 0"):
        ClusterNegatives(BANK, None, num_queries=0)
    with pytest.raises(ValueError, match="exclude 'AX'"):
        ClusterNegatives(BANK, None, exclude="AX")
    with pytest.raises(ValueError, match="suspects 'hide'"):
        ClusterNegatives(BANK, None, suspects="hide")


def test_phrases_of_a_batch_are_listed_once():
    rows = [draw(make_cut("Bark"), seed=i).phrases for i in range(8)]
    rows.append(())
    phrases, index, mask = index_phrases(rows)
    assert len(phrases) == len(set(phrases)) < sum(map(len, rows))
    for row, places, there in zip(rows, index, mask, strict=True):
        assert tuple(phrases[i] for i in places[there]) == row
    assert index_phrases([])[1].shape == (0, 0)
