import csv
import dataclasses

import pytest

from lhotse_recipes.vocabulary import Entry, Vocabulary


@pytest.fixture(scope="module")
def audioset():
    return Vocabulary.load("audioset_strong")


def test_the_shipped_table_is_audioset_strong(audioset):
    assert audioset.name == "audioset_strong"
    assert len(audioset) == 456
    assert len({entry.mid for entry in audioset.entries}) == 456
    assert "Dog" in audioset and "dog" not in audioset
    assert audioset.phrase("Dog") == "Dog"
    assert audioset.entry("Dog").mid == "/m/0bt9lr"
    # The two official tables decide it; none of them is shipped.
    assert {entry.evaluated for entry in audioset.entries} == {None}


def test_the_shipped_table_equals_the_published_ones(audioset, shared_data):
    folder = shared_data / "meta/audioset"
    lines = (folder / "mid_to_display_name.tsv").read_text().splitlines()
    names = dict(line.split("\t") for line in lines)
    assert {e.mid: e.label for e in audioset.entries} == names
    with open(folder / "flexsed_label_to_id.csv", newline="") as file:
        assert audioset.labels == tuple(
            row["label"] for row in csv.DictReader(file)
        )


@pytest.mark.parametrize(
    "text", ["Dog", "dog", "/m/0bt9lr", "/M/0BT9LR", "DOG"]
)
def test_label_of_takes_label_id_and_phrase(audioset, text):
    assert audioset.label_of(text) == "Dog"


@pytest.mark.parametrize("ask", ["label_of", "phrase", "entry"])
def test_an_unknown_label_names_close_ones(audioset, ask):
    with pytest.raises(ValueError, match="'Barrk' is not in.*'Bark'"):
        getattr(audioset, ask)("Barrk")
    with pytest.raises(ValueError, match="456 labels such as 'Accelerating"):
        getattr(audioset, ask)("qqqqqqqqqqqqqqqqqqq")


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "yard.csv"
    path.write_text(
        "label,phrase,colour,mid,evaluated\n"
        "dog_bark,a dog barking,brown,/m/05tny_,1\n"
        "car_horn,,,,0\n"
        '"hum, low",low hum,,,\n'
    )
    table = Vocabulary.load(path)
    assert table.name == "yard"
    assert table.entries == (
        Entry("dog_bark", "a dog barking", "/m/05tny_", True),
        Entry("car_horn", "car horn", None, False),
        Entry("hum, low", "low hum", None, None),
    )
    assert table.label_of("A dog barking") == "dog_bark"
    assert table.phrases["car_horn"] == "car horn"
    table.save(tmp_path / "copy" / "yard.csv")
    assert Vocabulary.load(tmp_path / "copy" / "yard.csv") == table


def test_the_event_label_table_is_a_vocabulary(shared_data):
    table = Vocabulary.load(shared_data / "event_labels.csv")
    assert len(table) == 85
    assert table.phrase("airplane") == "airplane flying"


def test_evaluated_labels_must_be_known(audioset):
    with pytest.raises(ValueError, match="does not say which labels"):
        audioset.evaluated_labels  # noqa: B018
    known = audioset.with_evaluated(["Dog", "/m/07r660_"])
    assert known.evaluated_labels == tuple(
        sorted(["Dog", audioset.label_of("/m/07r660_")])
    )
    with pytest.raises(ValueError, match="'Unicorn' is not in"):
        audioset.with_evaluated(["Unicorn"])


def test_a_shared_phrase_is_no_name():
    table = Vocabulary(
        "x", (Entry("bell_1", "a bell"), Entry("bell_2", "a bell"))
    )
    assert table.label_of("bell_2") == "bell_2"
    with pytest.raises(ValueError, match="may mean 'bell_1', 'bell_2'"):
        table.label_of("a bell")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label,phrase\n,x\n", r"bad\.csv:2: empty label"),
        ("label,evaluated\nx,yes\n", r"bad\.csv:2: evaluated is 'yes'; write"),
        ("label\nx\nx\n", "'x' occurs twice in the vocabulary bad; keep one"),
        ("label\n", "vocabulary bad is empty"),
        ("name\nx\n", r"bad\.csv:1: no column 'label'"),
    ],
)
def test_bad_tables_are_refused_in_words(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_csv(path)


def test_a_missing_table_names_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match="nope.*audioset_strong"):
        Vocabulary.load("nope")


def test_from_labels_and_empty_entries():
    table = Vocabulary.from_labels(["b_c", "a", "b_c"], "mine")
    assert table.labels == ("a", "b_c")
    assert table.phrase("b_c") == "b c"
    with pytest.raises(ValueError, match="without label or phrase"):
        Vocabulary("mine", (Entry("a", ""),))


def test_a_vocabulary_is_frozen(audioset):
    with pytest.raises(dataclasses.FrozenInstanceError):
        audioset.name = "other"
