"""Corpora of captions: AudioCaps, Clotho, WavCaps, AudioSetCaps."""

import json

import pytest

from lhotse_recipes import (
    prepare_audiocaps,
    prepare_audiosetcaps,
    prepare_clotho,
    prepare_wavcaps,
)
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.corpora.audiocaps import read_audiocaps
from lhotse_recipes.corpora.clotho import read_clotho
from lhotse_recipes.corpora.wavcaps import read_wavcaps
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import captions_of

AUDIOCAPS = "audiocap_id,youtube_id,start_time,caption\n"


def texts(cut):
    return [one.text for one in captions_of(cut)]


def make_table(part="test"):
    return ClipTable(PrepareReport("corpus", part))


@pytest.mark.parametrize(
    "audio",
    [
        "aaaaaaaaaaa_20000.flac",
        "Yaaaaaaaaaaa_20.000_30.000.wav",
        "test/aaaaaaaaaaa_20.wav",
        "102.wav",
    ],
)
def test_audiocaps(tmp_path, write_audio, write_text, report_of, audio):
    write_text(
        tmp_path / "dataset/test.csv",
        AUDIOCAPS + '101,aaaaaaaaaaa,20,"One, two"\n102,aaaaaaaaaaa,20,Three\n'
        "103,aaaaaaaaaaa,50,Four\n104,bbbbbbbbbbb,0,\n",
    )
    write_audio(tmp_path, audio, "bbbbbbbbbbb.wav")
    out = tmp_path / "out"
    first, second = prepare_audiocaps(tmp_path, out)["test"]["cuts"]
    assert first.id == "aaaaaaaaaaa_20000"
    assert texts(first) == ["One, two", "Three"]
    assert [one.audiocap_id for one in captions_of(first)] == ["101", "102"]
    assert first.events_complete is False and first.vocabulary == "open"
    assert texts(second) == []
    report = report_of(out, "audiocaps", "test")
    assert report["coverage"] == {"found": 2, "expected": 3}
    assert report["dropped"] == {
        "missing audio": ["aaaaaaaaaaa_50000"],
        "empty caption": [f"{tmp_path}/dataset/test.csv:5"],
    }


def test_a_bare_video_id_is_no_name_for_two_segments(
    tmp_path, write_audio, write_text
):
    rows = "1,aaaaaaaaaaa,20,One\n2,aaaaaaaaaaa,50,Two\n"
    write_text(tmp_path / "val.csv", AUDIOCAPS + rows)
    write_audio(tmp_path, "aaaaaaaaaaa.wav")
    with pytest.raises(FileNotFoundError, match="no audio of any of the 2"):
        prepare_audiocaps(tmp_path)


@pytest.mark.parametrize(
    "row, message",
    [
        ("1,aaaaaaaaaaa,soon,One", ":2: the start_time 'soon'"),
        (",aaaaaaaaaaa,20,One", ":2: empty audiocap_id"),
        ("1,aaaaaaaaaaa,20,One, two", ":2: 5 fields where"),
        ("1,aaaaaaaaaaa,2,A\n1,bbbbbbbbbbb,2,B", ":3: .*1 occurs in .*:2"),
        ("1,aaaaaaaaaaa,2,\xe9t\xe9", ":2: .*encoding='latin-1'"),
    ],
)
def test_bad_rows_are_named(tmp_path, write_text, row, message):
    path = write_text(tmp_path / "t.csv", f"{AUDIOCAPS}{row}\n", "latin-1")
    with pytest.raises(ValueError, match=rf"t\.csv{message}"):
        read_audiocaps(path, make_table())


@pytest.mark.parametrize(
    "name, clips, captions",
    [
        ("test", 975, 4875),
        ("val", 495, 2475),
        ("v2_test", 975, 4875),
        ("v2_val", 495, 2475),
        ("train_head2000", 2000, 2000),
    ],
)
def test_audiocaps_real_tables(shared_data, name, clips, captions):
    table = make_table()
    read_audiocaps(shared_data / f"meta/audiocaps/{name}.csv", table)
    assert len(table.clips) == clips
    assert sum(len(c.annotations) for c in table.clips) == captions
    assert not table.report.dropped


