"""Raven, Label Studio, tables of pandas, soundevent and crowsetta."""

import json

import pandas
import pytest
from click.testing import CliRunner

from lhotse_recipes import formats, prepare_sed_tables
from lhotse_recipes.cli import export
from lhotse_recipes.clips import Annotation, Clip, ClipTable, supervisions_of
from lhotse_recipes.formats.cuts import clip_of
from lhotse_recipes.formats.labelstudio import labelstudio_tasks
from lhotse_recipes.io import PrepareReport

EVENTS = [
    Annotation("event", "a dog", "Dog", 0.5, 1.25, "/m/0bt9lr", 0.75),
    Annotation("event", "rain", 'say "rain"', 1.0, 3.5),
]
ONE_FILE = ("csv", "parquet", "labelstudio", "soundevent", "crowsetta")


def spans(clip):
    return [(one.onset, one.offset, one.label) for one in clip.of_kind("event")]


def new_table():
    return ClipTable(PrepareReport("corpus", "test"))


def cut_with(make_cut, annotations=EVENTS, name="street/yard.wav"):
    clip = Clip("yard", name, annotations=list(annotations))
    return make_cut(supervisions_of(clip, 10.0), name)


@pytest.mark.parametrize("kind", [*ONE_FILE, "raven"])
def test_what_is_written_is_read(make_cut, tmp_path, kind):
    if kind in ("soundevent", "crowsetta"):
        pytest.importorskip(kind)
    cut = cut_with(make_cut)
    target = tmp_path / "all.json"
    write = getattr(formats, f"export_{kind}")
    written = write([cut], target)
    path = written[0] if kind == "raven" else written
    reader = "dcase" if kind == "csv" else kind
    table = new_table()
    getattr(formats, f"read_{reader}")(path, table)
    (clip,) = table.clips
    assert clip.id == "yard"
    assert spans(clip) == spans(clip_of(cut))
    if kind in ("csv", "parquet"):
        assert [(a.text, a.mid, a.confidence) for a in clip.annotations] == [
            (a.text, a.mid, a.confidence) for a in EVENTS
        ]
    if kind in ("raven", "labelstudio"):
        assert [a.confidence for a in clip.annotations] == [0.75, None]
    assert not table.report.dropped


@pytest.mark.parametrize(
    "kind", ["csv", "parquet", "labelstudio", "soundevent"]
)
def test_clips_without_events_are_kept(make_cut, tmp_path, kind):
    if kind == "soundevent":
        pytest.importorskip(kind)
    path = getattr(formats, f"export_{kind}")([make_cut()], tmp_path / "a.json")
    table = new_table()
    reader = "dcase" if kind == "csv" else kind
    getattr(formats, f"read_{reader}")(path, table)
    (clip,) = table.clips
    assert (clip.id, clip.annotations) == ("yard", [])


RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\t"
    "High Freq (Hz)\tSpecies\n"
    "1\tWaveform 1\t1\t0.5\t1.25\t0\t8000\twren\n"
    "1\tSpectrogram 1\t1\t0.5\t1.25\t100\t4000\twren\n"
    "2\tSpectrogram 1\t1\t2.0\t2.5\t100\t4000\t\n"
)
BIRDNET = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tCommon Name\t"
    "Confidence\tBegin Path\tFile Offset (s)\n"
    "1\tSpectrogram 1\t1\t0\t3.0\tWren\t0.8\t/a/one.wav\t0\n"
    "2\tSpectrogram 1\t1\t603.0\t606.0\tRobin\t0.5\t/a/two.wav\t3.0\n"
)


