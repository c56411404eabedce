"""Neighbours of a procedural bank's phrases."""

import pytest

from lhotse_recipes.soundscapes import ProceduralBank
from speechbrain_opensed.language.inflection import lemmas, words_of
from speechbrain_opensed.language.leaks import find_leaks
from speechbrain_opensed.language.procedural_neighbors import (
    SYNONYMS,
    procedural_neighbors,
)

PHRASES = ProceduralBank().phrases


def test_no_word_of_the_bank_stands_for_another():
    words = {word for phrase in PHRASES for word in phrase.split()}
    assert words == SYNONYMS.keys()
    for others in SYNONYMS.values():
        for other in others:
            for part in words_of(other):
                assert not any(lemmas(own) & lemmas(part) for own in words)


def test_all_neighbours_of_all_phrases():
    near = procedural_neighbors(number=26)
    assert tuple(near.classes) == PHRASES
    assert {len(set(some)) for some in near.classes.values()} == {26}
    assert find_leaks(near.classes, PHRASES) == []


def test_more_neighbours_begin_with_fewer():
    few = procedural_neighbors(PHRASES[:3], 6)
    many = procedural_neighbors(PHRASES, 12)
    for phrase in PHRASES[:3]:
        assert many.of(phrase)[:6] == few.of(phrase)
        # Of three words at first only one is another.
        for one in few.of(phrase):
            assert len(set(phrase.split()) & set(one.split())) == 2


def test_what_cannot_be_had():
    with pytest.raises(ValueError, match="no phrases .*: loud bell; one is"):
        procedural_neighbors(["loud bell"])
    for number in (0, 27):
        with pytest.raises(ValueError, match="ask for 1 to 26"):
            procedural_neighbors(number=number)
