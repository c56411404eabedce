"""Neighbours of a task's classes, called as its prompts call them."""

from types import SimpleNamespace

import pytest

from speechbrain_opensed.dataio.sets.prompt_tasks import Exam, PromptTask
from speechbrain_opensed.evaluation.prompting import choose_neighbors
from speechbrain_opensed.language.neighbors import Neighbors

BANK = {
    "dog_bark": "dog barking",
    "horse": "horse neighing",
    "wolf_howl": "wolf howling",
}


def task_of(labels, target=()):
    train = Exam(labels, tuple(BANK[label] for label in labels), ())
    exams = {"target": Exam(target, target, ())} if target else {}
    return PromptTask("base_to_new", train, {}, exams, {})


def choose(neighbors, labels, **options):
    source = SimpleNamespace(labels=tuple(BANK), phrases=BANK)
    task = task_of(labels, options.pop("target", ()))
    return choose_neighbors(neighbors, source, task, 2, **options)


def test_classes_of_a_bank_are_found_by_their_phrases():
    words, about = choose(Neighbors.load("event_bank"), ("dog_bark", "horse"))
    assert list(words) == ["dog barking", "horse neighing"]
    assert {len(some) for some in words.values()} == {2}
    assert about["leaks_dropped"] == []
    other, _ = choose(Neighbors.load("event_bank"), ("dog_bark",))
    assert other["dog barking"] == words["dog barking"]


def test_held_out_labels_phrases_and_targets_are_not_named():
    made = Neighbors(
        "mine",
        {"dog barking": ["pony and horse", "siren far away", "pup", "cur"]},
        {"method": "hand-written", "author": "me", "date": "2026-01-31"},
    )
    with pytest.raises(ValueError, match="'pony and horse' .*names 'horse'"):
        choose(made, ("dog_bark",))
    words, about = choose(made, ("dog_bark",), drop=True)
    assert words == {"dog barking": ("siren far away", "pup")}
    words, about = choose(made, ("dog_bark",), drop=True, target=("sirens",))
    assert words == {"dog barking": ("pup", "cur")}
    assert len(about["leaks_dropped"]) == 2
    assert about["neighbors"] != made.hash
