"""Audacity, TextGrid and JAMS files as other programs write them."""

import gzip
import json

import pytest

from lhotse_recipes.clips import Annotation, Clip, ClipTable
from lhotse_recipes.formats.audacity import read_audacity
from lhotse_recipes.formats.finelap import finelap_row, read_finelap
from lhotse_recipes.formats.jams import read_jams
from lhotse_recipes.formats.textgrid import read_textgrid, textgrid_text
from lhotse_recipes.io import PrepareReport


def spans(clip):
    return [(one.onset, one.offset, one.label) for one in clip.annotations]


def test_audacity_with_frequencies_and_decimal_commas(tmp_path, table):
    path = tmp_path / "yard.txt"
    path.write_text(
        "0,500000\t1,250000\tdog, barking\n\\\t100.0\t4000.0\n2.0\t2.0\tbang\n"
    )
    read_audacity(path, table)
    (clip,) = table.clips
    assert clip.id == "yard"
    # A point in time is kept here; manifests drop and count it.
    assert spans(clip) == [(0.5, 1.25, "dog, barking"), (2.0, 2.0, "bang")]
    assert table.report.counts == {"lines of frequencies passed over": 1}
    for text, message in (
        ("0.5\tdog\n", ":1: 2 fields, not onset"),
        ("0.5\t1.0\tdog\nx\t2\tdog\n", ":2: 'x' is no time"),
        ("0.5\t1.0\t\n", ":1: no label"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"yard\.txt{message}"):
            read_audacity(path, ClipTable(PrepareReport("c", "p")))
    with pytest.raises(ValueError, match="keep one"):
        read_audacity(path, table)


SHORT = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n10\n<exists>\n'
    '2\n"IntervalTier"\n"events"\n0\n10\n2\n0\n1.5\n"dög ""Rex"""\n1.5\n10\n'
    '""\n"TextTier"\n"clicks"\n0\n10\n1\n3.5\n"click"\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_praat_writes_short_grids_and_utf_16(tmp_path, encoding):
    path = tmp_path / "yard.TextGrid"
    path.write_bytes(SHORT.encode(encoding))
    by_text = ClipTable(PrepareReport("c", "p"))
    read_textgrid(path, by_text, labels="text")
    (clip,) = by_text.clips
    assert clip.duration == 10
    assert spans(clip) == [(0, 1.5, 'dög "Rex"'), (3.5, 3.5, "click")]
    by_tier = ClipTable(PrepareReport("c", "p"))
    read_textgrid(path, by_tier)
    assert spans(by_tier.clips[0]) == [(0, 1.5, "events"), (3.5, 3.5, "clicks")]
    with pytest.raises(ValueError, match="must be 'tier' or 'text'"):
        read_textgrid(path, by_tier, labels="both")


def test_comments_of_praat(tmp_path, table):
    path = tmp_path / "yard.TextGrid"
    path.write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n'
        '0 10 ! Time domain, 3 numbers "here".\n<exists>\n2 tiers\n'
        '"IntervalTier" "dog" ! Name of tier 1.\n0 10 2 ! <exists> 7\n'
        '! 5 6 "not this"\n0 1.5 "wow! 3"\n1.5 10 ""\n'
        '"TextTier" "clicks" 0 10 1 3.5 "click"'
    )
    read_textgrid(path, table)
    assert spans(table.clips[0]) == [(0, 1.5, "dog"), (3.5, 3.5, "clicks")]
    assert table.clips[0].annotations[0].text == "wow! 3"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "yard.TextGrid:1: not what a TextGrid has"),
        ('File type = "ooTextFile" "Pitch 1"', "no TextGrid"),
        (SHORT[:-30], "yard.TextGrid:19: not what a TextGrid has"),
        (SHORT.replace("1.5", "end", 1), "yard.TextGrid:15: not what"),
        (SHORT.replace("<exists>", "2", 1), "not what a TextGrid has"),
    ],
)
def test_damaged_grids_are_named(tmp_path, table, text, message):
    path = tmp_path / "yard.TextGrid"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_textgrid(path, table)


def test_tiers_are_gapless_and_free_of_overlap(tmp_path, table):
    clip = Clip("yard", "yard.wav", duration=10.0)
    clip.annotations += [
        Annotation("event", "barking", "dog", 1.0, 3.0),
        Annotation("event", "howling", "dog", 2.0, 4.0),
        Annotation("event", "barking", "dog", 3.0, 10.0),
    ]
    text = textgrid_text(clip, labels=["cat"])
    assert text.count('name = "dog"') == 2
    assert text.index('name = "cat"') < text.index('name = "dog"')
    starts = [line.split()[-1] for line in text.split("\n") if " xmin" in line]
    # A tier's own start, then those of its intervals.
    assert starts == [
        *("0", "0.000"),
        *("0", "0.000", "1.000", "3.000"),
        *("0", "0.000", "2.000", "4.000"),
    ]
    path = tmp_path / "yard.TextGrid"
    path.write_text(text)
    read_textgrid(path, table)
    assert sorted(spans(table.clips[0])) == sorted(spans(clip))


