"""A recipe's YAML: unknown keys and placeholders are named."""

import pytest

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
