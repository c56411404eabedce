"""Sentences follow the events."""

import numpy as np
import pytest

from lhotse_recipes.schema import captions_of, events_of
from lhotse_recipes.soundscapes import caption_cuts, simulate_soundscapes
from lhotse_recipes.soundscapes.captions import describe


def sentences(events, number=200):
    return {
        describe(events, np.random.default_rng(seed)) for seed in range(number)
    }


def test_order_and_number_of_occurrences():
    found = sentences(
        [(5, 6, "a bell"), (1, 2, "a dog"), (3, 4, "a dog"), (8, 9, "a cat")]
    )
    assert len(found) > 20
    for text in found:
        lowered = text.lower()
        assert lowered.index("a dog twice") < lowered.index("a bell")
        assert lowered.index("a bell") < lowered.index("a cat")
        assert text[0].isupper() and text.endswith(".")
        assert "overlapped" not in text and "together" not in text


def test_what_overlaps_is_simultaneous():
    found = sentences([(0, 5, "rain"), (1, 2, "a dog"), (7, 8, "a cat")])
    words = ("together with a dog", "along with a dog", "overlapped by a dog")
    for text in found:
        assert any(word in text for word in words)
        assert not any(word.replace("dog", "cat") in text for word in words)


def test_what_is_repeated_is_not_said_to_be_heard():
    once, twice = (0, 1, "rooster"), (2, 3, "rooster")
    assert "Rooster can be heard." in sentences([once])
    found = sentences([once, twice])
    assert "The recording has rooster twice." in found
    assert not any("can be heard" in text for text in found)


def test_nothing_is_said_to_be_nothing():
    assert len(sentences([])) == 3
    assert all("background" in text for text in sentences([]))


def test_captions_ride_on_mixtures(bank, tmp_path):
    cuts = simulate_soundscapes(bank, None, 6, seed=1, captions=True)
    plain = simulate_soundscapes(bank, None, 6, seed=1)
    assert [c.to_dict() for c in caption_cuts(plain)] == [
        c.to_dict() for c in cuts
    ]
    for cut, before in zip(cuts, plain, strict=True):
        (said,) = captions_of(cut)
        assert (said.start, said.duration) == (0.0, cut.duration)
        assert said.id == f"{cut.id}-c0"
        for event in events_of(before):
            assert event.text.lower() in said.text.lower()
        assert events_of(cut) == events_of(before)
        assert np.array_equal(cut.load_audio(), before.load_audio())
    other = caption_cuts(plain, seed=7)
    assert [captions_of(c)[0].text for c in other] != [
        captions_of(c)[0].text for c in cuts
    ]
    twice = caption_cuts(other)
    assert [s.id[-2:] for s in captions_of(twice[0])] == ["c0", "c1"]
    assert captions_of(plain[0]) == []


@pytest.mark.parametrize("number", [5, 9])
def test_many_times(number):
    events = [(k, k + 0.5, "a dog") for k in range(number)]
    assert all("dog many times" in text for text in sentences(events, 5))
