import csv
import json
import os

import numpy as np
import pytest
import soundfile as sf
from lhotse import CutSet

from lhotse_recipes import prepare_audioset_strong
from lhotse_recipes.corpora.audioset_strong import audio_names
from lhotse_recipes.schema import events_of
from lhotse_recipes.vocabulary import Vocabulary

HEADER = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
DOG, MUSIC, TICK = "/m/0bt9lr", "/m/04rlf", "/m/07qjznt"


def write_table(folder, part, rows):
    lines = ["\t".join(map(str, row)) + "\n" for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"audioset_{part}_strong.tsv"
    path.write_text(HEADER + "".join(lines))
    return path


def write_audio(path, seconds=10.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16000))
    sf.write(path, noise, 16000)


def report_of(folder, part):
    path = folder / f"audioset-strong_report_{part}.json"
    return json.loads(path.read_text())


SEGMENT = "b0RFKhbpFJA_30000"


@pytest.mark.parametrize(
    "name",
    [
        "b0RFKhbpFJA_30000.flac",
        "Yb0RFKhbpFJA_30000.wav",
        "train/deep/b0RFKhbpFJA.flac",
        "Yb0RFKhbpFJA.flac",
        "b0RFKhbpFJA_30.wav",
        "Yb0RFKhbpFJA_30.000.wav",
        "Yb0RFKhbpFJA_30.000_40.000.wav",
        "b0RFKhbpFJA_30_40.wav",
        "b0RFKhbpFJA_30000_40000.FLAC",
    ],
)
def test_audio_is_found_under_its_usual_names(tmp_path, name):
    write_table(tmp_path, "eval", [(SEGMENT, 1.0, 2.0, DOG)])
    write_audio(tmp_path / name, 1.0)
    parts = prepare_audioset_strong(tmp_path)
    assert list(parts) == ["eval"]
    assert [cut.id for cut in parts["eval"]["cuts"]] == [SEGMENT]


def test_names_of_long_videos_keep_their_digits():
    names = set(audio_names("-_Y1234567a_12345678"))
    assert "Y-_Y1234567a_12345.678_12355.678" in names
    assert "-_Y1234567a_12345.678" in names
    assert set(audio_names("abc_0")) >= {"abc_0", "abc_0_10", "Yabc_0.000"}
    assert list(audio_names("no-start")) == ["no-start", "Yno-start"]


def test_part_of_the_corpus_gives_a_coverage_report(tmp_path, capsys):
    corpus, output = tmp_path / "corpus", tmp_path / "out"
    write_table(
        corpus / "meta",
        "train",
        [
            ("aaaaaaaaaaa_0", 0.0, 10.0, MUSIC),
            ("aaaaaaaaaaa_0", 6.2, 6.3, TICK),
            ("aaaaaaaaaaa_0", 6.2, 6.3, TICK),
            ("aaaaaaaaaaa_0", 7.0, 7.0, TICK),
            ("bbbbbbbbbbb_5000", 3.0, 2.0, DOG),
            ("ccccccccccc_0", 0.0, 1.0, DOG),
        ],
    )
    write_table(corpus / "meta", "eval", [("ddddddddddd_0", 0.0, 1.0, DOG)])
    write_audio(corpus / "audio/aaaaaaaaaaa_0.flac", 9.98)
    write_audio(corpus / "audio/Ybbbbbbbbbbb.wav", 10.0)
    (corpus / "audio/ddddddddddd.wav").write_bytes(b"")
    parts = prepare_audioset_strong(corpus, output)

    printed = capsys.readouterr().out
    assert "audioset-strong train: audio for 2 of 3 clips (66.7 %)" in printed
    report = report_of(output, "train")
    assert report["coverage"] == {"found": 2, "expected": 3}
    assert report["ids"] == ["aaaaaaaaaaa_0", "bbbbbbbbbbb_5000"]
    table = corpus / "meta/audioset_train_strong.tsv"
    assert {k: d["items"] for k, d in report["dropped"].items()} == {
        "missing audio": ["ccccccccccc_0"],
        "repeated row": [f"{table}:4"],
        "ends before it begins": [f"{table}:6"],
        "shorter than 0.001 s": ["aaaaaaaaaaa_0-e2"],
    }
    assert report["counts"]["clipped to the recording"] == 1
    # The clip without a usable event is kept.
    assert report["counts"]["recordings without supervisions"] == 1
    empty = parts["train"]["cuts"]["bbbbbbbbbbb_5000"]
    assert empty.supervisions == [] and empty.events_complete is True

    unreadable = report_of(output, "eval")
    assert unreadable["coverage"] == {"found": 0, "expected": 1}
    assert unreadable["dropped"]["unreadable audio"]["items"] == [
        f"{corpus}/audio/ddddddddddd.wav is empty (0 bytes): fetch it again"
    ]
    with pytest.raises(ValueError, match=r"ddddddddddd\.wav is empty.*; repl"):
        prepare_audioset_strong(corpus, strict=True)

    cuts = CutSet.from_file(output / "audioset-strong_cuts_train.jsonl.gz")
    music, tick = events_of(next(iter(cuts)))
    assert (music.label, music.mid, music.text) == ("Music", MUSIC, "Music")
    assert (music.start, music.end) == (0.0, 9.98)
    assert (tick.start, tick.end) == (6.2, 6.3)

    # Dog is the one label of both tables.
    vocabulary = Vocabulary.load(output / "audioset_strong.csv")
    assert vocabulary.name == "audioset_strong"
    assert vocabulary.evaluated_labels == ("Dog",)


