"""Scores become events, events survive every format."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.dcase import read_dcase
from lhotse_recipes.io import PrepareReport
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.events import (
    SoundEvent,
    apply_threshold,
    check_phrases,
    check_threshold,
    get_events,
    merge_close_events,
    remove_short_events,
)
from speechbrain_opensed.inference.formats import read_tsv, text_of

QUOTED = 'a "loud" bang, twice'
PHRASES = ["犬が吠える", QUOTED, "never heard"]
EVENTS = [
    SoundEvent(QUOTED, 0.0, 0.48, 0.75),
    SoundEvent("犬が吠える", 0.2, 0.4, 0.875),
    SoundEvent("犬が吠える", 0.4, 0.64, 0.625),
    SoundEvent(QUOTED, 0.96, 1.0, 0.5625),
]


@pytest.fixture
def detection(tmp_path):
    path = tmp_path / "street.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    return Detection(
        EVENTS, np.zeros((25, 3), "float32"), PHRASES, str(path), 1.0, 0.04
    )


def test_events_of_scores():
    scores = np.zeros((6, 2), np.float32)
    scores[[0, 1, 4, 5], 0] = 0.6, 0.9, 0.7, 0.8
    scores[2:4, 1] = 0.5, 0.51
    active = apply_threshold(scores, 0.5, ["a", "b"])
    events = get_events(active, scores, ["a", "b"], 0.04, duration=0.23)
    assert [(e.phrase, e.onset, e.offset) for e in events] == [
        ("a", 0.0, 0.08), ("b", 0.12, 0.16), ("a", 0.16, 0.23)
    ]  # fmt: skip
    assert [e.score for e in events] == pytest.approx([0.9, 0.51, 0.8])


def test_thresholds_differ_by_phrase():
    scores = np.full((3, 2), 0.4)
    active = apply_threshold(scores, {"a": 0.3, "b": 0.45}, ["a", "b"])
    assert active.all(axis=0).tolist() == [True, False]


@pytest.mark.parametrize("value", [0, 1, -0.1, 50, float("nan")])
def test_threshold_out_of_range(value):
    with pytest.raises(ValueError, match="for 'b': scores lie between 0"):
        check_threshold({"a": 0.5, "b": value}, ["a", "b"])


def test_threshold_of_other_phrases():
    with pytest.raises(ValueError, match="no threshold for 'b': add it"):
        check_threshold({"a": 0.5}, ["a", "b"])
    with pytest.raises(ValueError, match="'c', which is not among"):
        check_threshold({"a": 0.5, "c": 0.5}, ["a"])


@pytest.mark.parametrize(
    "phrases, words",
    [
        ([], "give at least one"),
        (["dog", "  "], "phrase 2 is blank: remove it"),
        (["dog", "cat", "dog "], "'dog' is given twice: remove one"),
        ("dog", r"give a list, \['dog'\]"),
        (["dog\tbark"], "write it in one line"),
        (["dog\u2028bark"], "write it in one line"),
        (["dog\x00"], "write it in one line"),
        ([None], "of type NoneType: give a text"),
        ([b"dog"], "of type bytes: give a text"),
        # The same word, composed and not.
        (["caf\u00e9", "cafe\u0301"], "is given twice"),
    ],
)
def test_useless_phrases(phrases, words):
    with pytest.raises(ValueError, match=words):
        check_phrases(phrases)


def test_phrases_of_all_scripts():
    persian, family = "می\u200cخواهم", "👨\u200d👩\u200d👧 laughing"
    given = [
        persian,
        family,
        "犬が吠える",
        "\u200fكلب\u200e",
        "\ufeffdog\xa0bark",
    ]
    assert check_phrases(given) == [
        persian,
        family,
        given[2],
        "كلب",
        "dog bark",
    ]


def test_close_events_merge_within_a_phrase():
    merged = merge_close_events(reversed(EVENTS), 0.25)
    assert merged == [
        EVENTS[0],
        SoundEvent("犬が吠える", 0.2, 0.64, 0.875),
        EVENTS[3],
    ]
    assert len(merge_close_events(EVENTS, 0.48)) == 2


def test_short_events_go():
    assert remove_short_events(EVENTS, 0.2) == EVENTS[:3]
    assert remove_short_events(EVENTS, 0) == EVENTS


def test_tsv_round_trip(detection, tmp_path):
    read = read_tsv(detection.to_tsv(tmp_path / "new" / "a.tsv"))
    assert read == {detection.path: EVENTS}


def test_tsv_with_errors(tmp_path):
    path = tmp_path / "bad.tsv"
    path.write_text("filename\tonset\n")
    with pytest.raises(ValueError, match="bad.tsv:1: no column"):
        read_tsv(path)
    path.write_text(
        "filename\tonset\toffset\tevent_label\tscore\na.wav\tx\t1\tdog\t0.5\n"
    )
    with pytest.raises(ValueError, match="bad.tsv:2: could not convert"):
        read_tsv(path)


def test_tsv_is_what_dcase_reads(detection, tmp_path):
    silent = replace(detection, path=str(tmp_path / "silent.wav"), events=[])
    path = tmp_path / "a.tsv"
    path.write_text(text_of([detection, silent], "tsv"), encoding="utf-8")
    # The readers of that world know no quotes.
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1].split("\t")[1:] == ["0.000", "0.480", QUOTED, "0.75"]
    assert lines[-1] == silent.path + "\t" * 4
    table = ClipTable(PrepareReport("dcase", "test"))
    read_dcase(path, table)
    first, last = table.clips
    assert [
        SoundEvent(one.label, one.onset, one.offset, one.confidence)
        for one in first.of_kind("event")
    ] == EVENTS
    assert not last.of_kind("event")
    assert read_tsv(path) == {detection.path: EVENTS, silent.path: []}


def test_json_round_trip(detection, tmp_path):
    path = detection.to_json(tmp_path / "a.json")
    assert "犬が吠える" in path.read_text(encoding="utf-8")
    read = json.loads(path.read_text(encoding="utf-8"))
    assert [SoundEvent(**event) for event in read["events"]] == EVENTS
    assert (read["phrases"], read["duration"]) == (PHRASES, 1.0)


def test_audacity_round_trip(detection, tmp_path):
    path = detection.to_audacity(tmp_path / "a.txt")
    rows = [
        line.split("\t")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert [(float(a), float(b), c) for a, b, c in rows] == [
        (e.onset, e.offset, e.phrase) for e in EVENTS
    ]


def test_textgrid_round_trip(detection, tmp_path):
    path = detection.to_textgrid(tmp_path / "a.TextGrid")
    text = path.read_text(encoding="utf-8")
    assert text.startswith('File type = "ooTextFile"\nObject class')
    tiers = re.split(r"    item \[\d+\]:\n", text)[1:]
    quoted = r'"((?:[^"]|"")*)"\n'
    found, names = [], []
    for tier in tiers:
        name = re.search(f"name = {quoted}", tier)[1].replace('""', '"')
        names.append(name)
        intervals = re.findall(
            rf"xmin = (\S+)\n +xmax = (\S+)\n +text = {quoted}", tier
        )
        assert f"intervals: size = {len(intervals)}\n" in tier
        # Praat refuses tiers with gaps or another length.
        assert float(intervals[0][0]) == 0
        assert float(intervals[-1][1]) == 1
        for one, two in zip(intervals, intervals[1:], strict=False):
            assert one[1] == two[0]
        found += [
            (label.replace('""', '"'), float(start), float(stop))
            for start, stop, label in intervals
            if label
        ]
    assert names == PHRASES
    assert sorted(found) == sorted(
        (e.phrase, e.onset, e.offset) for e in EVENTS
    )


def test_lhotse_round_trip(detection):
    cut = detection.to_cut()
    assert cut.duration == 1.0 and cut.recording_id == "street"
    assert [
        SoundEvent(s.text, s.start, round(s.end, 6), s.confidence)
        for s in cut.supervisions
    ] == EVENTS
    assert {s.kind for s in cut.supervisions} == {"event"}
    assert detection.to_supervisions("other")[0].recording_id == "other"