def test_silence_has_a_tier_all_the_same(tmp_path, table):
    text = textgrid_text(Clip("yard", "yard.wav", duration=10.0))
    assert "size = 1" in text and 'text = ""' in text
    for content in (text, text.split("tiers?")[0] + "tiers? <absent>\n"):
        path = tmp_path / f"{len(content)}.TextGrid"
        path.write_text(content)
        read_textgrid(path, table)
    assert [clip.annotations for clip in table.clips] == [[], []]


def test_scaper_and_older_jams(tmp_path, table):
    path = tmp_path / "soundscape_1.jams"
    event = {
        "time": 1.0,
        "duration": 0.5,
        "confidence": 1.0,
        "value": {"label": "dog_bark", "role": "foreground"},
    }
    background = {**event, "value": {"label": "park", "role": "background"}}
    section = {"namespace": "sound_event", "data": [background, event]}
    whole = {
        "annotations": [section, {"namespace": "beat", "data": []}],
        "file_metadata": {"duration": 10.0, "title": "A song"},
    }
    path.write_text(json.dumps(whole))
    read_jams(path, table)
    (clip,) = table.clips
    assert (clip.id, clip.duration) == ("soundscape_1", 10.0)
    assert spans(clip) == [(1.0, 1.5, "dog_bark")]
    assert clip.annotations[0].confidence is None
    assert table.report.counts == {"backgrounds passed over": 1}

    def broken(change):
        copy = json.loads(json.dumps(whole))
        change(copy)
        return json.dumps(copy)

    for text, message in (
        (path.read_text()[:-9], r"jams:1: no whole JSON"),
        (broken(lambda w: w.pop("annotations")), "misplaces 'annotations'"),
        (broken(lambda w: w["annotations"].pop(0)), "of the kinds beat"),
        (
            broken(
                lambda w: w["annotations"][0].update(sandbox={"mids": ["x"]})
            ),
            "2 observations but 2 phrases and 1 ids",
        ),
        (
            broken(lambda w: w["annotations"][0]["data"][1].pop("value")),
            r"annotations\[0\].data\[1\].value is None; JAMS wants an object",
        ),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_jams(path, ClipTable(PrepareReport("c", "p")))


def _mutations(whole):
    """Copies of a JAMS file with one value changed, removed or added."""
    values = [None, -1, -0.5, 0, 2.5, "x", "", True, [], {}, [1], {"a": 1}]

    def places(node, path=()):
        yield path
        items = (
            node.items()
            if isinstance(node, dict)
            else enumerate(node)
            if isinstance(node, list)
            else ()
        )
        for key, inner in items:
            yield from places(inner, (*path, key))

    for path in places(whole):
        for value in [*values, "remove", "add"]:
            copy = json.loads(json.dumps(whole))
            node = copy
            for key in path[:-1]:
                node = node[key]
            if value == "add":
                inner = node[path[-1]] if path else copy
                if not isinstance(inner, dict):
                    continue
                inner["more"] = 1
            elif not path:
                copy = value
            elif value == "remove":
                del node[path[-1]]
            else:
                node[path[-1]] = value
            yield path, value, copy


def test_what_the_validator_of_jams_refuses_is_refused(tmp_path):
    import warnings

    import jams

    observation = {
        "time": 1.0,
        "duration": 0.5,
        "confidence": 1.0,
        "value": "dog",
    }
    placed = {
        "label": "dog",
        "source_file": "a.wav",
        "source_time": 0.0,
        "event_time": 0.0,
        "event_duration": 1.0,
        "snr": 3.0,
        "time_stretch": None,
        "pitch_shift": 1.0,
        "role": "foreground",
    }
    about = {"curator": {"name": "", "email": ""}, "version": "1"}
    whole = {
        "annotations": [
            {
                "namespace": "tag_open",
                "data": [observation],
                "annotation_metadata": about,
                "sandbox": {},
                "time": 0,
                "duration": 10.0,
            },
            {
                "namespace": "scaper",
                "data": [{**observation, "value": placed}],
            },
        ],
        "file_metadata": {
            "title": "",
            "artist": "",
            "release": "",
            "duration": 10.0,
            "identifiers": {},
            "jams_version": "0.3.4",
        },
        "sandbox": {},
    }
    path = tmp_path / "a.jams"
    refused = accepted = 0
    for place, value, copy in _mutations(whole):
        path.write_text(json.dumps(copy))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                jams.load(str(path), strict=True)
        except jams.exceptions.NamespaceError:
            continue  # Namespaces may be registered; ours are read.
        except Exception:
            with pytest.raises(ValueError, match="a.jams"):
                read_jams(path, ClipTable(PrepareReport("c", "p")))
                pytest.fail(f"{place}: {value!r} is read")
            refused += 1
        else:
            accepted += 1
    assert refused > 200 and accepted > 50
    path.write_text(json.dumps(whole))
    table = ClipTable(PrepareReport("c", "p"))
    read_jams(path, table)
    assert spans(table.clips[0]) == [(1.0, 1.5, "dog")] * 2
    assert not table.report.dropped


def test_packed_jams_and_other_namespaces(tmp_path, table):
    path = tmp_path / "a.jamz"
    row = {"time": 1.0, "duration": 0.5, "confidence": None}
    whole = {
        "annotations": [
            {"namespace": "segment_open", "data": [{**row, "value": "dog"}]},
            {"namespace": "beat", "data": [{**row, "value": 1.0}] * 2},
        ],
        "file_metadata": {"duration": 10.0},
    }
    path.write_bytes(gzip.compress(json.dumps(whole).encode()))
    read_jams(path, table)
    assert spans(table.clips[0]) == [(1.0, 1.5, "dog")]
    assert table.report.dropped == {
        "annotations of the JAMS namespace beat": [f"{path}: 2 observations"]
    }
    for data in (b"", b"{}", path.read_bytes()[:-20]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="a.jamz:.* no whole"):
            read_jams(path, ClipTable(PrepareReport("c", "p")))


def test_real_jams_agree_with_the_real_table(shared_data, table):
    from lhotse_recipes.formats.dcase import read_dcase

    folder = shared_data / "soundscapes"
    expected = ClipTable(PrepareReport("c", "p"))
    read_dcase(folder / "annotations.tsv", expected)
    wanted = {clip.id: clip for clip in expected.clips}
    paths = sorted((folder / "jams").glob("*.jams"))
    assert len(paths) == 7
    for path in paths:
        read_jams(path, table)
    for clip in table.clips:
        theirs = sorted(spans(wanted[clip.id]))
        assert len(theirs) == len(clip.annotations)
        for ours, other in zip(sorted(spans(clip)), theirs, strict=True):
            assert ours[2] == other[2]
            assert ours[:2] == pytest.approx(other[:2], abs=2e-3)
    assert table.report.counts == {"backgrounds passed over": 7}


def test_finelap_lines(tmp_path, table):
    path = tmp_path / "meta.jsonl"
    rows = [
        {
            "audio_id": "mix_0001",
            "audio_path": "D:\\sounds\\mix_0001.wav",
            "caption": "A dog barks.",
            "phrases": [
                {"phrase": "Dog", "segments": [{"start": 0, "end": 1.5}]},
                {"phrase": "Cat", "segments": []},
            ],
        },
        {"audio_id": "x.wav", "caption": ["One.", "Two.", ""]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    read_finelap(path, table)
    mixture, captioned = table.clips
    assert mixture.id == "mix_0001" and mixture.aliases == ("mix_0001",)
    assert [o.text for o in mixture.annotations] == ["A dog barks.", "Dog"]
    assert mixture.custom == {"events_complete": True}
    assert captioned.custom == {"events_complete": False}
    assert table.report.dropped == {
        "phrase without segments": [f"{path}:1"],
        "empty caption": [f"{path}:2"],
    }
    assert "phrases" not in finelap_row(captioned)
    for text, message in (
        ("{}\n", ":1: lacks or misplaces 'audio_id'"),
        ('{"audio_id": "x"\n', ":1: item x: no whole JSON"),
        ("\n[]\n", ":2: .*not a JSON object"),
        ('{"audio_id": "x"}\n{"audio_id": "x"}', ":2: .* keep one"),
        (
            '{"audio_id": "x", "phrases": [{"phrase": "a", "segments":'
            " [[1]]}]}",
            r":1: the segment \[1\] is no pair",
        ),
        ('{"audio_id": "x", "phrases": ["a"]}', ":1: lacks or misplaces"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"meta\.jsonl{message}"):
            read_finelap(path, ClipTable(PrepareReport("c", "p")))


def test_incomplete_events_stay_so(tmp_path, table):
    clip = Clip("yard", "yard.wav", custom={"events_complete": False})
    clip.annotations.append(Annotation("event", "dog", "Dog", 1.0, 2.0))
    path = tmp_path / "meta.jsonl"
    path.write_text(json.dumps(finelap_row(clip)))
    read_finelap(path, table)
    assert table.clips[0].custom["events_complete"] is False
    assert table.clips[0].annotations[0].label == "Dog"


def test_real_finelap_examples(shared_data, table):
    folder = shared_data / "meta/audioset/finelap_examples"
    path = folder / "training_metadata_example.jsonl"
    read_finelap(path, table)
    events = [o for c in table.clips for o in c.of_kind("event")]
    assert (len(table.clips), len(events)) == (10, 78)
    clip = table.clips[0]
    assert clip.id == "YdoDQsgDRZ9w"
    assert [(o.text, o.onset, o.offset) for o in clip.of_kind("event")] == [
        ("Music", 0.0, 10.0),
        ("Tick", 6.204, 6.309),
    ]
    for name in ("audiocaps", "clotho", "esc50", "urbansound8k", "vggsound"):
        other = ClipTable(PrepareReport("c", name))
        read_finelap(folder / f"test_metadata_{name}_example.jsonl", other)
        assert other.clips[0].of_kind("caption")