def test_the_real_rows(shared_data, tmp_path):
    sample = shared_data / "meta/audioset/audioset_strong_small_sample.tsv"
    with open(sample, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    vocabulary = Vocabulary.load("audioset_strong")
    table = []
    for row in rows:
        # "YdoDQsgDRZ9w.flac" is the segment of video doDQsgDRZ9w.
        segment = f"{row['filename'][1:-5]}_30000"
        mid = vocabulary.entry(row["event_label"]).mid
        table.append((segment, row["onset"], row["offset"], mid))
    write_table(tmp_path, "train", table)
    for name in sorted({row["filename"] for row in rows})[1:]:
        write_audio(tmp_path / "audio" / name, 9.9)
    parts = prepare_audioset_strong(tmp_path, tmp_path / "out", num_jobs=2)
    report = report_of(tmp_path / "out", "train")
    assert report["coverage"] == {"found": 9, "expected": 10}
    assert list(report["dropped"]) == ["missing audio"]
    kept = set(report["ids"])
    expected = {
        (
            row[0],
            vocabulary.label_of(row[3]),
            float(row[1]),
            min(9.9, float(row[2])),
        )
        for row in table
        if row[0] in kept
    }
    made = {
        (cut.id, sup.label, sup.start, sup.end)
        for cut in parts["train"]["cuts"]
        for sup in events_of(cut)
    }
    assert made == expected
    assert len(made) > 60


def test_the_result_does_not_depend_on_the_number_of_jobs(tmp_path):
    names = [f"{i:011d}" for i in range(9)]
    rows = [(f"{name}_0", 0.1, 0.2, DOG) for name in names]
    write_table(tmp_path / "in", "train", rows)
    for name in names:
        write_audio(tmp_path / "in" / f"{name}.wav", 0.5)
    for jobs in (1, 3):
        prepare_audioset_strong(
            tmp_path / "in", tmp_path / f"out{jobs}", num_jobs=jobs
        )
    for name in os.listdir(tmp_path / "out1"):
        one = (tmp_path / "out1" / name).read_bytes()
        assert one == (tmp_path / "out3" / name).read_bytes()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{SEGMENT}\tx\t1.0\t{DOG}\n", "could not convert.*'x'; correct"),
        (f"{SEGMENT}\tnan\t1.0\t{DOG}\n", "nan to 1.0 is no span of time"),
        (f"{SEGMENT}\t0.0\t1.0\n", "3 fields where the header has 4"),
        (f"{SEGMENT}\t0.0\t1.0\t/m/nope\n", "'/m/nope' is not in the vocabu"),
        (f"{SEGMENT}\t0.0\t1.0\tDogg\n", "did you mean 'Dog'"),
        (f"\t0.0\t1.0\t{DOG}\n", "empty segment_id"),
    ],
)
def test_malformed_rows_name_file_and_line(tmp_path, row, message):
    path = write_table(tmp_path, "train", [(SEGMENT, 0.0, 1.0, DOG)])
    with open(path, "a") as file:
        file.write(row)
    with pytest.raises(ValueError, match=rf"train_strong\.tsv:3: .*{message}"):
        prepare_audioset_strong(tmp_path)


