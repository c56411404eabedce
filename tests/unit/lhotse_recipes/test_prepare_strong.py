"""Corpora with timed events: DESED, URBAN-SED, AudioGrounding, FineLAP."""

import json

import pytest

from lhotse_recipes import (
    prepare_audiogrounding,
    prepare_desed,
    prepare_finelap,
    prepare_urbansed,
)
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.corpora.audiogrounding import read_audiogrounding
from lhotse_recipes.formats.dcase import read_dcase
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import captions_of, events_of, tags_of
from lhotse_recipes.vocabulary import Vocabulary

EVENTS = "filename\tonset\toffset\tevent_label\n"


def test_desed_as_distributed(tmp_path, write_audio, write_text, report_of):
    meta, audio = tmp_path / "metadata", tmp_path / "audio"
    write_text(
        meta / "train/weak.tsv",
        "filename\tevent_labels\nYa_0.000_10.000.wav\tDog,Speech\n"
        "Yb_0.000_10.000.wav\tCat\n",
    )
    write_text(
        meta / "train/unlabel_in_domain.tsv", "filename\nYc_1.000_2.000.wav\n"
    )
    for name, label in (("train", "Cat"), ("validation", "Dog")):
        write_text(
            meta / f"{name}/synthetic21_{name}/soundscapes.tsv",
            f"{EVENTS}1.wav\t0.25\t0.5\t{label}\n",
        )
    write_text(
        meta / "validation/validation.tsv",
        EVENTS + "Yd_1.000_2.000.wav\t0.0\t1.115\tFrying\n"
        "Ye_1.000_2.000.wav\t\t\t\nYf_1.000_2.000.wav\t0\t1\tSpeech\n",
    )
    # The official folder has the parts of validation as tables, too.
    write_text(meta / "validation/test_dcase2018.tsv", EVENTS)
    write_text(meta / "eval/public.tsv", EVENTS + "g.wav\t2\t3\tBlender\n")
    write_audio(
        audio,
        "train/weak/Ya_0.000_10.000.wav",
        "train/unlabel_in_domain/Yc_1.000_2.000.wav",
        "train/synthetic21_train/soundscapes/1.wav",
        "validation/synthetic21_validation/soundscapes/1.wav",
        "validation/validation/Yd_1.000_2.000.wav",
        "validation/validation/Ye_1.000_2.000.wav",
        "eval/public/g.wav",
    )
    out = tmp_path / "out"
    prepared = prepare_desed(tmp_path, out)
    assert list(prepared) == [
        "weak",
        "unlabelled",
        "synthetic",
        "synthetic_validation",
        "validation",
        "public",
    ]
    (weak,) = prepared["weak"]["cuts"]
    assert [tag.label for tag in tags_of(weak)] == ["Dog", "Speech"]
    assert weak.events_complete is False and weak.vocabulary == "desed"
    assert len(weak.negatives) == 8 and "Dog" not in weak.negatives
    (unlabelled,) = prepared["unlabelled"]["cuts"]
    assert unlabelled.supervisions == []
    assert unlabelled.events_complete is False
    for part, label in (("synthetic", "Cat"), ("synthetic_validation", "Dog")):
        (cut,) = prepared[part]["cuts"]
        assert [event.label for event in events_of(cut)] == [label]
        assert cut.events_complete is True
    frying, empty = prepared["validation"]["cuts"]
    assert events_of(frying)[0].end == 1.0 and not empty.supervisions
    assert events_of(frying)[0].mid == "/m/0dxrf"
    report = report_of(out, "desed", "validation")
    assert report["coverage"] == {"found": 2, "expected": 3}
    assert report["counts"]["clipped to the recording"] == 1
    assert report["dropped"] == {"missing audio": ["Yf_1.000_2.000"]}
    assert report_of(out, "desed", "public")["dropped"] == {
        "outside the recording": ["g-e0"]
    }
    assert list(prepare_desed(tmp_path, parts=["public"])) == ["public"]


def test_desed_names_what_is_wrong(tmp_path, write_audio, write_text):
    write_audio(tmp_path, "a.wav")
    with pytest.raises(FileNotFoundError, match="github.com/turpaultn/DESED"):
        prepare_desed(tmp_path)
    table = write_text(tmp_path / "weak.tsv", "filename\tevent_labels\n")
    for row, message in (
        ("a.wav\tDog,Cow", ":2: 'Cow' is not in the vocabulary desed"),
        ("a.wav\tDog\na.wav\tCat", ":3: .*keep one"),
    ):
        table.write_text(f"filename\tevent_labels\n{row}\n")
        with pytest.raises(ValueError, match=rf"weak\.tsv{message}"):
            prepare_desed(tmp_path)
    table.write_bytes(b"filename\tevent_labels\na.wav\tDog # \xe9\n")
    with pytest.raises(ValueError, match=r"weak\.tsv:2: .*encoding='latin-1'"):
        prepare_desed(tmp_path)
    with pytest.raises(ValueError, match="weak.tsv:2: 'Dog # é' is not in"):
        prepare_desed(tmp_path, encoding="latin-1")
    table.unlink()
    write_text(tmp_path / "public.tsv", EVENTS + "a.wav\t0\t1\tDog\n")
    with pytest.raises(FileNotFoundError, match="no annotation .* 'weak'"):
        prepare_desed(tmp_path, parts="weak")
    with pytest.raises(ValueError, match="no part 'train'"):
        prepare_desed(tmp_path, parts=["train"])