def test_audiocaps_real_table_with_a_little_audio(
    shared_data, tmp_path, write_audio
):
    write_audio(tmp_path, "test/Y7fmOlUlwoNg_20.000_30.000.flac", seconds=10)
    prepared = prepare_audiocaps(
        tmp_path, annotations_dir=shared_data / "meta/audiocaps", parts="test"
    )
    (cut,) = prepared["test"]["cuts"]
    assert cut.id == "7fmOlUlwoNg_20000" and len(texts(cut)) == 5
    assert texts(cut)[0] == "Constant rattling noise and sharp vibrations"


CLOTHO = "file_name," + ",".join(f"caption_{i}" for i in range(1, 6)) + "\n"


def test_clotho(tmp_path, write_audio, write_text, report_of):
    write_text(
        tmp_path / "clotho_captions_development.csv",
        CLOTHO + ' Birds at \xe9t\xe9.wav,"A, b",B,C,D,\nrain.wav,A,B,C,D,E\n',
        "latin-1",
    )
    write_text(tmp_path / "test.csv", CLOTHO + "rain.wav,a,b,c,d,e\n")
    write_audio(
        tmp_path,
        "development/ Birds at été.wav",
        "development/rain.wav",
        "evaluation/rain.wav",
    )
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="csv:2: .*encoding='latin-1'"):
        prepare_clotho(tmp_path)
    with pytest.raises(FileNotFoundError, match="part 'validation'"):
        prepare_clotho(tmp_path, parts="validation")
    prepared = prepare_clotho(tmp_path, out, encoding="latin-1")
    birds, rain = prepared["development"]["cuts"]
    assert birds.id == "Birds at été"
    assert texts(birds) == ["A, b", "B", "C", "D"]
    assert texts(rain) == ["A", "B", "C", "D", "E"]
    (other,) = prepared["evaluation"]["cuts"]
    assert texts(other) == ["a", "b", "c", "d", "e"]
    report = report_of(out, "clotho", "development")
    assert report["coverage"] == {"found": 2, "expected": 2}
    assert len(report["dropped"]["empty caption"]) == 1
    double = write_text(tmp_path / "x.csv", CLOTHO + "a.wav,,,,,\n" * 2)
    with pytest.raises(ValueError, match=r"x\.csv:3: .*keep one"):
        read_clotho(double, make_table())


@pytest.mark.parametrize(
    "name, clips", [("train", 3839), ("val", 1045), ("test", 1045)]
)
def test_clotho_real_tables(shared_data, name, clips):
    table = make_table()
    read_clotho(shared_data / f"meta/clotho/{name}.csv", table)
    assert len(table.clips) == clips
    assert {len(clip.annotations) for clip in table.clips} == {5}
    assert not table.report.dropped


def test_clotho_real_captions_of_real_audio(shared_data, tmp_path):
    """Recordings of the shared folder are called clotho_<file name>."""
    found = {}
    for path in sorted((shared_data / "soundscapes/audio").glob("clotho_*")):
        found[path.stem.removeprefix("clotho_").replace("_", "")] = path
    meta = shared_data / "meta/clotho"
    rows = {}
    for name in ("train", "val", "test"):
        table = make_table()
        read_clotho(meta / f"{name}.csv", table)
        for clip in table.clips:
            key = clip.id.replace("_", "").replace(" ", "")
            if key in found:
                rows[clip.id] = found[key]
    assert len(rows) >= 5
    for name, path in rows.items():
        (tmp_path / f"{name}.flac").symlink_to(path)
    prepared = prepare_clotho(tmp_path, annotations_dir=meta)
    cuts = [cut for part in prepared.values() for cut in part["cuts"]]
    assert {cut.id for cut in cuts} == set(rows)
    assert all(len(texts(cut)) == 5 and cut.duration > 5 for cut in cuts)


def wavcaps(*rows):
    names = ("id", "caption", "duration")
    data = [dict(zip(names, row, strict=True)) for row in rows]
    return json.dumps({"num_captions_per_audio": 1, "data": data})


