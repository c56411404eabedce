"""Neighbours: the file, its checks, the leaks, and those that are shipped."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhotse_recipes.protocols import base_new
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.language.leaks import find_leaks, is_leak
from speechbrain_opensed.language.neighbors import Neighbors

BY_HAND = {"method": "hand-written", "author": "me", "date": "2026-01-31"}
CLASSES = {
    "dog": ["puppy whining", "fox yapping", "purring cat"],
    "car horn": ["taxi honking", "bus klaxon", "train whistle"],
}
DATASETS = (
    "beijing_opera",
    "crema_d",
    "esc50",
    "esc50_actions",
    "gtzan",
    "ns_instruments",
    "ravdess",
    "sesa",
    "tut2017",
    "urbansound8k",
    "vocalsound",
)
# What the paper trains on, and what it then tests on.
CROSS = {
    "esc50_actions": "urbansound8k",
    "ravdess": "crema_d",
    "ns_instruments": "beijing_opera",
}


def made(classes=None, **provenance):
    return Neighbors("mine", classes or CLASSES, BY_HAND | provenance)


def test_a_file_is_read_as_it_was_written(tmp_path):
    made(note="kept").save(tmp_path / "mine.json")
    again = Neighbors.load(tmp_path / "mine.json")
    assert again == made(note="kept")
    assert again.hash == made().hash
    assert again.of("Car_Horn") == tuple(CLASSES["car horn"])
    stored = json.loads((tmp_path / "mine.json").read_text())
    assert stored["schema_version"] == 1 and stored["hash"] == again.hash


def test_the_hash_is_that_of_the_content():
    assert made().hash.startswith("4f2fe33e4a3a6469")
    turned = dict(reversed(CLASSES.items()))
    assert made(turned).hash == made(author="you").hash == made().hash
    other = CLASSES | {"dog": CLASSES["dog"][::-1]}
    assert made(other).hash != made().hash


@pytest.mark.parametrize(
    "change, words",
    [
        ({"schema_version": 2}, "schema_version is 2 .* reads 1"),
        ({"schema_version": None}, "schema_version is None"),
        ({"hash": "0" * 64}, "remove the line with the hash"),
        ({"classes": {"dog": "puppy"}}, "map each class to a list"),
        ({"classes": {}}, "no classes"),
        ({"classes": {"dog": []}}, "'dog' has no neighbours"),
        ({"classes": {"dog": ["a", " "]}}, "'dog' has the neighbour ' '"),
        ({"classes": {"dog": ["a", 3]}}, "'dog' has the neighbour 3"),
        ({"classes": {"dog": ["fox", "Fox-"]}}, "'Fox-' of 'dog' is the same"),
        (
            {"classes": {"dog": ["red fox"], "cat": ["red_fox"]}},
            "'red_fox' of 'cat' is the same as 'red fox' of 'dog'",
        ),
        ({"classes": {"dog": ["Dog"]}}, "'Dog' is the name of the class"),
        (
            {"classes": {"cafe/bar": ["bar"]}},
            "'bar' is the name of the class",
        ),
        (
            {"classes": {"car horn": ["a"], "Car_horn": ["b"]}},
            "'car horn' and 'Car_horn' are the same name",
        ),
        ({"provenance": []}, "not an object"),
        ({"provenance": BY_HAND | {"method": "magic"}}, "'magic'.*llm"),
        ({"provenance": BY_HAND | {"author": " "}}, "lacks 'author'"),
        ({"provenance": BY_HAND | {"method": "llm"}}, "lacks 'model'"),
        ({"provenance": BY_HAND | {"date": "May"}}, "write YYYY-MM-DD"),
        ({"provenance": BY_HAND | {"date": 20260131}}, "write YYYY-MM-DD"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, change, words):
    path = tmp_path / "mine.json"
    made().save(path)
    content = json.loads(path.read_text())
    if "hash" not in change:
        del content["hash"]
    path.write_text(json.dumps(content | change))
    with pytest.raises(ValueError, match=words):
        Neighbors.load(path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "no whole JSON"),
        ("[]", "not a JSON object"),
        ('{"schema_version": 1}', "lacks classes, dataset, provenance"),
        ('{"classes": {"a": [], "a": []}}', "'a' occurs twice"),
    ],
)
def test_what_is_no_file_of_neighbours(tmp_path, text, words):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(ValueError, match=f"mine.json:.*{words}"):
        Neighbors.load(tmp_path / "mine.json")


def test_files_that_are_not_there():
    with pytest.raises(FileNotFoundError, match="esc40.*esc50, esc50_actions"):
        Neighbors.load("esc40")
    assert Neighbors.load("GT-Music-Genre") == Neighbors.load("gtzan")


def test_an_experiment_takes_what_it_may_use():
    chosen, leaks = made().select(["Dog"], number=2)
    assert chosen.classes == {"Dog": ("puppy whining", "fox yapping")}
    assert leaks == []
    with pytest.raises(ValueError, match="no neighbours of 'cow', 'hen'"):
        made().select(["dog", "cow", "hen"])
    with pytest.raises(ValueError, match="fewer than 4 .*'dog' .3.*ask for"):
        made().select(["dog"], number=4)
    with pytest.raises(ValueError, match="0 neighbours"):
        made().select(["dog"], number=0)


def test_leaks_are_refused_or_dropped():
    held_out = ["cats", "trains", "cow"]
    with pytest.raises(
        ValueError,
        match="mine: 2 neighbours.*'purring cat' .of 'dog'. names 'cats'"
        ".*'train whistle' .of 'car horn'. names 'trains'.*drop=True",
    ):
        made().select(CLASSES, held_out)
    chosen, leaks = made().select(CLASSES, held_out, number=2, drop=True)
    assert [leak.neighbor for leak in leaks] == ["purring cat", "train whistle"]
    assert {len(phrases) for phrases in chosen.classes.values()} == {2}
    assert chosen.hash != made().hash
    with pytest.raises(ValueError, match="fewer than 3 .*after 2 were dropped"):
        made().select(CLASSES, held_out, number=3, drop=True)
    # Classes that are not trained may leak.
    assert made().select(["dog"], ["trains"])[1] == []


@pytest.mark.parametrize(
    "neighbor, label, name, leak",
    [
        ("old alarm clock ringing", "alarm clock", "alarm", False),
        ("alarm of a wrist clock, an alarm", "alarm clock", "alarm", False),
        ("car alarm", "alarm", "car alarm", True),
        ("clock on an alarm", "alarm", "clock", True),
        ("anger in the voice", "angry", "anger", False),
        ("anger in the voice", "sad", "anger", True),
        ("rattling window", "rain", "wind", False),
    ],
)
def test_what_a_leak_is(neighbor, label, name, leak):
    assert is_leak(neighbor, label, name) is leak


@given(
    st.sampled_from(sorted(CLASSES)),
    st.sampled_from(["cow", "crying baby", "gun shot", "sea_gull", "wind"]),
    st.sampled_from(["{}", "a {} far away", "two {}s", "THE-{}!"]),
)
def test_a_name_leaks_however_it_is_written(label, name, frame):
    phrase = frame.format(name.replace(" ", "_"))
    assert is_leak(phrase, label, name)
    assert not is_leak(phrase, name, name)


def classes_of(dataset):
    return Vocabulary.load(dataset).labels


@pytest.mark.parametrize("dataset", DATASETS)
def test_shipped_neighbours_fit_any_split(dataset):
    """None names any other class, or one of the corpus tested afterwards."""
    shipped = Neighbors.load(dataset)
    labels = classes_of(dataset)
    assert tuple(shipped.classes) == labels
    held_out = [*labels]
    if dataset in CROSS:
        held_out += classes_of(CROSS[dataset])
    chosen, leaks = shipped.select(labels, held_out, number=10)
    assert leaks == []
    base, new = base_new(labels)
    assert set(shipped.select(base, new, number=10)[0].classes) == set(base)
    phrases = Vocabulary.load(dataset).phrases
    assert all(shipped.of(phrases[label]) for label in labels)


def test_shipped_neighbours_are_phrases():
    for dataset in (*DATASETS, "event_bank"):
        for label, phrases in Neighbors.load(dataset).classes.items():
            for phrase in phrases:
                assert phrase == phrase.strip() and len(phrase.split()) <= 10
                assert len(phrase) > 3, (dataset, label, phrase)


def test_shipped_neighbours_of_the_event_bank(shared_data):
    with open(shared_data / "event_labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    phrases = [row["phrase"] for row in rows]
    shipped = Neighbors.load("event_bank")
    assert list(shipped.classes) == phrases and len(phrases) == 85
    assert min(map(len, shipped.classes.values())) >= 10
    # Neither by phrase nor by the shorter label of another class.
    label_of = {row["phrase"]: row["label"] for row in rows}
    leaks = find_leaks(shipped.classes, [*phrases, *label_of.values()])
    assert [one for one in leaks if label_of[one.label] != one.name] == []