def test_tables_of_raven_and_birdnet(tmp_path):
    path = tmp_path / "yard.Table.1.selections.txt"
    path.write_text(RAVEN)
    table = new_table()
    formats.read_raven(path, table)
    (clip,) = table.clips
    assert (clip.id, spans(clip)) == ("yard", [(0.5, 1.25, "wren")])
    assert table.report.counts == {
        "further views of a selection passed over": 1,
        "bounds of frequency passed over": 2,
    }
    assert list(table.report.dropped) == ["selections without a label"]
    path = tmp_path / "all.txt"
    path.write_text(BIRDNET)
    table = new_table()
    formats.read_raven(path, table)
    assert [(c.id, spans(c)) for c in table.clips] == [
        ("one", [(0.0, 3.0, "Wren")]),
        ("two", [(3.0, 6.0, "Robin")]),
    ]
    assert table.clips[0].annotations[0].confidence == 0.8
    # Two results that were joined: each begins with selection 1.
    again = BIRDNET.splitlines()[1].replace("one.wav", "three.wav")
    path.write_text(f"{BIRDNET}{again}\n")
    table = new_table()
    formats.read_raven(path, table)
    assert (table.clips[2].id, spans(table.clips[2])) == (
        "three",
        [(0.0, 3.0, "Wren")],
    )


@pytest.mark.parametrize(
    "text, words",
    [
        (RAVEN.replace("Species", "Mine"), "no column .* as label_column"),
        (RAVEN.replace("0.5", "x"), ":2: 'x' is no time"),
        (
            BIRDNET.replace("File Offset (s)", "Other"),
            "column in Raven",
        ),
        (BIRDNET.replace("0.8", "high"), ":2: the score 'high' is no number"),
        (BIRDNET.replace("603.0", "x"), ":3: could not convert"),
        ("Selection\tBegin Time (s)\n", "no column 'End Time"),
    ],
)
def test_what_raven_did_not_write(tmp_path, text, words):
    path = tmp_path / "yard.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        formats.read_raven(path, new_table())


def result(start, end, *labels, kind="labels"):
    key = {"choices": "choices", "textarea": "text"}.get(kind, "labels")
    value = {key: list(labels)}
    if start is not None:
        value.update(start=start, end=end)
    return {"type": kind, "value": value, "from_name": "x", "to_name": "audio"}


def task(*annotations, audio="/data/upload/3/0a1b2c3d-yard.wav"):
    about = {"id": 7, "data": {"audio": audio}}
    return {**about, "annotations": list(annotations)}