@pytest.mark.parametrize(
    "name, clips, annotations",
    [
        ("train__weak", 1578, 2244),
        ("train__unlabel_in_domain", 14412, 0),
        ("validation__validation", 1168, 4224),
        ("validation__eval_dcase2018", 880, 3328),
        ("validation__test_dcase2018", 288, 896),
        ("eval__public", 692, 2765),
    ],
)
def test_desed_real_tables(shared_data, name, clips, annotations):
    table = ClipTable(PrepareReport("desed", name), Vocabulary.load("desed"))
    read_dcase(shared_data / f"meta/desed/{name}.tsv", table)
    assert len(table.clips) == clips
    assert sum(len(c.annotations) for c in table.clips) == annotations
    # Three weak labels are written twice.
    double = len(table.report.dropped.pop("repeated row", []))
    assert double == (3 if name == "train__weak" else 0)
    assert not table.report.dropped


def test_desed_real_tables_with_a_little_audio(
    shared_data, tmp_path, write_audio
):
    write_audio(
        tmp_path,
        "YKK227gPpRn4_30.000_40.000.wav",
        "Y--CE2f-ttEQ_30.000_40.000.flac",
        "Y00pbt6aJV8Y_350.000_360.000.wav",
        "1Ro0FgMWTUE_120_130.wav",
        seconds=10,
    )
    meta = shared_data / "meta/desed"
    prepared = prepare_desed(tmp_path, annotations_dir=meta)
    found = {
        part: [(cut.id, len(cut.supervisions)) for cut in one["cuts"]]
        for part, one in prepared.items()
    }
    assert found == {
        "weak": [("YKK227gPpRn4_30.000_40.000", 2)],
        "unlabelled": [("Y--CE2f-ttEQ_30.000_40.000", 0)],
        "validation": [("Y00pbt6aJV8Y_350.000_360.000", 1)],
        "public": [("1Ro0FgMWTUE_120_130", 7)],
    }


def jams(label, onset=0.25, namespace="scaper"):
    value = {"label": label, "role": "foreground"}
    event = {"time": onset, "duration": 0.5, "value": value}
    return json.dumps(
        {
            "annotations": [{"namespace": namespace, "data": [event]}],
            "file_metadata": {"duration": 1.0},
        }
    )


def test_urbansed_as_distributed(tmp_path, write_audio, write_text):
    root = tmp_path / "URBAN-SED_v2.0.0"
    for part in ("train", "validate", "test"):
        name = f"soundscape_{part}_uniform0"
        write_text(root / f"annotations/{part}/{name}.jams", jams("siren"))
        write_audio(root / f"audio/{part}", f"{name}.wav")
    prepared = prepare_urbansed(tmp_path, tmp_path / "out", num_jobs=2)
    assert list(prepared) == ["train", "validate", "test"]
    (cut,) = prepared["validate"]["cuts"]
    (event,) = events_of(cut)
    assert (event.start, event.end, event.label) == (0.25, 0.75, "siren")
    assert (cut.vocabulary, cut.events_complete) == ("urbansed", True)
    assert (tmp_path / "out/urban-sed_cuts_test.jsonl.gz").is_file()
    write_text(root / "annotations/test/x.jams", jams("whistle"))
    with pytest.raises(ValueError, match=r"x\.jams: scaper 1: 'whistle' is"):
        prepare_urbansed(tmp_path, parts="test")
    with pytest.raises(FileNotFoundError, match="no .jams files in folders"):
        prepare_urbansed(tmp_path, annotations_dir=tmp_path / "out")