def test_wavcaps(tmp_path, write_audio, write_text, report_of):
    meta = tmp_path / "json_files"
    write_text(
        meta / "FreeSound/fsd_final.json",
        wavcaps(("12", "Rain.", 1.0), ("13", "Wind.", 1.0), ("14", "", 9.0)),
    )
    write_text(
        meta / "SoundBible/sb_final.json", wavcaps(("12", "A dog.", 1.0))
    )
    write_text(
        meta / "AudioSet_SL/as_final.json", wavcaps(("Yx.wav", "Music.", 1.0))
    )
    black = write_text(
        tmp_path / "blacklist.json", '{"FreeSound": ["13"], "AudioSet": []}'
    )
    write_audio(
        tmp_path,
        *("FreeSound/12.flac", "FreeSound/13.flac", "FreeSound/14.flac"),
        *("SoundBible/12.flac", "AudioSet_SL/Yx.flac"),
    )
    out = tmp_path / "out"
    prepared = prepare_wavcaps(tmp_path, out, blacklist=black)
    found = {
        part: {cut.id: texts(cut) for cut in one["cuts"]}
        for part, one in prepared.items()
    }
    assert found == {
        "audioset": {"audioset-Yx": ["Music."]},
        "freesound": {"freesound-12": ["Rain."], "freesound-14": []},
        "soundbible": {"soundbible-12": ["A dog."]},
    }
    report = report_of(out, "wavcaps", "freesound")
    assert report["dropped"] == {
        "on the blacklist": ["13"],
        "empty caption": [f"{meta}/FreeSound/fsd_final.json: entry 3"],
    }
    assert report["notes"] == {"not as long as annotated": ["freesound-14"]}


@pytest.mark.parametrize(
    "text, message",
    [
        ("[1, 2", ":1: .*no whole JSON"),
        ("{}", "misplaces 'data'"),
        ('{"data": [{"id": "1"}]}', "misplaces 'duration'"),
        (wavcaps(("1", "a", 1), ("1.wav", "b", 1)), "entry 2: .*keep one"),
    ],
)
def test_damaged_wavcaps_is_named(tmp_path, write_text, text, message):
    path = write_text(tmp_path / "sb_final.json", text)
    with pytest.raises(ValueError, match=rf"sb_final\.json.*{message}"):
        read_wavcaps(path, make_table("soundbible"))


def test_wavcaps_real_table(shared_data):
    folder = shared_data / "meta/wavcaps"
    table = make_table("soundbible")
    read_wavcaps(folder / "soundbible.json", table)
    assert len(table.clips) == 1232 and not table.report.dropped
    assert table.clips[0].id == "soundbible-2219"
    name = "blacklist_exclude_ub8k_esc50_vggsound.json"
    ids = json.loads((folder / name).read_text())["FreeSound"]
    # Freesound's numbers mean nothing to SoundBible; its own source counts.
    other = make_table("soundbible")
    read_wavcaps(folder / "soundbible.json", other, {"FreeSound": ids})
    assert not other.report.dropped
    read_wavcaps(
        folder / "soundbible.json",
        third := make_table("soundbible"),
        {"SoundBible": ["2219", "2218.wav"]},
    )
    assert third.report.dropped == {"on the blacklist": ["2219", "2218"]}


def test_wavcaps_real_table_with_a_little_audio(
    shared_data, tmp_path, write_audio
):
    write_audio(tmp_path, "SoundBible/2218.flac", seconds=1.57)
    prepared = prepare_wavcaps(
        tmp_path, annotations_dir=shared_data / "meta/wavcaps"
    )
    (cut,) = prepared["soundbible"]["cuts"]
    assert texts(cut) == ["Someone is ringing a bell."]


def test_audiosetcaps(tmp_path, write_audio, write_text, report_of):
    table = write_text(
        tmp_path / "AudioSetCaps_caption.csv",
        'id,caption\nYaaaaaaaaaaa,"Rain, wind"\nYaaaaaaaaaaa,Storm\n'
        "bbbbbbbbbbb,Dog\nccccccccccc,Cat\n",
    )
    write_audio(tmp_path, "aaaaaaaaaaa.flac", "Ybbbbbbbbbbb.wav")
    out = tmp_path / "out"
    first, second = prepare_audiosetcaps(tmp_path, out)["train"]["cuts"]
    assert texts(first) == ["Rain, wind", "Storm"] and texts(second) == ["Dog"]
    report = report_of(out, "audiosetcaps", "train")
    assert report["dropped"] == {"missing audio": ["ccccccccccc"]}
    with pytest.raises(ValueError, match="no column 'name'"):
        prepare_audiosetcaps(tmp_path, id_column="name")
    other = write_text(tmp_path / "AudioSetCaps_2.csv", table.read_text())
    with pytest.raises(ValueError, match="several tables; name one"):
        prepare_audiosetcaps(tmp_path)
    assert prepare_audiosetcaps(tmp_path, annotations=other, part="x")["x"]
    with pytest.raises(FileNotFoundError, match="no AudioSetCaps"):
        prepare_audiosetcaps(out)
