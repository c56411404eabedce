import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import (
    AudioSource,
    CutSet,
    Recording,
    RecordingSet,
    SupervisionSegment,
    SupervisionSet,
)
from lhotse.utils import fastcopy

from lhotse_recipes.io import PrepareReport, write_jsonl
from lhotse_recipes.schema import (
    caption,
    captions_of,
    event,
    events_of,
    fix_sed_manifests,
    label_of,
    make_cuts,
    merge_touching,
    speech,
    speech_of,
    tag,
    tags_of,
    trim_events,
)

RATE = 16000


def recording(name, seconds=10.0, channels=1):
    samples = round(seconds * RATE)
    return Recording(
        id=name,
        sources=[AudioSource("file", list(range(channels)), f"{name}.wav")],
        sampling_rate=RATE,
        num_samples=samples,
        duration=samples / RATE,
    )


def cut_with(*supervisions, seconds=10.0):
    return fastcopy(
        recording("r", seconds).to_cut(), supervisions=list(supervisions)
    )


times = st.floats(-5, 15, allow_nan=False)
spans = st.tuples(times, times).map(sorted)
labels = st.sampled_from(["dog", "cat", "rain"])


@given(st.lists(st.tuples(spans, labels)))
def test_merge_touching_covers_the_same_time_without_contact(drawn):
    events = [(on, off, label) for (on, off), label in drawn]
    merged = merge_touching(events)
    assert merged == sorted(merged)
    assert merge_touching(merged) == merged
    for label in {label for *_, label in events}:
        ours = [(on, off) for on, off, name in merged if name == label]
        for (_, end), (begin, _) in zip(ours, ours[1:], strict=False):
            assert end < begin
        for on, off, name in events:
            if name == label:
                inside = [a <= on and off <= b for a, b in ours]
                assert sum(inside) == 1
        edges = {
            t for on, off, name in events if name == label for t in (on, off)
        }
        assert {t for span in ours for t in span} <= edges


@given(st.lists(spans), st.floats(0.5, 9), st.floats(0.1, 8))
def test_trim_events_stays_inside_any_window(drawn, offset, duration):
    events = [
        event("r", i, on, off, "a dog", "dog")
        for i, (on, off) in enumerate(drawn)
    ]
    duration = min(duration, 10 - offset)
    window = cut_with(*events).truncate(offset=offset, duration=duration)
    trimmed = trim_events(window)
    assert [e.start for e in trimmed] == sorted(e.start for e in trimmed)
    for one in trimmed:
        assert 0 <= one.start and one.end <= window.duration + 1e-8
        assert one.duration > 0
    # What the window shows of an event is its overlap with the window.
    overlap = sum(
        max(0.0, min(off, window.end) - max(on, window.start))
        for on, off in drawn
    )
    # Lhotse rounds the times of a truncated cut to samples.
    rounding = 2 / RATE * len(drawn)
    total = sum(e.duration for e in trimmed)
    assert total == pytest.approx(overlap, abs=rounding + 1e-6)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), spans)),
    st.integers(1, 3),
)
def test_fix_keeps_every_recording_and_counts_every_event(drawn, number):
    recordings = [recording(f"r{i}", 1 + 4 * i) for i in range(number)]
    supervisions = [
        event(f"r{i}", k, on, off, "a dog", "dog")
        for k, (i, (on, off)) in enumerate(drawn)
    ]
    report = PrepareReport("x", "all")
    fixed, events = fix_sed_manifests(
        RecordingSet.from_recordings(recordings),
        SupervisionSet.from_segments(supervisions),
        report,
    )
    assert [r.id for r in fixed] == [r.id for r in recordings]
    length = {r.id: r.duration for r in recordings}
    events = list(events)
    for one in events:
        assert 0 <= one.start
        assert one.end <= length[one.recording_id]
        assert one.duration >= 0.001
    dropped = [item for items in report.dropped.values() for item in items]
    assert sorted([*dropped, *(e.id for e in events)]) == sorted(
        s.id for s in supervisions
    )
    again = PrepareReport("x", "all")
    _, same = fix_sed_manifests(
        fixed, SupervisionSet.from_segments(events), again
    )
    assert list(same) == events
    assert not again.dropped and not again.counts


