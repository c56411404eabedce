"""Captions of one corpus on the clips of another."""

import pytest
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.captioning import join_captions, source_of
from lhotse_recipes.schema import captions_of
from lhotse_recipes.soundscapes.captions import with_caption


def named(name, text=None, **custom):
    cut = dummy_cut(0)
    cut.id, cut.custom = name, custom
    return cut if text is None else with_caption(cut, text)


def test_captions_go_to_the_clip_or_to_the_only_clip_of_its_video():
    clips = [
        named("abcdefghijk_30000"),
        named("bbbbbbbbbbb_0"),
        named("bbbbbbbbbbb_10000"),
        named("ccccccccccc_0"),
    ]
    said = [
        named("audioset-Yabcdefghijk", "Rain."),
        named("audioset-Ybbbbbbbbbbb", "Of either."),
        named("ccccccccccc_0", "A dog."),
    ]
    joined, number = join_captions(clips, said)
    assert [[s.text for s in captions_of(cut)] for cut in joined] == [
        ["Rain."],
        [],
        [],
        ["A dog."],
    ]
    assert number == 2
    with pytest.raises(ValueError, match="1 clips occur twice: ccc"):
        join_captions([*clips, clips[-1]], said)


@pytest.mark.parametrize(
    "one, other, equal",
    [
        (named("abcdefghijk_0"), named("audioset-Yabcdefghijk"), True),
        (named("1-17-A-0", group="17"), named("freesound-17"), True),
        (named("1-17-A-0", group="17"), named("freesound-18"), False),
        (named("soundbible-17"), named("freesound-17"), False),
        (named("mix", group="DFA"), named("mix2", group="DFA"), False),
    ],
)
def test_clips_of_one_source_are_known(one, other, equal):
    assert (source_of(one) == source_of(other)) == equal
