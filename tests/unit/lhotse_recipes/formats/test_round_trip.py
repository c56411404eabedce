"""What is exported and read again is the same, in so far as it is written."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lhotse.supervision import AlignmentItem

from lhotse_recipes import formats
from lhotse_recipes.clips import (
    Annotation,
    Clip,
    ClipTable,
    supervisions_of,
)
from lhotse_recipes.formats.cuts import clip_of
from lhotse_recipes.io import PrepareReport

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")),
    min_size=1,
    max_size=12,
).filter(lambda text: text == " ".join(text.split()))
MIDS = st.none() | st.just("/m/0bt9lr")
SCORES = st.none() | st.floats(0, 1)


@st.composite
def events(draw):
    onset = round(draw(st.floats(0, 9.9)), 8)
    offset = round(draw(st.floats(onset + 0.01, 10)), 8)
    return Annotation(
        "event",
        draw(WORDS),
        draw(
            WORDS
            | st.sampled_from(["dog_bark", 'say "cheese"', '"dog"', '"a" "b"'])
        ),
        onset,
        min(offset, 10.0),
        draw(MIDS),
        draw(SCORES),
    )


TAGS = st.builds(
    Annotation, st.just("tag"), WORDS, WORDS, mid=MIDS, confidence=SCORES
)
CAPTIONS = st.builds(Annotation, st.just("caption"), WORDS)


def unique(strategy, **limits):
    return st.lists(strategy, unique_by=lambda one: repr(plain(one)), **limits)


def plain(one):
    return replace(one, confidence=None, mid=None)


def export_and_read(make_cut, kind, annotations, one_file):
    """The annotations of a clip after a visit to the disk."""
    clip = Clip("yard", "street/yard.wav", annotations=annotations)
    cut = make_cut(supervisions_of(clip, 10.0))
    table = ClipTable(PrepareReport("corpus", "test"))
    with tempfile.TemporaryDirectory() as place:
        # The list of what was written lies beside the folder.
        folder = Path(place) / "labels"
        folder.mkdir()
        suffix = {"finelap": "jsonl", "labelstudio": "json"}.get(kind, "tsv")
        target = folder / f"all.{suffix}"
        export = getattr(formats, f"export_{kind}")
        written = export([cut], target if one_file else folder)
        for path in [written] if one_file else written:
            getattr(formats, f"read_{kind}")(path, table)
    (read,) = table.clips
    assert read.id == "yard"
    assert not table.report.dropped
    return (
        set(map(freeze, clip_of(cut).annotations)),
        set(map(freeze, read.annotations)),
        read,
    )


def freeze(one):
    return (
        one.kind,
        one.text,
        one.label,
        round(one.onset, 8),
        round(one.offset, 8),
        one.mid,
        one.confidence,
        one.speaker,
        tuple((kind, *items) for kind, items in sorted(one.alignment.items())),
    )


def only(frozen, *places, kinds=("event",)):
    return {
        tuple(one[place] for place in places)
        for one in frozen
        if one[0] in kinds
    }


SETTINGS = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
CLIPS = st.tuples(
    unique(events(), max_size=6),
    unique(TAGS, max_size=2),
    unique(CAPTIONS, max_size=2),
).map(lambda kinds: [one for some in kinds for one in some])


@SETTINGS
@given(CLIPS)
def test_jams_hold_everything(make_cut, annotations):
    written, read, clip = export_and_read(make_cut, "jams", annotations, False)
    assert read == written
    assert len(read) == len(annotations)
    assert clip.duration == 10.0
    assert clip.custom == {"vocabulary": "v", "events_complete": True}


def spoken_line(text, speaker, onset, length, aligned):
    """Speech, perhaps with its words and halves of them in time."""
    each = length / len(text.split())
    found = {
        kind: [
            AlignmentItem(
                f"{word}{part}",
                round(onset + (k + part / parts) * each, 6),
                round(0.9 * each / parts, 6),
                None,
            )
            for k, word in enumerate(text.split())
            for part in range(parts)
        ]
        for kind, parts in (("word", 1), ("phone", 2))
    }
    return Annotation(
        "speech",
        text,
        onset=round(onset, 8),
        offset=round(onset + length, 8),
        speaker=speaker,
        alignment=found if aligned else {},
    )


SPEECH = unique(
    st.builds(
        spoken_line,
        WORDS,
        st.none() | WORDS,
        st.floats(0, 5),
        st.floats(0.01, 5),
        st.booleans(),
    )
    # Who speaks may be all that is known.
    | st.builds(
        lambda speaker, onset: Annotation(
            "speech", "", onset=onset, offset=onset + 1.0, speaker=speaker
        ),
        WORDS,
        st.integers(0, 9).map(float),
    ),
    max_size=4,
)


@SETTINGS
@given(CLIPS, SPEECH)
@pytest.mark.parametrize("kind", ["jams", "textgrid", "labelstudio"])
def test_speech_and_speakers_come_back(make_cut, kind, annotations, said):
    written, read, clip = export_and_read(
        make_cut, kind, [*annotations, *said], kind == "labelstudio"
    )

    def spoken(some):
        return {one for one in some if one[0] == "speech"}

    assert spoken(read) == spoken(written)
    assert len(spoken(read)) == len(said)
    # It is no event, for anyone.
    events = [one for one in annotations if one.kind == "event"]
    assert len(clip.of_kind("event")) == len(events)


@pytest.mark.parametrize("kind", ["jams", "textgrid", "labelstudio"])
def test_words_go_where_their_speech_goes(make_cut, kind):
    come, here = (
        AlignmentItem("come", 3.0, 0.25, 0.5),
        AlignmentItem("here", 3.5, 0.5, None),
    )
    said = Annotation(
        "speech",
        "come here",
        onset=3.0,
        offset=4.0,
        speaker="Ann",
        alignment={"word": [come, here]},
    )
    # Somebody else at the same time, and a class that is called so.
    more = [
        replace(said, speaker="Bob", alignment={}),
        Annotation("event", "a voice", "speech", 3.0, 5.0),
        Annotation("event", "words", "speech (word): Ann", 5.0, 6.0),
    ]
    one_file = kind == "labelstudio"
    _, _, clip = export_and_read(make_cut, kind, [said, *more], one_file)
    assert [one.label for one in clip.of_kind("event")] == [
        "speech",
        "speech (word): Ann",
    ]
    (ann,) = [one for one in clip.of_kind("speech") if one.speaker == "Ann"]
    if kind == "textgrid":  # has no place for scores
        come = come._replace(score=None)
    assert ann.alignment == {"word": [come, here]}
    (bob,) = [one for one in clip.of_kind("speech") if one.speaker == "Bob"]
    assert bob.alignment == {}
    # A window has those of its words, in its own times.
    cut = make_cut(supervisions_of(clip, 10.0)).truncate(offset=3.6)
    (ann,) = [one for one in clip_of(cut).annotations if one.speaker == "Ann"]
    assert (ann.onset, ann.offset) == (0.0, 0.4)
    assert ann.alignment == {"word": [AlignmentItem("here", 0.0, 0.4, None)]}


def test_lines_at_the_same_time_keep_their_tiers(make_cut):
    aligned = spoken_line("come", None, 1.0, 2.0, True)
    plain = spoken_line("here", None, 1.5, 2.0, False)
    for said in ([aligned, plain], [plain, aligned]):
        written, read, _ = export_and_read(make_cut, "textgrid", said, False)
        assert read == written
        assert len(read) == 2


@pytest.mark.parametrize("rows", ["x", {"word": [["here", 3.5]]}, {"word": 1}])
def test_alignments_that_are_none_are_named(make_cut, tmp_path, rows):
    clip = Clip("yard", "yard.wav")
    here = {"word": [AlignmentItem("here", 3.5, 0.5, None)]}
    clip.annotations.append(
        Annotation("speech", "here", "", 3.0, 4.0, alignment=here)
    )
    cut = make_cut(supervisions_of(clip, 10.0))
    (path,) = formats.export_jams([cut], tmp_path)
    whole = json.loads(path.read_text())
    whole["annotations"][0]["sandbox"]["alignments"] = [rows]
    path.write_text(json.dumps(whole))
    table = ClipTable(PrepareReport("corpus", "test"))
    with pytest.raises(ValueError, match="yard.jams: lyrics 1: an alignment"):
        formats.read_jams(path, table)


def test_jams_with_speech_passes_its_own_validator(make_cut, tmp_path):
    jams = pytest.importorskip("jams")
    clip = Clip(
        "yard",
        "yard.wav",
        annotations=[
            Annotation("event", "dog", "Dog", 1.0, 2.0),
            Annotation("speech", "come here", "", 3.0, 4.0, speaker="Ann"),
            Annotation("speech", "", "", 5.0, 6.0, speaker="Bob"),
        ],
    )
    cut = make_cut(supervisions_of(clip, 10.0))
    (path,) = formats.export_jams([cut], tmp_path)
    found = jams.load(str(path), validate=True, strict=True)
    (said,) = found.search(namespace="lyrics")
    assert [one.value for one in said.data] == ["come here", ""]
    assert said.sandbox["speakers"] == ["Ann", "Bob"]
    assert len(found.search(namespace="tag_open")) == 1


@SETTINGS
@given(CLIPS)
def test_finelap_holds_captions_phrases_labels_and_times(make_cut, annotations):
    written, read, clip = export_and_read(
        make_cut, "finelap", annotations, True
    )
    places = (0, 1, 2, 3, 4)
    kinds = ("event", "caption")
    assert only(read, *places, kinds=kinds) == only(
        written, *places, kinds=kinds
    )
    assert clip.custom["events_complete"] is True


@SETTINGS
@given(CLIPS)
def test_textgrids_hold_labels_phrases_and_times(make_cut, annotations):
    written, read, clip = export_and_read(
        make_cut, "textgrid", annotations, False
    )
    assert only(read, 1, 2, 3, 4) == only(written, 1, 2, 3, 4)
    assert clip.duration == 10.0


@SETTINGS
@given(CLIPS)
def test_tables_hold_labels_times_and_scores(make_cut, annotations):
    # Two events that differ in what a table cannot hold are one there.
    seen = {}
    for one in annotations:
        seen.setdefault((one.kind, one.label, one.onset, one.offset), one)
    annotations = list(seen.values())
    written, read, _ = export_and_read(make_cut, "dcase", annotations, True)
    assert only(read, 2, 3, 4, 6) == only(written, 2, 3, 4, 6)
    written, read, _ = export_and_read(make_cut, "audacity", annotations, False)
    assert only(read, 2, 3, 4) == only(written, 2, 3, 4)


@pytest.mark.parametrize("kind", ["dcase", "finelap"])
def test_many_cuts_go_into_one_file(make_cut, tmp_path, kind):
    dog = Clip("a", "a.wav")
    dog.annotations.append(Annotation("event", "dog", "dog", 1.0, 2.0))
    cuts = [
        make_cut(supervisions_of(dog, 10.0), "x/a.wav"),
        make_cut(name="x/b.flac"),
    ]
    path = getattr(formats, f"export_{kind}")(cuts, tmp_path / "all.tsv")
    table = ClipTable(PrepareReport("corpus", "test"))
    getattr(formats, f"read_{kind}")(path, table)
    assert [clip.id for clip in table.clips] == ["a", "b"]
    assert [len(clip.annotations) for clip in table.clips] == [1, 0]
    twice = [cuts[0], make_cut(name="y/a.flac").with_id("c")]
    with pytest.raises(ValueError, match="cuts a and c .* exported as a"):
        getattr(formats, f"export_{kind}")(twice, tmp_path / "twice.tsv")
    assert not (tmp_path / "twice.tsv").exists()


def test_windows_are_exported_under_their_own_names(make_cut, tmp_path):
    dog = Clip("yard", "yard.wav")
    dog.annotations.append(Annotation("event", "dog", "Dog", 4.0, 6.0))
    cut = make_cut(supervisions_of(dog, 10.0))
    windows = [
        cut.truncate(duration=5.0).with_id("yard-0"),
        cut.truncate(offset=5.0).with_id("yard-1"),
    ]
    formats.export_dcase(windows, tmp_path / "t.tsv", tmp_path / "d.tsv")
    assert (tmp_path / "t.tsv").read_text().splitlines()[1:] == [
        "yard-0.wav\t4.000\t5.000\tDog",
        "yard-1.wav\t0.000\t1.000\tDog",
    ]
    assert (tmp_path / "d.tsv").read_text().splitlines() == [
        "filename\tduration",
        "yard-0.wav\t5.000",
        "yard-1.wav\t5.000",
    ]
    mixed = cut.mix(make_cut(name="rain.wav"), snr=10).with_id("mixture")
    paths = formats.export_jams([mixed], tmp_path)
    assert [path.name for path in paths] == ["mixture.jams"]
    whole = json.loads(paths[0].read_text())
    assert whole["annotations"][0]["data"][0]["time"] == 4.0


@pytest.mark.parametrize("label", ["two\tfields", "two\nlines", " blank"])
@pytest.mark.parametrize("kind", ["dcase", "audacity"])
def test_labels_that_would_break_a_table_are_refused(
    make_cut, tmp_path, kind, label
):
    clip = Clip("yard", "yard.wav")
    clip.annotations.append(Annotation("event", "x", label, 1.0, 2.0))
    cut = make_cut(supervisions_of(clip, 10.0))
    with pytest.raises(ValueError, match="rename it without tabs"):
        getattr(formats, f"export_{kind}")([cut], tmp_path / "t")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