def test_two_files_for_one_segment_are_named(tmp_path):
    write_table(tmp_path, "train", [(SEGMENT, 0.0, 1.0, DOG)])
    write_audio(tmp_path / "wav/Yb0RFKhbpFJA.wav", 0.1)
    write_audio(tmp_path / "flac/b0RFKhbpFJA_30000.flac", 0.2)
    with pytest.raises(ValueError, match=f"{SEGMENT}: .*and.*keep one of"):
        prepare_audioset_strong(tmp_path)


def test_copies_in_a_folder_per_class_are_one_clip(tmp_path):
    # As audioset-download leaves them with copy_and_replicate.
    write_table(tmp_path, "train", [(SEGMENT, 0.0, 0.1, DOG)])
    for label in ("Dog", "Bark"):
        write_audio(tmp_path / label / "b0RFKhbpFJA_30.0-40.0.wav", 0.2)
    # A whole video beside them is not meant.
    write_audio(tmp_path / "A dog [b0RFKhbpFJA].wav", 0.5)
    parts = prepare_audioset_strong(tmp_path, tmp_path / "out")
    (recording,) = parts["train"]["recordings"]
    assert recording.sources[0].source.endswith("_30.0-40.0.wav")
    report = report_of(tmp_path / "out", "train")
    assert report["counts"]["further copies of a clip"] == 1
    assert not report["notes"]


def test_the_id_alone_is_no_name_for_two_segments(tmp_path):
    rows = [(f"b0RFKhbpFJA_{t}", 0.0, 1.0, DOG) for t in (0, 30000)]
    write_table(tmp_path, "train", rows)
    write_audio(tmp_path / "b0RFKhbpFJA_0.wav", 0.1)
    write_audio(tmp_path / "b0RFKhbpFJA.wav", 0.1)
    parts = prepare_audioset_strong(tmp_path, tmp_path / "out")
    assert [c.id for c in parts["train"]["cuts"]] == ["b0RFKhbpFJA_0"]
    dropped = report_of(tmp_path / "out", "train")["dropped"]
    assert dropped["missing audio"]["items"] == ["b0RFKhbpFJA_30000"]


def test_whole_videos_are_pointed_out(tmp_path):
    write_table(tmp_path, "train", [(SEGMENT, 0.0, 1.0, DOG)])
    write_audio(tmp_path / "b0RFKhbpFJA.wav", 20.0)
    prepare_audioset_strong(tmp_path, tmp_path / "out")
    notes = report_of(tmp_path / "out", "train")["notes"]
    assert notes == {"longer than a clip": [SEGMENT]}


def test_what_is_missing_is_said_with_the_remedy(tmp_path):
    audio, tables = tmp_path / "audio", tmp_path / "tables"
    write_audio(audio / "b0RFKhbpFJA.wav", 0.1)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        prepare_audioset_strong(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="train_strong.*download_stro"):
        prepare_audioset_strong(audio)
    write_table(tables, "train", [(SEGMENT, 0.0, 1.0, DOG)])
    with pytest.raises(FileNotFoundError, match="eval_strong.tsv below it"):
        prepare_audioset_strong(audio, parts=["eval"], annotations_dir=tables)
    with pytest.raises(ValueError, match=r"parts \['test'\].*train and eval"):
        prepare_audioset_strong(audio, parts="test", annotations_dir=tables)
    with pytest.raises(FileNotFoundError, match="no audio of any of the 1"):
        prepare_audioset_strong(tables)
    parts = prepare_audioset_strong(audio, annotations_dir=tables)
    assert len(parts["train"]["cuts"]) == 1
    write_table(tables / "copy", "train", [])
    with pytest.raises(ValueError, match="two tables of one part"):
        prepare_audioset_strong(tables)
