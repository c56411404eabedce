"""Corpora for demonstrations: what each knows, and what none shares."""

import pytest
from lhotse import CutSet
from lhotse.cut import MixedCut

from lhotse_recipes.schema import captions_of, events_of, tags_of
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.sets.caption_mixtures import mix_captioned

PHRASES = ["low steady tone", "high rising bell", "mid pulsing hiss"]
CORPORA = ("captioned", "annotated", "synthetic", "valid", "test", "classes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixtures")
    mix_captioned(
        folder,
        dict.fromkeys(CORPORA, 4),
        {"train": 1, "valid": 1, "test": 1},
        phrases=PHRASES,
        duration=2.0,
        events_per_clip=(1, 2),
        repeats=(1, 1),
    )
    return folder


def cuts_of(folder, name):
    return list(CutSet.from_file(folder / f"mixtures_cuts_{name}.jsonl.gz"))


def sounds(cuts):
    return {
        source.source
        for cut in cuts
        for track in cut.tracks
        for source in track.cut.recording.sources
        if track.tag == "event"
    }


def test_corpora_know_what_they_stand_for(folder):
    for cut in cuts_of(folder, "captioned"):
        assert isinstance(cut, MixedCut) and not cut.events_complete
        assert not events_of(cut) and len(captions_of(cut)) == 1
    for name in ("annotated", "synthetic"):
        for cut in cuts_of(folder, name):
            assert events_of(cut) and len(captions_of(cut)) == 1
            assert cut.events_complete and not tags_of(cut)
    for name in ("valid", "test"):
        assert all(len(captions_of(c)) == 5 for c in cuts_of(folder, name))
    for cut in cuts_of(folder, "classes"):
        (own,) = tags_of(cut)
        assert {event.text for event in events_of(cut)} == {own.text}


def test_no_sound_is_in_two_parts(folder):
    parts = [sounds(cuts_of(folder, name)) for name in CORPORA]
    train = parts[0] | parts[1] | parts[2]
    assert train and parts[3] and parts[4]
    assert not train & parts[3] and not train & (parts[4] | parts[5])
    assert not parts[3] & (parts[4] | parts[5])


def test_bank_holds_the_phrases(folder):
    assert PhraseBank.from_jsonl(folder / "phrases.jsonl").phrases == tuple(
        PHRASES
    )


def test_unknown_corpora_are_named(tmp_path):
    with pytest.raises(ValueError, match="no corpus is called strong"):
        mix_captioned(tmp_path, {"strong": 1}, {"train": 1})