def read_tasks(tmp_path, *tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    table = new_table()
    formats.read_labelstudio(path, table)
    return table


def test_exports_of_label_studio(tmp_path):
    first = {"result": [result(0, 1, "Cat")], "created_at": "2026-01-01"}
    later = {
        "result": [
            result(0.5, 1.25, "Dog", "Pet"),
            result(None, None, "Animal", kind="choices"),
            result(None, None, "A dog barks.", kind="textarea"),
            result(0.5, 1.0, "hello", kind="textarea"),
        ],
        "created_at": "2026-02-01",
    }
    table = read_tasks(tmp_path, task(first, later))
    (clip,) = table.clips
    assert (clip.name, clip.aliases) == ("yard.wav", ("0a1b2c3d-yard.wav",))
    assert spans(clip) == [(0.5, 1.25, "Dog"), (0.5, 1.25, "Pet")]
    assert [one.label for one in clip.of_kind("tag")] == ["Animal"]
    assert [one.text for one in clip.of_kind("caption")] == ["A dog barks."]
    assert set(table.report.dropped) == {
        "annotations of further annotators",
        "results of the type textarea",
    }
    first["ground_truth"] = True
    assert spans(read_tasks(tmp_path, task(first, later)).clips[0]) == [
        (0.0, 1.0, "Cat")
    ]
    first["was_cancelled"] = True
    table = read_tasks(tmp_path, task(first))
    assert table.clips[0].annotations == []
    assert table.report.counts == {"cancelled annotations passed over": 1}


@pytest.mark.parametrize(
    "audio, name",
    [
        ("s3://bucket/street%20a/yard.wav", "/street a/yard.wav"),
        ("/data/local-files/?d=street/a%20b.wav", "street/a b.wav"),
        ("http://x/data/upload/0a1b2c3d-yard.wav", "yard.wav"),
        ("street/100%.wav", "street/100%.wav"),
    ],
)
def test_names_in_label_studio(tmp_path, audio, name):
    table = read_tasks(tmp_path, task(audio=audio))
    assert table.clips[0].name == name


def test_short_exports_of_label_studio(tmp_path):
    short = {
        "audio": "/data/upload/1/0a1b2c3d-yard.wav",
        "id": 1,
        "label": [{"start": 0.5, "end": 1.0, "channel": 0, "labels": ["Dog"]}],
        "tags": {"choices": ["Animal", "Pet"]},
    }
    table = read_tasks(tmp_path, short)
    (clip,) = table.clips
    assert spans(clip) == [(0.5, 1.0, "Dog")]
    assert [one.label for one in clip.of_kind("tag")] == ["Animal", "Pet"]


def test_texts_in_short_exports_are_no_tags(tmp_path):
    short = {
        "audio": "yard.wav",
        "id": 1,
        "annotator": 1,
        "lead_time": 2.5,
        "created_at": "2026-01-01",
        "tags": "Animal",
        "caption": "A dog barks.",
        "speech": ["come here", "now"],
        "transcription": "come here",
    }
    table = read_tasks(tmp_path, short)
    (clip,) = table.clips
    assert [(one.kind, one.text) for one in clip.annotations] == [
        ("tag", "Animal"),
        ("caption", "A dog barks."),
    ]
    assert {
        reason: len(what) for reason, what in table.report.dropped.items()
    } == {
        "texts of 'speech' without times and kind: export as JSON": 2,
        "texts of 'transcription' without times and kind: export as JSON": 1,
    }


@pytest.mark.parametrize(
    "bad, words",
    [
        (task({"result": [{"type": "labels"}]}), r"task 1 \(id 7\).*'value'"),
        (task({"result": [result(1, "x", "Dog")]}), "'x' is no time"),
        (task({}), "lacks or misplaces 'result'"),
        ({"id": 1, "data": {"image": "a.png"}}, "no 'audio' among image"),
        (5, "task 1: lacks"),
        (task({"result": [result(0, 1, 5)]}), "lacks or misplaces"),
    ],
)
def test_what_label_studio_did_not_write(tmp_path, bad, words):
    with pytest.raises(ValueError, match=words):
        read_tasks(tmp_path, bad)


def test_predictions_are_what_annotators_start_from(make_cut, tmp_path):
    clip = clip_of(cut_with(make_cut))
    (made,) = labelstudio_tasks([clip], "flexsed")
    assert made["predictions"][0]["model_version"] == "flexsed"
    assert "annotations" not in made
    table = read_tasks(tmp_path, made)
    assert list(table.report.notes) == ["predictions, annotated by nobody"]
    assert spans(table.clips[0]) == spans(clip)
    (plain,) = labelstudio_tasks([Clip("a", "a.wav")])
    assert plain["annotations"] == [{"result": []}]


def test_data_frames(tmp_path, make_cut, write_audio):
    frame = formats.events_frame([cut_with(make_cut, name="yard.wav")])
    assert list(frame["event_label"]) == ["Dog", 'say "rain"']
    assert frame["score"].isna().tolist() == [False, True]
    write_audio(tmp_path, "yard.wav", "rest.wav", seconds=5)
    frame.loc[len(frame)] = ["rest.wav"] + [None] * 6
    prepared = prepare_sed_tables(tmp_path, annotations=frame)
    rest, yard = sorted(prepared["all"]["cuts"], key=lambda cut: cut.id)
    assert (rest.id, len(yard.supervisions)) == ("rest", 2)
    bad = pandas.DataFrame({"filename": ["yard.wav"], "onset": [1.0]})
    with pytest.raises(ValueError, match="no column event_label, offset"):
        prepare_sed_tables(tmp_path, annotations=bad)
    bad = frame.assign(onset=["x", 1, None])
    with pytest.raises(ValueError, match="row 1: 'x' is no time"):
        prepare_sed_tables(tmp_path, annotations=bad)
    with pytest.raises(ValueError, match="a DataFrame has neither"):
        prepare_sed_tables(tmp_path, annotations=frame, format="raven")


def test_tables_of_detections_are_read(tmp_path):
    path = tmp_path / "yard.csv"
    path.write_text('phrase,onset,offset,score\n"rain, wind",0.5,1.0,0.9\n')
    table = new_table()
    formats.read_dcase(path, table)
    assert spans(table.clips[0]) == [(0.5, 1.0, "rain, wind")]
    assert table.clips[0].annotations[0].confidence == 0.9


def test_damaged_parquet_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(ValueError, match="a.parquet: no whole parquet"):
        formats.read_parquet(path, new_table())


def test_geometries_and_scores_of_soundevent(tmp_path):
    pytest.importorskip("soundevent")
    from soundevent import data, io

    recording = data.Recording(
        path="yard.wav", duration=10, channels=1, samplerate=16000
    )
    species = data.Term(name="dwc:scientificName", label="x", definition="x")

    def heard(shape, tags=("wren",)):
        return data.SoundEventPrediction(
            score=0.5,
            sound_event=data.SoundEvent(recording=recording, geometry=shape),
            tags=[
                data.PredictedTag(
                    tag=data.Tag(term=species, value=value), score=0.5
                )
                for value in tags
            ],
        )

    clip = data.ClipPrediction(
        clip=data.Clip(recording=recording, start_time=0, end_time=10),
        sound_events=[
            heard(data.BoundingBox(coordinates=[1, 100, 2, 900])),
            heard(data.LineString(coordinates=[[3, 1], [5, 2], [4, 9]])),
            heard(data.Point(coordinates=[6, 100])),
            heard(data.TimeStamp(coordinates=7)),
            heard(data.TimeInterval(coordinates=[8, 9]), tags=()),
        ],
    )
    path = tmp_path / "a.json"
    io.save(data.PredictionSet(name="p", clip_predictions=[clip]), path)
    table = new_table()
    formats.read_soundevent(path, table)
    (read,) = table.clips
    assert read.duration == 10
    assert spans(read) == [
        (start, end, "wren") for start, end in [(1, 2), (3, 5), (6, 6), (7, 7)]
    ]
    assert read.annotations[0].confidence == 0.5
    assert len(table.report.dropped) == 1
    path.write_text('{"data": 1}')
    with pytest.raises(ValueError, match="soundevent cannot read it"):
        formats.read_soundevent(path, new_table())


def test_formats_of_crowsetta(tmp_path, write_audio):
    pytest.importorskip("crowsetta")
    write_audio(tmp_path, "yard.wav", seconds=5)
    labels = tmp_path / "yard.txt"
    labels.write_text("0.5\t1.25\twren\n2.0\t2.5\trobin\n")
    prepared = prepare_sed_tables(tmp_path, format="crowsetta:aud-seq")
    (cut,) = prepared["all"]["cuts"]
    assert [sup.text for sup in cut.supervisions] == ["wren", "robin"]
    with pytest.raises(ValueError, match="no format 'nope'; it has aud-bbox"):
        prepare_sed_tables(tmp_path, format="crowsetta:nope")
    with pytest.raises(FileNotFoundError, match="those of notmat end in"):
        prepare_sed_tables(tmp_path, format="crowsetta:notmat")
    labels.write_text("x\n")
    with pytest.raises(ValueError, match="crowsetta cannot read it as aud-seq"):
        prepare_sed_tables(tmp_path, format="crowsetta:aud-seq")


def test_raven_is_told_by_its_header(tmp_path, write_audio):
    write_audio(tmp_path, "yard.wav", seconds=5)
    (tmp_path / "yard.selections.txt").write_text(RAVEN)
    (cut,) = prepare_sed_tables(tmp_path)["all"]["cuts"]
    assert [sup.text for sup in cut.supervisions] == ["wren"]


@pytest.mark.parametrize("kind", [*ONE_FILE, "raven"])
def test_the_command(tmp_path, make_cut, make_cuts, kind):
    if kind in ("soundevent", "crowsetta"):
        pytest.importorskip(kind)
    make_cuts(cut_with(make_cut)).to_file(tmp_path / "cuts.jsonl")
    out = str(tmp_path / "out")
    args = [str(tmp_path / "cuts.jsonl"), out, "--format", kind]
    done = CliRunner().invoke(export, args)
    assert done.exit_code == 0, done.output
    assert f"1 {kind} file" in done.output


def test_crowsetta_needs_events(tmp_path, make_cut):
    pytest.importorskip("crowsetta")
    with pytest.raises(ValueError, match="no cut has an event"):
        formats.export_crowsetta([make_cut()], tmp_path / "a.csv")