ENTRY = {
    "audiocap_id": 7,
    "audio_id": "Yabcdefghijk_30.000_40.000.wav",
    "tokens": "a dog barks and a cat meows",
    "phrases": [
        {
            "phrase": "a dog barks",
            "start_index": 0,
            "end_index": 2,
            "segments": [[0.25, 0.5], [0.75, 2.0]],
        },
        {
            "phrase": "a cat",
            "start_index": 4,
            "end_index": 5,
            "segments": [[0, 0]],
        },
    ],
}


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize(
    "audio",
    [
        "Yabcdefghijk_30.000_40.000.wav",
        "abcdefghijk_30000.flac",
        "test/Yabcdefghijk.wav",
    ],
)
def test_audiogrounding(
    tmp_path, write_audio, write_text, report_of, suffix, audio
):
    text = json.dumps(ENTRY if suffix == "jsonl" else [ENTRY])
    write_text(tmp_path / f"meta/test.{suffix}", text)
    write_audio(tmp_path, audio)
    out = tmp_path / "out"
    (cut,) = prepare_audiogrounding(tmp_path, out)["test"]["cuts"]
    assert cut.id == "abcdefghijk_30000"
    assert cut.events_complete is False and cut.negatives == ["a cat"]
    first, second = events_of(cut)
    assert (first.text, first.start, first.end) == ("a dog barks", 0.25, 0.5)
    assert (first.audiocap_id, first.start_index) == (7, 0)
    assert second.end == 1.0
    (caption,) = captions_of(cut)
    assert caption.text == "a dog barks and a cat meows"
    assert caption.audiocap_id == 7
    report = report_of(out, "audiogrounding", "test")
    assert report["dropped"] == {"phrase that nobody heard": ["7: a cat"]}


def test_audiogrounding_names_what_is_wrong(tmp_path, write_text):
    table = ClipTable(PrepareReport("audiogrounding", "test"))
    path = tmp_path / "test.json"
    for text, message in (
        ("[", ":1: Expecting value; fetch the table again|:1: .*fetch"),
        ("{}", "not a list of captions"),
        ('[{"audio_id": "x"}]', "entry 1: lacks or misplaces 'audiocap_id'"),
        (
            json.dumps([ENTRY]).replace("[0.25, 0.5]", "[0.25]"),
            "entry 1: lacks or misplaces",
        ),
        (
            json.dumps([ENTRY]).replace("0.25", '"early"'),
            "entry 1: 'early' is no time",
        ),
    ):
        write_text(path, text)
        with pytest.raises(ValueError, match=message) as error:
            read_audiogrounding(path, table)
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "part, captions, clips, phrases, unheard, events",
    [
        ("train", 4489, 4489, 12373, 383, 19813),
        ("val", 155, 31, 451, 7, 729),
        ("test", 350, 70, 1161, 46, 1668),
    ],
)
def test_audiogrounding_real_tables(
    shared_data, part, captions, clips, phrases, unheard, events
):
    table = ClipTable(PrepareReport("audiogrounding", part))
    path = shared_data / f"meta/audiogrounding/{part}.jsonl"
    read_audiogrounding(path, table)
    kinds = [one.kind for clip in table.clips for one in clip.annotations]
    assert len(table.clips) == clips
    assert (kinds.count("caption"), kinds.count("event")) == (captions, events)
    assert table.report.counts == {"phrases": phrases}
    assert len(table.report.dropped["phrase that nobody heard"]) == unheard


def test_finelap(tmp_path, write_audio, write_text, report_of):
    rows = [
        {
            "audio_id": "mix_0000",
            "audio_path": "D:\\data\\x\\mix_0000.wav",
            "caption": "A dog.",
            "phrases": [{"phrase": "Dog", "segments": [[0.2, 0.4]]}],
        },
        {"audio_id": "b.wav", "caption": ["One.", "Two."]},
        {"audio_id": "gone.wav", "caption": "Gone."},
    ]
    lines = "\n".join(map(json.dumps, rows))
    write_text(tmp_path / "FineLAP-100k.jsonl", lines + "\n")
    write_audio(tmp_path, "x/mix_0000.flac", "y/mix_0000.flac", "b.wav")
    out = tmp_path / "out"
    mixture, captioned = prepare_finelap(tmp_path, out)["FineLAP-100k"]["cuts"]
    assert mixture.recording.sources[0].source == f"{tmp_path}/x/mix_0000.flac"
    assert (mixture.events_complete, captioned.events_complete) == (True, False)
    assert [event.text for event in events_of(mixture)] == ["Dog"]
    assert [one.text for one in captions_of(captioned)] == ["One.", "Two."]
    report = report_of(out, "finelap", "FineLAP-100k")
    assert report["dropped"] == {"missing audio": ["gone"]}
    write_text(tmp_path / "old/FineLAP-100k.jsonl", "")
    with pytest.raises(ValueError, match="two files called FineLAP-100k"):
        prepare_finelap(tmp_path)
    with pytest.raises(FileNotFoundError, match="no .jsonl file"):
        prepare_finelap(tmp_path, annotations_dir=tmp_path / "x")


def test_finelap_real_lines_with_a_little_audio(
    shared_data, tmp_path, write_audio
):
    write_audio(tmp_path, "AudioSet_SL/YdoDQsgDRZ9w.wav", seconds=10)
    prepared = prepare_finelap(
        tmp_path,
        annotations_dir=shared_data / "meta/audioset/finelap_examples",
        parts=["training_metadata_example"],
    )
    (cut,) = prepared["training_metadata_example"]["cuts"]
    assert [event.text for event in events_of(cut)] == ["Music", "Tick"]
