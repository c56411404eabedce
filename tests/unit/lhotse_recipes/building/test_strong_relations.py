"""The shipped relations are what the rule makes of the ontology."""

from pathlib import Path

import numpy as np
import pytest

from lhotse_recipes.building.strong_relations import strong_relations
from lhotse_recipes.ontology import Ontology, read_relations
from lhotse_recipes.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[4]


def test_every_label_is_in_the_table_and_most_are_related():
    table = read_relations("audioset_strong", "audioset_strong")
    labels = set(Vocabulary.load("audioset_strong").labels)
    assert set(table.labels) == labels and len(labels) == 456
    assert not table.unknown
    assert table.of("Knife", "Cutlery, silverware") == "A"
    assert table.of("Male speech, man speaking", "Speech") == "A"
    assert table.of("Meow", "Purr") == "B"
    assert table.of("Meow", "Siren") == "D"


def test_the_shipped_table_is_made_by_the_rule():
    file = ROOT.parent / "shared/data/meta/audioset/ontology.json"
    if not file.is_file():
        pytest.skip("no AudioSet ontology to make the table of")
    made = strong_relations(Ontology.from_json(file))
    shipped = read_relations("audioset_strong", "audioset_strong")
    places = [shipped.labels.index(label) for label in made.labels]
    assert np.array_equal(made.codes, shipped.codes[np.ix_(places, places)])


def test_an_ontology_without_the_chosen_parents_is_named():
    with pytest.raises(ValueError, match="no 'Alarm' in the ontology"):
        strong_relations(Ontology({"/1": "Animal"}, {}))
