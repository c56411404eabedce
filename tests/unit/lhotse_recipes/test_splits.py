"""Every class is divided by itself, and no group."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhotse_recipes.splits import (
    fold_parts,
    split_of_group,
    stratified_parts,
)

SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}


def bank_of(**sizes):
    return {f"{x}{k}": [x] for x, n in sizes.items() for k in range(n)}


def counts(parts, bank):
    found = {label: Counter() for (label, *_) in bank.values()}
    for group, part in parts.items():
        found[bank[group][0]][part] += 1
    return {
        label: tuple(count[part] for part in SHARES)
        for label, count in found.items()
    }


def test_small_classes_have_something_to_test():
    bank = bank_of(a=1, b=2, c=3, d=4, e=8, f=100)
    for seed in range(5):
        assert counts(stratified_parts(bank, SHARES, seed), bank) == {
            "a": (1, 0, 0),
            "b": (1, 0, 1),
            "c": (2, 0, 1),
            "d": (3, 0, 1),
            "e": (5, 1, 2),
            "f": (70, 10, 20),
        }


def test_six_classes_of_eight_are_all_tested_twice():
    bank = bank_of(**dict.fromkeys("abcdef", 8))
    parts = stratified_parts(bank, SHARES, 0)
    assert set(counts(parts, bank).values()) == {(5, 1, 2)}


def test_seeds_draw_and_classes_do_not_depend_on_each_other():
    bank = bank_of(a=20, b=20)
    first = stratified_parts(bank, SHARES, 0)
    assert first == stratified_parts(dict(reversed(bank.items())), SHARES, 0)
    assert first != stratified_parts(bank, SHARES, 1)
    more = stratified_parts({**bank, **bank_of(c=9)}, SHARES, 0)
    assert {group: more[group] for group in bank} == first


@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1),
        st.lists(st.sampled_from("xyz"), min_size=1, max_size=4),
        max_size=30,
    )
)
def test_each_group_has_one_part(bank):
    parts = stratified_parts(bank, SHARES, 0)
    assert parts.keys() == bank.keys()
    assert set(parts.values()) <= SHARES.keys()


def test_parts_without_a_share_stay_empty():
    bank = bank_of(a=5, b=1)
    whole = stratified_parts(bank, {"train": 1.0, "test": 0.0}, 0)
    assert set(whole.values()) == {"train"}


def test_folds_test_everything_once():
    bank = bank_of(a=10, b=7, c=5)
    tested = Counter()
    for fold in range(1, 6):
        parts = fold_parts(bank, 5, fold, 0)
        tested.update(g for g, part in parts.items() if part == "test")
        for train, valid, test in counts(parts, bank).values():
            assert valid and test and train >= 3
    assert tested == dict.fromkeys(bank, 1)


@pytest.mark.parametrize(
    "folds, fold, match",
    [(2, 1, "3 or more"), (5, 0, "1 to 5"), (5, 6, "fold 6")],
)
def test_folds_that_there_are_not(folds, fold, match):
    with pytest.raises(ValueError, match=match):
        fold_parts(bank_of(a=9), folds, fold, 0)


def test_more_folds_than_recordings():
    bank = bank_of(**dict.fromkeys("abcdef", 8))
    with pytest.raises(ValueError, match="9 folds of 48 .* leave 1 folds"):
        fold_parts(bank, 9, 2, 0)
    assert set(fold_parts(bank, 8, 2, 0).values()) == set(SHARES)


@given(
    st.lists(st.text(min_size=1), unique=True, max_size=20),
    st.integers(0, 2**31),
)
def test_a_group_keeps_its_split_whatever_joins(groups, seed):
    before = {g: split_of_group(g, SHARES, seed) for g in groups[::2]}
    after = {g: split_of_group(g, SHARES, seed) for g in groups}
    assert before.items() <= after.items()
    assert set(after.values()) <= set(SHARES)


def test_groups_spread_as_asked_and_by_seed():
    groups = [f"group-{i}" for i in range(4000)]
    drawn = [split_of_group(group, SHARES, 1) for group in groups]
    for split, share in SHARES.items():
        assert drawn.count(split) / 4000 == pytest.approx(share, abs=0.03)
    assert drawn != [split_of_group(group, SHARES, 2) for group in groups]
    none_left = {"train": 1.0, "test": 0.0}
    assert {split_of_group(g, none_left, 0) for g in groups} == {"train"}