def test_fix_says_what_it_did(caplog):
    recordings = RecordingSet.from_recordings(
        [recording("a", 9.98), recording("quiet")]
    )
    supervisions = SupervisionSet.from_segments(
        [
            event("a", 0, 2.0, 10.0, "music", "Music"),
            event("a", 1, 3.0, 3.0, "a tick", "Tick"),
            event("a", 2, 11.0, 12.0, "a tick", "Tick"),
            event("gone", 0, 1.0, 2.0, "a tick", "Tick"),
            event("a", 3, -1.0, 1.0, "a tick", "Tick"),
        ]
    )
    report = PrepareReport("x", "all")
    fixed, events = fix_sed_manifests(recordings, supervisions, report)
    assert [r.id for r in fixed] == ["a", "quiet"]
    assert [(e.id, e.start, e.end) for e in events] == [
        ("a-e3", 0.0, 1.0),
        ("a-e0", 2.0, 9.98),
    ]
    assert report.counts == {"clipped to the recording": 2}
    assert report.dropped == {
        "shorter than 0.001 s": ["a-e1"],
        "outside the recording": ["a-e2"],
        "supervision without recording": ["gone-e0"],
    }
    with caplog.at_level(logging.WARNING):
        fix_sed_manifests(recordings, supervisions)
    assert "outside the recording 1 (a-e2)" in caplog.text


def test_fix_refuses_ids_that_occur_twice():
    one = recording("a")
    bark = event("a", 0, 1, 2, "bark", "Bark")
    with pytest.raises(ValueError, match="recordings occur twice: a; give"):
        fix_sed_manifests([one, one], [])
    with pytest.raises(ValueError, match="supervisions occur twice: a-e0"):
        fix_sed_manifests([one], [bark, bark])


def test_times_that_are_no_numbers_are_named():
    with pytest.raises(ValueError, match=r"event 3 \(Bark\) of a: onset nan"):
        event("a", 3, math.nan, 1.0, "bark", "Bark")
    with pytest.raises(ValueError, match="not a span of time; correct"):
        event("a", 0, 2.0, 1.0, "bark", "Bark")
    bad = SupervisionSegment("bad", "a", 0.0, math.inf)
    with pytest.raises(ValueError, match="supervision bad of a.*correct"):
        fix_sed_manifests([recording("a")], [bad])


def test_kinds_are_told_apart_and_sorted():
    plain = SupervisionSegment(
        "plain", "r", 0.5, 1.0, text="a siren", custom={"label": "Siren"}
    )
    turn = SupervisionSegment("turn", "r", 0, 1, text="HELLO", speaker="S1")
    cut = cut_with(
        event("r", 1, 3.0, 4.0, "bark", "Bark"),
        tag("r", 0, 10.0, "a dog", "Dog", confidence=0.5),
        plain,
        caption("r", 0, 10.0, "A dog barks."),
        event("r", 0, 1.0, 2.0, "bark", "Bark"),
        turn,
    )
    assert [s.id for s in events_of(cut)] == ["plain", "r-e0", "r-e1"]
    assert [s.id for s in tags_of(cut)] == ["r-t0"]
    assert [s.id for s in captions_of(cut)] == ["r-c0"]
    others = [
        SupervisionSegment(name, "r", 5, 1, speaker="S2", custom=custom)
        for name, custom in (
            ("who", None),
            ("said", {"kind": "transcript"}),
            ("what", {"kind": "weather"}),
        )
    ]
    spoken = cut_with(
        *cut.supervisions, *others, speech("r", 0, 6, 7, text="bye")
    )
    assert [s.id for s in speech_of(cut)] == ["turn"]
    assert [s.id for s in speech_of(spoken)] == ["turn", "said", "who", "r-s0"]
    assert label_of(plain) == "Siren"
    assert label_of(tags_of(cut)[0]) == "Dog"


def test_make_cuts_keeps_ids_channels_and_silence(tmp_path):
    recordings = RecordingSet.from_recordings(
        [recording("mono"), recording("stereo", channels=2)]
    )
    barks = [event("mono", 0, 1.0, 2.0, "bark", "Bark", mid="/m/05tny_")]
    cuts = make_cuts(recordings, barks, "audioset_strong", True)
    write_jsonl(tmp_path / "cuts.jsonl.gz", cuts)
    read = CutSet.from_file(tmp_path / "cuts.jsonl.gz").to_eager()
    assert [c.id for c in read] == ["mono", "stereo"]
    assert [c.num_channels for c in read] == [1, 2]
    assert [len(events_of(c)) for c in read] == [1, 0]
    assert events_of(read["mono"])[0].mid == "/m/05tny_"
    for cut in read:
        assert cut.vocabulary == "audioset_strong"
        assert cut.events_complete is True


def test_make_cuts_refuses_strangers():
    stray = event("gone", 0, 0, 1, "bark", "Bark")
    with pytest.raises(ValueError, match="unknown recordings: gone"):
        make_cuts([recording("a")], [stray], "x", True)
