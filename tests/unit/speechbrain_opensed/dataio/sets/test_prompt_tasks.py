"""Protocols look at what they may look at, and at nothing else."""

import pytest
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import tag
from speechbrain_opensed.dataio.sets.classes import (
    CLASS_SETS,
    ClassSet,
    load_class_set,
    split_parts,
)
from speechbrain_opensed.dataio.sets.prompt_tasks import PROTOCOLS, make_task

NAMES = ("ant", "bee", "cat", "dog", "elk")


def clips_of(names, each, first):
    """So many clips of each class, of consecutive numbers."""
    cuts = []
    for name in names:
        for _ in range(each):
            number = first + len(cuts)
            tags = [tag(f"r{number}", 0, 1.0, name, name)]
            cuts.append(dummy_cut(number, supervisions=tags))
    return CutSet.from_cuts(cuts)


def class_set(names=NAMES, train=8, test=3):
    """Classes with clips to learn from and to be tested on."""
    return ClassSet(
        "pets",
        {name: name for name in names},
        clips_of(names, train, 0),
        clips_of(names, test, 1000),
    )


def ids(exam):
    return {cut.id for cut in exam.cuts}


def test_base_to_new_trains_on_base_alone():
    source = class_set()
    task = make_task("base_to_new", source, shots=4, seed=1)
    assert task.train.labels == ("ant", "bee", "cat")
    assert [len(of) for of in task.shots.values()] == [4, 4, 4]
    assert ids(task.train) == {i for of in task.shots.values() for i in of}
    assert task.exams["new"].labels == ("dog", "elk")
    assert sorted(task.exams["joint"].targets) == sorted([0, 1, 2, 3, 4] * 3)
    assert ids(task.exams["joint"]) == {cut.id for cut in source.test}
    assert task.exams == task.halves


def test_tuning_looks_at_no_new_class_and_no_test_clip():
    source = class_set()
    drawn = make_task("base_to_new", source, shots=4, seed=1).train
    task = make_task("tune", source, shots=4, seed=1)
    assert task.exams["joint"].labels == drawn.labels
    assert {cut.id for cut in task.cuts} == ids(drawn)
    assert task.train.labels == ("ant", "bee")
    assert len(task.train.cuts) == 4
    assert not ids(task.train) & ids(task.exams["joint"])
    assert task.exams["new"].labels == ("cat",)
    assert len(task.exams["new"].cuts) == 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_protocols_test_the_halves_zero_shot(protocol):
    target = class_set(("fox", "gnu")) if protocol == "cross_dataset" else None
    task = make_task(protocol, class_set(), 2, target=target)
    assert set(task.halves) == {"base", "new", "joint"}
    halves = ids(task.halves["base"]) | ids(task.halves["new"])
    assert halves == ids(task.halves["joint"])
    expected = {
        "zero_shot": set(),
        "few_shot": {"joint"},
        "cross_dataset": {"joint", "target"},
    }
    assert set(task.exams) == expected.get(protocol, set(task.halves))
    assert bool(task.train.cuts) == (protocol != "zero_shot")


def test_targets_belong_to_cross_dataset():
    for protocol in ("base_to_new", "cross_dataset"):
        target = class_set() if protocol == "base_to_new" else None
        with pytest.raises(ValueError, match="cross_dataset needs one"):
            make_task(protocol, class_set(), 2, target=target)


def test_too_few_clips_are_an_error_or_a_wish():
    source = class_set(train=3)
    with pytest.raises(ValueError, match="fewer than 4 clips of ant"):
        make_task("few_shot", source, shots=4)
    task = make_task("few_shot", source, shots=4, fewer=True)
    assert [len(of) for of in task.shots.values()] == [3] * 5


def test_shots_do_not_depend_on_other_classes():
    few = make_task("few_shot", class_set(), 4, seed=3).shots
    base = make_task("base_to_new", class_set(), 4, seed=3).shots
    assert {name: few[name] for name in base} == base


def test_one_base_class_cannot_be_tuned_on():
    with pytest.raises(ValueError, match="tune on another dataset"):
        make_task("tune", class_set(("ant", "bee")), 2)


def test_classes_that_prompts_cannot_tell_apart_are_refused():
    clips = clips_of(("Car_horn", "car horn"), 1, 0)
    names = {"Car_horn": "Car_horn", "car horn": "car horn"}
    with pytest.raises(ValueError, match="are both called 'car horn'"):
        ClassSet("street", names, clips, clips)


def test_classes_without_clips_are_refused():
    clips = clips_of(("ant", "bee"), 1, 0)
    names = {name: name for name in NAMES}
    with pytest.raises(ValueError, match="no train clip of cat, dog, elk"):
        ClassSet("pets", names, clips, clips)


def test_parts_of_folds_and_of_tables():
    parts = {
        name: {"cuts": clips_of(("ant",), 1, 10 * number)}
        for number, name in enumerate(("fold1", "fold2", "fold3"))
    }
    train, test = split_parts(parts, 2)
    assert [cut.id[-2:] for cut in test] == ["10"]
    assert [cut.id[-2:] for cut in train] == ["00", "20"]
    tables = {
        "train_1": parts["fold1"],
        "test_1": parts["fold2"],
        "train_2": parts["fold2"],
        "test_2": parts["fold3"],
    }
    train, test = split_parts(tables, 2)
    assert [cut.id[-2:] for cut in (*train, *test)] == ["10", "20"]
    with pytest.raises(ValueError, match="no fold 3"):
        split_parts(tables, 3)


def test_the_eleven_sets_are_prepared_once(tmp_path):
    """By way of PALM's tables, which all of them may come with."""
    from lhotse_recipes.vocabulary import Vocabulary
    from tests.recipes.samples import write_opera

    assert len(CLASS_SETS) == 11
    for name in CLASS_SETS:
        assert len(Vocabulary.load(name)) >= 4
    corpus = write_opera(tmp_path / "opera")
    made = load_class_set("beijing_opera", corpus, tmp_path / "out")
    assert made.halves == (("bangu", "daluo"), ("naobo", "xiaoluo"))
    assert (len(made.train), len(made.test)) == (8, 8)
    # The corpus is as it was, so nothing is written again.
    files = sorted((tmp_path / "out").rglob("*.*"))
    times = [path.stat().st_mtime_ns for path in files]
    again = load_class_set("beijing_opera", corpus, tmp_path / "out")
    assert [c.id for c in again.test] == [c.id for c in made.test]
    assert [path.stat().st_mtime_ns for path in files] == times
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_class_set("beijing_opera", "nowhere", tmp_path / "out")


def test_clips_of_two_corpora_are_not_confused():
    source, target = class_set(), class_set(("fox", "gnu"))
    task = make_task("cross_dataset", source, 2, target=target)
    with pytest.raises(ValueError, match="two clips have the id"):
        len(task.cuts)
    same = make_task("cross_dataset", source, 2, target=class_set())
    assert len(same.cuts) == len(same.train.cuts) + len(source.test)
