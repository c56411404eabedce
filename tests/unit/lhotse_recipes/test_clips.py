import pytest
from lhotse import SupervisionSegment

from lhotse_recipes.clips import (
    Annotation,
    Clip,
    ClipTable,
    clip_id,
    supervisions_of,
)
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.vocabulary import Entry, Vocabulary


def make_table(vocabulary=None):
    return ClipTable(PrepareReport("corpus", "test"), vocabulary)


def test_ids_are_names_without_folder_and_audio_suffix():
    for name, ident in (
        ("a.wav", "a"),
        ("x/y/a.b.FLAC", "a.b"),
        ("C:\\x\\a b.mp3 ", "a b"),
        ("Yabc_30.000_40.000", "Yabc_30.000_40.000"),
        ("2.5", "2.5"),
        ("folder/", ""),
    ):
        assert clip_id(name) == ident


def test_supervisions_have_what_was_annotated():
    table = make_table()
    table.event("t:1", "a.wav", 0.5, 1, "dog_bark", custom={"word": 3})
    table.tag("t:2", "a.wav", "rain", confidence=0.5)
    table.caption("t:3", "a.wav", " It\train s. ", {"audiocap_id": 7})
    event, tag, caption = supervisions_of(table.clips[0], 4.0)
    assert isinstance(event, SupervisionSegment)
    assert (event.start, event.end, event.text) == (0.5, 1.0, "dog bark")
    assert event.custom == {"kind": "event", "label": "dog_bark", "word": 3}
    assert (tag.duration, tag.confidence, tag.label) == (4.0, 0.5, "rain")
    assert (caption.duration, caption.text) == (4.0, "It rain s.")
    assert caption.custom == {"kind": "caption", "audiocap_id": 7}
    assert len({event.id, tag.id, caption.id}) == 3


def test_a_vocabulary_names_the_labels():
    words = Vocabulary("v", (Entry("Bark", "dog barking", "/m/05tny_"),))
    table = make_table(words)
    table.event("t:1", "a.wav", 0, 1, "/m/05tny_", text="ignored")
    table.tags("t:2", "a.wav", ["bark"])
    expected = {"label": "Bark", "text": "dog barking", "mid": "/m/05tny_"}
    assert table.clips[0].annotations == [
        Annotation("event", onset=0.0, offset=1.0, **expected),
        Annotation("tag", **expected),
    ]
    with pytest.raises(ValueError, match="t:3: 'Brak' is not in the .* 'Bark'"):
        table.tag("t:3", "a.wav", "Brak")


def test_what_is_left_out_is_counted():
    table = make_table()
    for _ in range(2):
        table.event("t:1", "a.wav", 0, 1, "dog")
        table.tag("t:2", "a.wav", "dog")
    table.event("t:1", "a.wav", 0, 1, "dog", custom={"caption": 2})
    table.event("t:4", "a.wav", 2, 1, "dog")
    table.caption("t:5", "a.wav", "  ")
    assert len(table.clips[0].annotations) == 3
    assert table.report.dropped == {
        "repeated row": ["t:1: dog", "t:2: dog"],
        "ends before it begins": ["t:4"],
        "empty caption": ["t:5"],
    }


def test_bad_rows_are_named():
    table = make_table()
    table.clip("t:1", "x\\a.wav")
    for name in ("x/a.wav", "a.wav", "corpus/x/a.wav"):
        assert table.clip("t:2", name) is table.clips[0]
    for call, message in (
        (lambda: table.clip("t:3", "y/a.wav"), "t:3: y/a.wav has the id a of"),
        (lambda: table.clip("t:4", "x/a.wav", new=True), "t:4: .*t:1.*keep"),
        (lambda: table.clip("t:5", " "), "t:5: names no audio file"),
        (lambda: table.event("t:6", "b", "", 1, "x"), "t:6: '' is no time"),
        (lambda: table.event("t:7", "b", 0, "inf", "x"), "t:7: 'inf' is no"),
        (lambda: table.event("t:8", "b", 0, 1, " "), "t:8: no label"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_annotations_by_kind():
    one = Annotation("tag", "rain", "rain")
    clip = Clip("a", "a.wav", annotations=[one])
    assert clip.of_kind("tag") == [one] and clip.of_kind("event") == []
