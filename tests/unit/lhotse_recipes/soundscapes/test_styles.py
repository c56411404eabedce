"""One caption, several timbres; references carry the timbre."""

import numpy as np
import pytest

from lhotse_recipes.corpora.serst import reference_pairs
from lhotse_recipes.schema import captions_of, events_of, label_of
from lhotse_recipes.soundscapes.styles import prepare_styles

CLIPS = {"train": 75, "test": 5}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles")
    return folder, prepare_styles(folder, CLIPS, ref_seconds=3.5, pool=4)


def test_captions_leave_the_timbre_open(prepared):
    cuts = prepared[1]["train"]["cuts"]
    assert len({events_of(cut)[0].text for cut in cuts}) == 75
    styles = {}
    for cut in cuts:
        (said,), (heard,) = captions_of(cut), events_of(cut)
        assert cut.style == label_of(heard) == heard.text.split()[-1]
        assert cut.style not in said.text
        assert all(word in said.text for word in heard.text.split()[:-1])
        styles.setdefault(said.text, set()).add(cut.style)
    assert len(styles) == 15
    assert all(len(some) == 5 for some in styles.values())


def test_references_are_other_sounds_of_the_style(prepared):
    for part in prepared[1].values():
        pairs = reference_pairs(part)
        assert len(pairs) == 4 * len(part["cuts"])
        for cut, reference in pairs:
            assert reference.label == cut.style
            assert reference.clip != cut.id
            assert reference.duration == 3.5
    names = [{r.id for r in p["references"]} for p in prepared[1].values()]
    assert not names[0] & names[1]


def test_no_sound_occurs_twice(prepared):
    waves = [
        cut.load_audio()[0]
        for part in prepared[1].values()
        for kind in ("cuts", "references")
        for cut in part[kind]
    ]
    assert all(0.01 < np.abs(wave).max() < 1 for wave in waves)
    assert len({wave[8000:16000].tobytes() for wave in waves}) == len(waves)


def test_clips_are_found_written(prepared):
    folder, first = prepared
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")}
    again = prepare_styles(folder, CLIPS, ref_seconds=3.5, pool=4)
    for part in CLIPS:
        for kind in first[part]:
            assert list(first[part][kind]) == list(again[part][kind])
    assert files == {p: p.stat().st_mtime_ns for p in folder.rglob("*.*")}
    with pytest.raises(ValueError, match="clips made from other ref_seconds"):
        prepare_styles(folder, CLIPS, ref_seconds=2.0, pool=4)


def test_the_first_clips_do_not_depend_on_their_number(prepared, tmp_path):
    fewer = prepare_styles(tmp_path, {"test": 3}, pool=1, refs_per_clip=1)
    for one, other in zip(
        fewer["test"]["cuts"], prepared[1]["test"]["cuts"], strict=False
    ):
        assert (one.load_audio() == other.load_audio()).all()


def test_patterns_can_be_left_out(tmp_path):
    part = prepare_styles(
        tmp_path, {"test": 20}, pool=4, patterns=["rising", "steady"]
    )["test"]
    heard = {events_of(cut)[0].text.split()[1] for cut in part["cuts"]}
    assert heard == {"rising", "steady"}


def test_references_can_be_cut_from_the_clip(tmp_path):
    part = prepare_styles(tmp_path, {"test": 4}, ref_policy="same_clip")["test"]
    for cut, reference in reference_pairs(part):
        assert reference.clip == cut.id
        assert reference.label == cut.style
        assert reference.duration == 1.0
        (heard,) = events_of(cut)
        assert reference.num_samples == 16000
        onset = round(heard.start * 16000)
        length = min(16000, round(heard.duration * 16000))
        excerpt = cut.load_audio()[0, onset : onset + length]
        assert (reference.load_audio()[0, :length] == excerpt).all()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"clips": {"dev": 1}}, "part 'dev': choose from train, valid, test"),
        ({"ref_policy": "any"}, "ref_policy 'any': choose from same_clip"),
        ({"seconds": 0.2}, "seconds 0.2 must be above 0.3"),
        ({"ref_seconds": 0}, "ref_seconds 0 above 0"),
        ({"refs_per_clip": 5, "pool": 4}, "refs_per_clip 5 must be from 1"),
        ({"patterns": ["still"]}, "choose some of steady, pulsing"),
    ],
)
def test_wrong_parameters_are_named(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        prepare_styles(tmp_path, **options)
    assert not list(tmp_path.iterdir())
