"""Folds, halves and few-shot draws."""

import json
import random

import pytest
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.protocols import (
    base_new,
    check_halves,
    few_shot,
    leave_out_fold,
    of_classes,
    read_ids,
    save_ids,
)
from lhotse_recipes.schema import tag


def clips(number, labels=("cat", "dog", "rain")):
    cuts = []
    for k in range(number):
        label = labels[k % len(labels)]
        sup = tag(f"r{k}", 0, 1.0, label, label)
        cuts.append(dummy_cut(k, supervisions=[sup]))
    return cuts


def test_a_draw_depends_on_ids_and_seed_alone():
    cuts = clips(60)
    drawn = few_shot(cuts, 4, seed=0)
    assert {k: len(set(v)) for k, v in drawn.items()} == {
        "cat": 4,
        "dog": 4,
        "rain": 4,
    }
    random.Random(0).shuffle(cuts)
    assert few_shot(cuts, 4, seed=0) == drawn
    assert few_shot(cuts, 4, seed=1) != drawn
    more = few_shot(cuts, 8, seed=0)
    assert all(set(drawn[label]) < set(more[label]) for label in drawn)
    dogs = of_classes(cuts, ["dog"])
    assert few_shot(dogs, 4, seed=0) == {"dog": drawn["dog"]}


def test_too_few_clips():
    cuts = clips(7)
    with pytest.raises(ValueError, match=r"3 clips of dog \(2\), rain \(2\)"):
        few_shot(cuts, 3, seed=0)
    drawn = few_shot(cuts, 3, seed=0, fewer=True)
    assert [len(ids) for ids in drawn.values()] == [3, 2, 2]
    with pytest.raises(ValueError, match="at least 1"):
        few_shot(cuts, 0, seed=0)


def test_a_clip_that_occurs_twice():
    with pytest.raises(ValueError, match="cut-0001 of dog occurs more than"):
        few_shot([*clips(3), *clips(2)[1:]], 1, seed=0)


def test_clips_need_one_class():
    with pytest.raises(ValueError, match="dummy-mono-cut-0000 has 0 tags"):
        few_shot([dummy_cut(0)], 1, seed=0)


def test_ids_are_stored(tmp_path):
    drawn = few_shot(clips(30), 2, seed=3)
    save_ids(tmp_path / "shots.json", drawn, seed=3, shots=2)
    stored = json.loads((tmp_path / "shots.json").read_text())
    assert (stored["seed"], stored["ids"]) == (3, drawn)
    ids = read_ids(tmp_path / "shots.json")
    assert ids == [one for some in drawn.values() for one in some]
    chosen = CutSet.from_cuts(clips(30)).subset(cut_ids=ids)
    assert len(chosen) == 6
    for text in "{", '{"ids": [1]}', "{}":
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match="bad.json: no list of ids"):
            read_ids(tmp_path / "bad.json")


def test_halves():
    base, new = base_new("abcdefghijklmno")
    assert (len(base), len(new)) == (8, 7)
    assert base_new(["b", "C", "a"]) == (("C", "a"), ("b",))
    with pytest.raises(ValueError, match="two classes at least"):
        base_new(["a", "a"])


@pytest.mark.parametrize(
    "base, new, words",
    [
        (["dog", "cat"], ["cat"], "new class 'cat' is the base class 'cat'"),
        (["dog bark"], ["Dog-Bark "], "'Dog-Bark ' is .* 'dog bark'; remove"),
        (["Dog", "dog"], ["cat"], "the classes 'Dog' and 'dog' have the same"),
        (["dog"], ["a_b", "a  b"], "the classes 'a_b' and 'a  b' have"),
    ],
)
def test_classes_that_occur_twice(base, new, words):
    with pytest.raises(ValueError, match=words):
        check_halves(base, new)
    check_halves(["dog", "dog bark"], ["dogbark", "cat"])


def test_halves_of_colliding_names():
    with pytest.raises(ValueError, match="'Dog_bark'.*'dog bark'"):
        base_new(["Dog_bark", "cat", "dog bark"])


def test_classes_without_clips():
    assert len(of_classes(clips(9), ["cat", "rain"])) == 6
    with pytest.raises(ValueError, match="no clip of cow"):
        of_classes(clips(9), ["cow", "cat"])


def test_one_fold_is_left_out():
    cuts = clips(6)
    prepared = {
        f"fold{k}": {"cuts": CutSet.from_cuts(cuts[2 * k : 2 * k + 2])}
        for k in range(3)
    }
    prepared["evaluation"] = prepared["fold0"]
    train, test = leave_out_fold(prepared, "fold1")
    assert sorted(test.ids) == sorted(cut.id for cut in cuts[2:4])
    assert sorted(train.ids) == sorted(c.id for c in cuts[:2] + cuts[4:])
    with pytest.raises(ValueError, match="no fold 'evaluation'.*fold0, fold1"):
        leave_out_fold(prepared, "evaluation")
