"""Every mark of a paper's YAML has its row, and every row is true."""

import pytest

from tests.recipes.values import (
    MARK,
    PAGE,
    judged,
    page,
    read_table,
    values,
    yaml_of,
)

ROWS = read_table()
RECIPES = list(dict.fromkeys(row["recipe"] for row in ROWS))
# The beginning of a file: addresses, no values.
HEAD = {"__set_seed"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_mark_is_backed_by_a_row(recipe):
    listed = {row["key"] for row in ROWS if row["recipe"] == recipe}
    marked = {
        key
        for key, (_, said) in values(yaml_of(recipe)).items()
        if MARK.search(said) and key not in HEAD
    }
    assert marked - listed == set(), "marked in the YAML, but no row"


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row['recipe']}:{row['key']}"
)
def test_every_row_is_true(row):
    found = values(yaml_of(row["recipe"]))
    assert row["key"] in found, "no such value in the YAML"
    value, whose = judged(row, found)
    said = found[row["key"]][1]
    assert MARK.search(said), f"{value} has no mark"
    if whose == "ours":
        assert "ours" in said or "paper" not in said.split(";")[0], (
            f"{value} is neither the paper's nor the code's, and not marked "
            f"as ours: {said}"
        )


def test_the_page_is_that_of_the_files():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run python -m tests.recipes.values"
    )


def test_another_value_is_noticed(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("lr: 0.1  # paper\ninner: !name:a.b\n    c: 2  # ours\n")
    found = values(path)
    assert found["lr"] == ("0.1", "paper")
    assert found["inner.c"] == ("2", "ours")
    row = {"key": "lr", "paper": "0.10", "code": ""}
    assert judged(row, found) == ("0.1", "paper")
    assert judged(row | {"paper": "0.2"}, found) == ("0.1", "ours")
