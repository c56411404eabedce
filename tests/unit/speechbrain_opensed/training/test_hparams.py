"""A recipe's YAML: unknown keys and placeholders are named."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from speechbrain_opensed.training.hparams import load_hparams

TEXT = "data_folder: !PLACEHOLDER\nlr: 0.1\nhalf: !ref <lr> / 2\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(TEXT)
    return path


def test_overrides_reach_references(path):
    found = load_hparams(path, "data_folder: here\nlr: 0.5\n")
    assert (found["data_folder"], found["half"]) == ("here", 0.25)


@pytest.mark.parametrize("overrides", ["lrr: 1\n", {"lrr": 1}])
def test_unknown_keys_are_named_with_a_remedy(path, overrides):
    with pytest.raises(ValueError, match="train.yaml has no key 'lrr'; did"):
        load_hparams(path, overrides)


def test_placeholders_and_missing_files_are_named(path, tmp_path):
    with pytest.raises(ValueError, match="train.yaml leaves.*data_folder"):
        load_hparams(path)
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        load_hparams(tmp_path / "nowhere.yaml")


KINDS = """
switch: False
count: 3
batch_size: 4
rate: 0.5
word: fp32
names: [a]
table: {}
nothing: null
bias: -4.0
max_grad_norm: 1.0
valid_share: 0.1
made: !new:collections.Counter
lr: 0.1
"""


@pytest.mark.parametrize(
    "override, words",
    [
        ("switch: no", "switch is 'no', but has to be True or False"),
        ("switch: 1", "switch is 1"),
        ("switch: null", "switch is None"),
        ("count: many", "'many', but has to be a whole number, such as 3"),
        ("count: 2.5", "count is 2.5"),
        ("count: True", "count is True"),
        ("rate: yes", "rate is 'yes', but has to be a number"),
        ("rate: .nan", "rate is nan, but has to be finite"),
        ("word: False", "word is False, but has to be a text"),
        ("names: 3", "names is 3, but has to be a list"),
        ("table: 3", "table is 3, but has to be a mapping"),
        ("nothing: {a: 1}", "nothing is a mapping"),
        ("made: True", "made is True, but has to be null, or be built"),
        ("made: 3", "made is 3, but has to be null, or be built"),
        ("made: null", "made is None"),
        ("word: null", "word is None, but has to be a text"),
        ("rate: null", "rate is None, but has to be a number"),
        ("names: [b, 3]", r"names\[1\] is 3, but has to be a text"),
        ("batch_size: -1", "batch_size is -1, but has to be 1 or more"),
        ("batch_size: 0", "1 or more"),
        ("batch_size: null", "batch_size is None, but has to be a whole"),
        ("lr: 0", "more than 0"),
        ("count: -1", "count is -1, but has to be 0 or more"),
        ("rate: -0.1", "rate is -0.1, but has to be 0 or more"),
        ("valid_share: -0.1", "0 or more"),
        ("valid_share: 10", "valid_share is 10, but is a share: 1 at most"),
    ],
)
def test_overrides_of_another_kind_are_refused(tmp_path, override, words):
    path = tmp_path / "kinds.yaml"
    path.write_text(KINDS)
    with pytest.raises(ValueError, match=words):
        load_hparams(path, override)


@pytest.mark.parametrize(
    "override",
    ["switch: true", "rate: 1", "rate: 1e-3"]
    # Off, and a number that may have either sign.
    + ["max_grad_norm: -1", "bias: -7", "bias: 2"]
    + ["names: [b, c]", "table: {a: {b: 1}}", "nothing: [1]", "nothing: no"]
    + ["count: 0", "names: []"],
)
def test_overrides_of_the_same_kind_are_taken(tmp_path, override):
    path = tmp_path / "kinds.yaml"
    path.write_text(KINDS)
    found = load_hparams(path, override)
    ((key, value),) = YAML().load(override).items()
    assert found[key] == value


def test_a_word_for_a_list_of_words_is_that_one(tmp_path):
    path = tmp_path / "kinds.yaml"
    path.write_text(KINDS)
    assert load_hparams(path, "names: bark")["names"] == ["bark"]
    assert load_hparams(path, {"names": "bark"})["names"] == ["bark"]


def test_a_key_may_be_declared_to_have_either_kind(tmp_path):
    path = tmp_path / "kinds.yaml"
    path.write_text(KINDS)
    assert load_hparams(path, "count: some", ["count"])["count"] == "some"
    for value in ("True", "null", "[1]"):
        with pytest.raises(ValueError, match="a text or a whole number"):
            load_hparams(path, f"count: {value}", ["count"])


RECIPES = Path(__file__).resolve().parents[4] / "recipes"


@pytest.mark.parametrize(
    "path",
    sorted(RECIPES.glob("*/hparams/*.yaml")),
    ids=lambda path: f"{path.parts[-3]}-{path.stem}",
)
def test_no_switch_of_a_recipe_takes_a_text_and_no_schedule_a_length(path):
    keys = YAML().load(path.read_text())
    assert "total_steps" not in keys
    switches = [key for key, value in keys.items() if isinstance(value, bool)]
    for key in switches:
        with pytest.raises(ValueError, match=f"--{key} is 'no'"):
            load_hparams(path, {key: "no"})
    for size in (-1, 0, 0.5, "many"):
        for key in ("batch_size", "number_of_epochs"):
            with pytest.raises(ValueError, match=f"--{key} is"):
                load_hparams(path, {key: size})


def test_an_override_given_twice(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("width: 4\n")
    with pytest.raises(ValueError, match='given twice .*"width"'):
        load_hparams(path, "width: 5\nwidth: 6\n")


def test_a_list_of_held_out_classes_is_there_before_data_is_made(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("held_out: []\n")
    with pytest.raises(FileNotFoundError, match=r"--held_out is 'nope'.*\['a'"):
        load_hparams(path, "held_out: nope\n")
    (tmp_path / "few.txt").write_text("Bark\n")
    few = str(tmp_path / "few.txt")
    assert load_hparams(path, f"held_out: {few}\n")["held_out"] == few
    assert load_hparams(path, "held_out: [Bark]\n")["held_out"] == ["Bark"]
