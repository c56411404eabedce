"""Classes that are named in a file."""

import pytest

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.sets.few_shot import read_labels

TABLE = Vocabulary.from_labels(["Hund", "Hündin"], "pets")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_with_one_per_line(tmp_path, encoding):
    path = tmp_path / "held.txt"
    path.write_text("Hündin\r\n\nHund\n", encoding=encoding)
    assert read_labels(path, TABLE) == ["Hündin", "Hund"]


def test_a_file_that_is_no_such_text_is_named(tmp_path):
    path = tmp_path / "held.txt"
    path.write_text("Hündin\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"held\.txt:1: not a text in utf-8"):
        read_labels(path, TABLE)
    path.write_text("Katze\n", encoding="utf-8")
    with pytest.raises(ValueError, match="'Katze' is not in the vocabulary"):
        read_labels(path, TABLE)
