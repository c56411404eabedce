"""Neighbours that name a held-out class are found, in whatever form."""

import pytest

from speechbrain_opensed.language.leaks import find_leaks


@pytest.mark.parametrize(
    "neighbor, name",
    [
        ("lone drummer warming up", "drum"),
        ("loudly ground coffee", "coffee grinding"),
        ("man who spat on the floor", "spit"),
        ("game show buzzer", "buzz"),
        ("dying embers", "die"),
        ("bell that was rung", "ring"),
        ("cloth that is torn", "tearing"),
        ("shot in the distance", "shooting"),
        ("sheep being shorn", "shearing"),
        ("opera singers", "singing"),
        ("foggy harbour", "fog"),
        ("geese overhead", "goose"),
    ],
)
def test_forms_of_a_held_out_class_are_leaks(neighbor, name):
    (leak,) = find_leaks({"other": [neighbor, "quiet hum"]}, [name])
    assert (leak.neighbor, leak.name) == (neighbor, name)


@pytest.mark.parametrize(
    "neighbor, name",
    [
        ("flower seller", "flowing"),
        ("shower of rain", "showing"),
        ("corner shop", "corn"),
        ("puppet show", "pup"),
        ("winding road", "wind"),
    ],
)
def test_words_that_look_alike_are_none(neighbor, name):
    assert find_leaks({"other": [neighbor]}, [name]) == []
