import gzip
import json

import numpy as np
import pytest

from lhotse_recipes.ontology import (
    Ontology,
    Relations,
    load_relations,
    relation_table,
    save_relations,
)
from lhotse_recipes.vocabulary import Entry, Vocabulary

CLASSES = [
    ("/1", "Animal", ["/2", "/6"]),
    ("/2", "Pets", ["/3", "/4"]),
    ("/3", "Dog", ["/5"]),
    ("/4", "Cat", []),
    ("/5", "Bark", []),
    ("/6", "Bird", []),
    ("/7", "Things", ["/8"]),
    # Two parents in two branches.
    ("/8", "Toy dog", []),
    ("/9", "Music", []),
]


@pytest.fixture
def ontology(tmp_path):
    path = tmp_path / "ontology.json"
    path.write_text(
        json.dumps(
            [
                {
                    "id": i,
                    "name": n,
                    "child_ids": [*c, "/8"] if n == "Dog" else c,
                }
                for i, n, c in CLASSES
            ]
        )
    )
    return Ontology.from_json(path)


def test_family(ontology):
    assert len(ontology) == 9 and "/5" in ontology and "/x" not in ontology
    assert ontology.ancestors("/5") == {"/3", "/2", "/1"}
    assert ontology.ancestors("/8") == {"/3", "/2", "/1", "/7"}
    assert ontology.descendants("/2") == {"/3", "/4", "/5", "/8"}
    assert ontology.siblings("/3") == {"/4"}
    assert ontology.siblings("/8") == {"/5"}
    assert ontology.siblings("/1") == frozenset()
    assert ontology.branches("/8") == {"/1", "/7"}


@pytest.mark.parametrize(
    ("a", "b", "category"),
    [
        ("/1", "/5", "A"),
        ("/3", "/4", "B"),
        ("/5", "/6", "C"),
        ("/7", "/8", "A"),
        ("/8", "/6", "C"),
        ("/5", "/7", "D"),
        ("/9", "/1", "D"),
    ],
)
def test_relation_is_symmetric(ontology, a, b, category):
    assert ontology.relation(a, b) == ontology.relation(b, a) == category


def test_bad_questions_and_bad_ontologies(ontology, tmp_path):
    with pytest.raises(ValueError, match="'/x' is no class of the ontology"):
        ontology.ancestors("/x")
    with pytest.raises(ValueError, match="a relation needs two classes"):
        ontology.relation("/1", "/1")
    with pytest.raises(ValueError, match=r"has the child /z, which is not in"):
        Ontology({"/1": "Animal"}, {"/1": ["/z"]})
    with pytest.raises(ValueError, match="is its own ancestor"):
        Ontology({"/1": "a", "/2": "b"}, {"/1": ["/2"], "/2": ["/1"]})
    with pytest.raises(FileNotFoundError, match="github.com/audioset"):
        Ontology.from_json(tmp_path / "none.json")
    for content in ("[{}]", "not json", "3"):
        path = tmp_path / "bad.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=r"bad\.json.*ontology"):
            Ontology.from_json(path)


def test_relation_table_leaves_strangers_unknown(ontology):
    vocabulary = Vocabulary(
        "x",
        (
            Entry("Bark", "bark", "/5"),
            Entry("Dog", "dog", "/3"),
            Entry("Gong", "gong", "/not-there"),
            Entry("Hum", "hum"),
            Entry("Music", "music", "/9"),
        ),
    )
    relations = relation_table(vocabulary, ontology)
    assert relations.labels == vocabulary.labels
    assert relations.of("Bark", "Dog") == "A"
    assert relations.of("Gong", "Dog") == relations.of("nowhere", "Dog") == "D"
    assert relations.unknown == ("Gong", "Hum")
    assert relations.related("Dog", "D") == {"Music"}
    assert relations.related("nowhere", "A") == frozenset()
    assert relations.counts == {"A": 2, "B": 0, "C": 0, "D": 4}


def test_the_real_ontology_gives_the_known_counts(shared_data):
    meta = shared_data / "meta"
    stored = load_relations(
        meta / "flexsed_relationships/ontology_relationships.csv.gz"
    )
    counts = {"A": 1606, "B": 3104, "C": 46084, "D": 128558}
    assert stored.counts == counts
    assert (stored.empty, stored.conflicts) == (0, 0)
    vocabulary = Vocabulary.load("audioset_strong")
    made = relation_table(
        vocabulary, Ontology.from_json(meta / "audioset/ontology.json")
    )
    assert made.counts == counts
    assert len(made.unknown) == 456 - 424
    assert made.codes.dtype == np.uint8 and made.codes.nbytes == 456**2
    order = [made.labels.index(label) for label in stored.labels]
    np.testing.assert_array_equal(
        made.codes[np.ix_(order, order)], stored.codes
    )


def test_the_published_format_is_read_with_its_blemishes(tmp_path):
    path = tmp_path / "gpt_relationships.csv"
    path.write_text(
        "Label 1,Label 2,Category\n"
        "Dog,Animal, A\n"
        "Animal,Dog, A\n"
        'Rain,"Water tap, faucet",C\n'
        '"Water tap, faucet",Rain,B\n'
        "Dog,Rain,\n"
        "Rain,Dog, \n"
        "Dog,Dog,A\n"
    )
    relations = load_relations(path)
    assert relations.of("Animal", "Dog") == "A"
    assert relations.of("Rain", "Water tap, faucet") == "B"
    assert relations.of("Dog", "Rain") == "D"
    assert relations.empty == 2
    assert relations.conflicts == 1
    assert relations.counts == {"A": 2, "B": 2, "C": 0, "D": 0}
    assert "Rain" in relations and "Snow" not in relations


@pytest.mark.parametrize("name", ["relations.csv", "relations.csv.gz"])
def test_save_and_load(tmp_path, name):
    pairs = {("Dog", "Animal"): "A", ("Rain", "Dog"): "D"}
    save_relations(tmp_path / name, pairs)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "rt") as file:
        assert file.read() == (
            "Label 1,Label 2,Category\n"
            "Dog,Animal,A\nDog,Rain,D\nAnimal,Dog,A\nRain,Dog,D\n"
        )
    again = load_relations(tmp_path / name)
    np.testing.assert_array_equal(again.codes, Relations(pairs).codes)
    save_relations(tmp_path / f"again_{name}", again)
    assert (tmp_path / f"again_{name}").read_bytes() == (
        tmp_path / name
    ).read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Dog,Cat,E\n", r":2: the category 'E' is not one of A, B, C, D"),
        ("Dog,Cat,AB\n", r":2: the category 'AB'"),
        ("Dog,,A\n", ":2: empty label"),
        ("Dog,Cat,A\nDog,Cat,B\n", ":3: 'Dog', 'Cat' is B here and A further"),
        ("Dog,Cat\n", ":2: 2 fields where the header has 3"),
    ],
)
def test_bad_tables_name_file_and_line(tmp_path, rows, message):
    path = tmp_path / "bad.csv"
    path.write_text("Label 1,Label 2,Category\n" + rows)
    with pytest.raises(ValueError, match=rf"bad\.csv{message}"):
        load_relations(path)


def test_relations_refuse_other_categories():
    with pytest.raises(ValueError, match="'dog' and 'cat': 'X' is not one of"):
        Relations({("dog", "cat"): "X"})
