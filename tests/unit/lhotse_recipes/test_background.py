"""Utterances know what sounds beside them, as Lhotse's datasets read it."""

import pytest
from lhotse import CutSet, SupervisionSegment
from lhotse.dataset import AudioTaggingDataset
from lhotse.dataset.input_strategies import AudioSamples
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.background import (
    background_share,
    choose_by_background,
    cut_to_utterances,
    tag_background,
)
from lhotse_recipes.schema import caption, event


def spoken(number, start=0.0, duration=1.0, events=()):
    """A cut of a second with an utterance and (label, onset, offset)."""
    said = SupervisionSegment(f"u{number}", "r", start, duration, text="HELLO")
    sounds = [
        event("r", index, onset, offset, label.lower(), label)
        for index, (label, onset, offset) in enumerate(events)
    ]
    return dummy_cut(number, supervisions=[said, *sounds], with_data=True)


def test_names_of_what_sounds_meanwhile():
    cut = spoken(
        0,
        0.2,
        0.4,
        [("Rain", 0.5, 1.0), ("Dog", 0.0, 0.35), ("Car", 0.55, 0.9)],
    )
    tagged = tag_background(cut)
    assert tagged.supervisions[0].audio_event == "Dog;Rain"
    assert tag_background(cut, 0.01).supervisions[0].audio_event == (
        "Dog;Rain;Car"
    )
    assert tagged.supervisions[1:] == cut.supervisions[1:]
    assert "audio_event" not in (cut.supervisions[0].custom or {})
    assert tag_background(spoken(1)).supervisions[0].audio_event == ""


def test_only_utterances_are_named():
    cut = spoken(0, events=[("Rain", 0.0, 1.0)])
    cut.supervisions.append(caption("r", 0, 1.0, "it rains"))
    *_, words = tag_background(cut).supervisions
    assert "audio_event" not in words.custom


def test_lhotse_reads_them():
    cuts = CutSet.from_cuts([spoken(0, events=[("Rain", 0.0, 0.5)])])
    alone = cuts.map(tag_background).map(
        lambda cut: cut.filter_supervisions(lambda one: one.id == "u0")
    )
    batch = AudioTaggingDataset(input_strategy=AudioSamples())[alone.to_eager()]
    assert batch["supervisions"]["audio_event"] == ["Rain"]


def test_sounds_at_once_count_once():
    cut = spoken(0, 0.0, 1.0, [("Rain", 0.1, 0.5), ("Dog", 0.3, 0.6)])
    said = cut.supervisions[0]
    assert background_share(cut, said) == pytest.approx(0.5)
    assert background_share(cut, said, ["Dog"]) == pytest.approx(0.3)
    assert background_share(cut, said, ["Wind"]) == 0


def test_the_choice():
    cuts = CutSet.from_cuts(
        [
            spoken(0),
            spoken(1, events=[("Rain", 0.0, 0.3)]),
            spoken(2, events=[("Dog", 0.0, 1.0)]),
            dummy_cut(3, supervisions=[event("r", 0, 0, 1, "dog", "Dog")]),
        ]
    )

    def numbers(*arguments):
        chosen = choose_by_background(cuts, *arguments)
        return [int(cut.id[-1]) for cut in chosen]

    assert numbers() == [0, 3]
    assert numbers(0.3) == [0, 1, 3]
    assert numbers(0.0, ["Rain"]) == [0, 2, 3]
    with pytest.raises(ValueError, match="most=2"):
        choose_by_background(cuts, 2)


def test_lazy_stays_lazy(tmp_path):
    path = tmp_path / "cuts.jsonl"
    cuts = [spoken(0).drop_in_memory_data(), spoken(1).drop_in_memory_data()]
    CutSet.from_cuts(cuts).to_file(path)
    chosen = choose_by_background(CutSet.from_jsonl_lazy(path))
    assert chosen.is_lazy and len(list(chosen)) == 2


def test_each_utterance_becomes_a_cut():
    said = [
        SupervisionSegment("a", "r", 0.0, 0.4, text="ONE"),
        SupervisionSegment("b", "r", 0.3, 0.9, text="TWO"),
    ]
    rain = event("r", 0, 0.35, 0.8, "rain", "Rain")
    cut = dummy_cut(0, supervisions=[*said, rain])
    first, second = cut_to_utterances(cut)
    assert [s.text for s in first.supervisions] == ["ONE", "rain"]
    assert first.duration == pytest.approx(0.4)
    # What is said beyond the recording is cut off.
    assert second.duration == pytest.approx(0.7)
    assert [s.text for s in second.supervisions] == ["TWO", "rain"]
    assert second.supervisions[1].start == pytest.approx(0.05)
    assert first.id != second.id
    tagged = tag_background(first, 0.1).supervisions[0]
    assert tagged.audio_event == ""
    assert cut_to_utterances(dummy_cut(1, supervisions=[rain])) == []
