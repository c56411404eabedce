import csv
import errno
import json
import os

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from lhotse import CutSet

from lhotse_recipes import prepare_event_bank
from lhotse_recipes.corpora.event_bank import sounding_part
from lhotse_recipes.schema import events_of
from lhotse_recipes.vocabulary import Vocabulary

RATE = 16000
SPLITS = {"train": 0.7, "valid": 0.1, "test": 0.2}


def burst(seconds=0.5, before=0.25, after=0.25, level=0.3, rate=RATE):
    rng = np.random.default_rng(0)
    sound = level * rng.uniform(-1, 1, round(seconds * rate))
    silent = [np.zeros(round(t * rate)) for t in (before, after)]
    return np.concatenate([silent[0], sound, silent[1]])


def write(path, samples=None, rate=RATE, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, burst() if samples is None else samples, rate, **settings)


def bank_of(folder, names):
    for name in names:
        write(folder / name)
    return folder


def table_of(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def all_of(parts, kind="cuts"):
    return [item for part in parts.values() for item in part[kind]]


def report_of(folder, part):
    return json.loads((folder / f"event-bank_report_{part}.json").read_text())


def test_a_folder_of_labels(tmp_path):
    bank_of(
        tmp_path / "bank",
        ["dog_bark/a.wav", "dog_bark/b.flac", "rain/c.ogg", "rain/sub/d.mp3"],
    )
    write(tmp_path / "bank/stray.wav")
    (tmp_path / "bank/rain/notes.txt").write_text("not audio")
    parts = prepare_event_bank(tmp_path / "bank", tmp_path / "out")
    assert list(parts) == ["train", "valid", "test"]
    cuts = {cut.id: cut for cut in all_of(parts)}
    assert sorted(cuts) == [
        "dog_bark__a",
        "dog_bark__b",
        "rain__c",
        "rain__sub__d",
    ]
    (bark,) = events_of(cuts["dog_bark__a"])
    assert (bark.label, bark.text) == ("dog_bark", "dog bark")
    assert (bark.start, bark.end) == (0.25, 0.75)
    assert cuts["rain__c"].vocabulary == "bank"
    assert cuts["rain__c"].events_complete is True
    assert report_of(tmp_path / "out", "train")["dropped"] == {
        "not in the folder of a label": {
            "count": 1,
            "items": [f"{tmp_path}/bank/stray.wav"],
        },
        "no sound by its suffix": {
            "count": 1,
            "items": [f"{tmp_path}/bank/rain/notes.txt"],
        },
    }
    stored = [
        cut.id
        for part in parts
        for cut in CutSet.from_jsonl_lazy(
            tmp_path / f"out/event-bank_cuts_{part}.jsonl.gz"
        )
    ]
    assert stored == [cut.id for cut in all_of(parts)]
    assert Vocabulary.load(tmp_path / "out/bank.csv").labels == (
        "dog_bark",
        "rain",
    )


def test_the_real_bank(shared_data, tmp_path):
    parts = prepare_event_bank(
        shared_data / "events.csv",
        tmp_path,
        vocabulary=shared_data / "event_labels.csv",
        num_jobs=2,
    )
    assert {k: len(v["cuts"]) for k, v in parts.items()} == {
        "train": 614,
        "valid": 128,
        "test": 159,
    }
    with open(shared_data / "events.csv", newline="") as file:
        split_of = {
            row["group_id"]: row["split"] for row in csv.DictReader(file)
        }
    for part, manifests in parts.items():
        for cut in manifests["cuts"]:
            (sound,) = events_of(cut)
            assert split_of[sound.group] == part
            assert 0 <= sound.start < sound.end <= cut.duration
    share = np.mean(
        [events_of(c)[0].duration / c.duration for c in all_of(parts)]
    )
    assert 0.9 < share < 1.0
    assert Vocabulary.load(tmp_path / "event_labels.csv").phrase(
        "airplane"
    ) == ("airplane flying")


def test_the_real_bank_as_a_folder(shared_data):
    parts = prepare_event_bank(shared_data / "events")
    assert len(all_of(parts)) == 901
    shares = [len(manifests["cuts"]) / 901 for manifests in parts.values()]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.05)


def test_recordings_of_one_group_stay_together(tmp_path):
    names = [f"{i}.wav" for i in range(12)]
    bank_of(tmp_path, names)
    table = table_of(
        tmp_path / "bank.csv",
        "path,label,group",
        *(f"{name},dog,{i % 4}" for i, name in enumerate(names)),
    )
    parts = prepare_event_bank(table, splits={"train": 0.5, "test": 0.5})
    groups = [
        {events_of(cut)[0].group for cut in part["cuts"]}
        for part in parts.values()
    ]
    assert not groups[0] & groups[1]
    assert groups[0] | groups[1] == set("0123")


def test_small_banks_are_divided_class_by_class(tmp_path, capsys):
    names = [f"{x}/{k}.wav" for x in "abcdef" for k in range(8)]
    bank = bank_of(tmp_path / "bank", [*names, "rare/0.wav"])
    parts = prepare_event_bank(bank)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "event-bank: 1 of 7 labels have no test recording: rare"
    tested = [events_of(cut)[0].label for cut in parts["test"]["cuts"]]
    assert sorted(tested) == sorted("abcdef" * 2)


def test_folds(tmp_path):
    names = [f"{x}/{k}.wav" for x in "ab" for k in range(6)]
    bank = bank_of(tmp_path / "bank", names)
    tested = []
    for fold in (1, 2, 3):
        parts = prepare_event_bank(bank, folds=3, fold=fold)
        assert [len(parts[p]["cuts"]) for p in SPLITS] == [4, 4, 4]
        tested += [cut.id for cut in parts["test"]["cuts"]]
    assert len(set(tested)) == 12
    with pytest.raises(ValueError, match="either splits or folds"):
        prepare_event_bank(bank, splits=SPLITS, folds=3)
    for options, words in (
        ({"fold": 2}, "fold 2 has no effect without folds"),
        ({"audio_root": "x"}, "audio_root x has no effect"),
        ({"num_jobs": 0}, "num_jobs is 0: give at least 1"),
    ):
        with pytest.raises(ValueError, match=words):
            prepare_event_bank(bank, **options)
    table = table_of(
        tmp_path / "t.csv", "path,label,split", "bank/a/0.wav,a,test"
    )
    with pytest.raises(ValueError, match="has a split column"):
        prepare_event_bank(table, folds=3)


def test_a_table_may_name_splits_of_its_own(tmp_path):
    bank_of(tmp_path / "audio", ["a.wav", "b.wav"])
    table = table_of(
        tmp_path / "bank.csv", "path,label,split", "a.wav,x,dev", "b.wav,x,eval"
    )
    parts = prepare_event_bank(table, audio_root=tmp_path / "audio")
    assert {k: len(v["cuts"]) for k, v in parts.items()} == {
        "dev": 1,
        "eval": 1,
    }


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            "path,label,split,group_id",
            ["a.wav,x,train,g1", "b.wav,x,test,g1"],
            r":3: the group 'g1' is in test here and in train at .*bank\.csv:2",
        ),
        ("path,label,split", ["a.wav,x,"], ":2: empty split; fill it"),
        ("path,label", ["a.wav,"], ":2: empty path or label"),
        ("path,label", ["a.wav"], ":2: 1 fields where the header has 2"),
        ("file,label", ["a.wav,x"], ":1: no column 'path'"),
        ("path,label", ["a.wav,x", "a.wav,y"], "1 recordings occur twice"),
    ],
)
def test_bad_tables_are_refused_in_words(tmp_path, header, rows, message):
    bank_of(tmp_path, ["a.wav", "b.wav"])
    table = table_of(tmp_path / "bank.csv", header, *rows)
    with pytest.raises(ValueError, match=message):
        prepare_event_bank(table)


def test_unknown_labels_are_named(tmp_path):
    bank_of(tmp_path / "bank", ["dog/a.wav", "cat/b.wav"])
    table = table_of(tmp_path / "words.csv", "label,phrase,x", "dog,a dog,1")
    with pytest.raises(
        ValueError, match="1 labels are not in.*words: cat; add"
    ):
        prepare_event_bank(tmp_path / "bank", vocabulary=table)


def test_two_files_of_one_name_are_named(tmp_path):
    bank_of(tmp_path, ["dog/a.wav", "dog/a.flac"])
    with pytest.raises(ValueError, match=r"a\.flac and .*a\.wav; keep one"):
        prepare_event_bank(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder or csv"):
        prepare_event_bank(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="must look like label/"):
        prepare_event_bank(tmp_path)
    with pytest.raises(ValueError, match="must sum to 1, not 0.9"):
        prepare_event_bank(tmp_path, splits={"train": 0.7, "test": 0.2})


def test_unusable_recordings_are_counted_and_named(tmp_path):
    bank = bank_of(tmp_path / "bank", ["dog/good.wav", "dog/cut.flac"])
    whole = (bank / "dog/cut.flac").read_bytes()
    (bank / "dog/cut.flac").write_bytes(whole[:-100])
    (bank / "dog/empty.wav").write_bytes(b"")
    write(bank / "dog/silent.wav", np.zeros(RATE))
    write(bank / "dog/faint.wav", burst(level=1e-4))
    bad = burst()
    bad[100] = np.nan
    write(bank / "dog/nan.wav", bad, subtype="FLOAT")
    bad[100] = np.inf
    write(bank / "dog/inf.wav", bad, subtype="FLOAT")
    everything = {"all": 1.0}
    parts = prepare_event_bank(bank, tmp_path / "out", splits=everything)
    assert [cut.id for cut in parts["all"]["cuts"]] == ["dog__good"]
    report = report_of(tmp_path / "out", "all")
    assert report["coverage"] == {"found": 1, "expected": 7}
    dropped = {k: v["items"] for k, v in report["dropped"].items()}
    assert set(dropped) == {
        "unreadable audio",
        "silent",
        "NaN or infinite samples",
    }
    unreadable = "\n".join(dropped["unreadable audio"])
    assert f"{bank}/dog/cut.flac is truncated" in unreadable
    assert (
        f"{bank}/dog/empty.wav is empty (0 bytes): fetch it again" in unreadable
    )
    assert dropped["silent"][0].startswith(f"{bank}/dog/faint.wav: -8")
    assert dropped["silent"][1] == f"{bank}/dog/silent.wav: -inf dBFS at most"
    assert dropped["NaN or infinite samples"] == [
        f"{bank}/dog/inf.wav",
        f"{bank}/dog/nan.wav",
    ]
    with pytest.raises(ValueError, match="cut.flac.*unreadable.*replace or"):
        prepare_event_bank(bank, splits=everything, strict=True)
    # A lower floor admits the faint one.
    faint = prepare_event_bank(bank, splits=everything, silence_dbfs=-100)
    assert "dog__faint" in {cut.id for cut in faint["all"]["cuts"]}


def test_any_rate_and_any_number_of_channels(tmp_path):
    write(tmp_path / "dog/high.wav", burst(rate=44100), rate=44100)
    stereo = np.stack([np.zeros(RATE), burst()], axis=1)
    write(tmp_path / "dog/stereo.wav", stereo)
    cuts = {c.id: c for c in all_of(prepare_event_bank(tmp_path))}
    assert cuts["dog__high"].sampling_rate == 44100
    (sound,) = events_of(cuts["dog__stereo"])
    assert (sound.start, sound.end) == (0.25, 0.75)
    assert sound.channel == [0, 1]
    assert cuts["dog__stereo"].load_audio().shape == (2, RATE)


@given(
    st.floats(0, 0.5), st.floats(0.02, 0.5), st.floats(0, 0.5), st.floats(0, 30)
)
def test_the_sounding_part_is_found_to_a_frame(before, seconds, after, quiet):
    samples = burst(seconds, before, after, level=10 ** (-quiet / 20))
    # Hiss 60 dB below the sound does not count.
    hiss = np.random.default_rng(1).uniform(-1, 1, len(samples))
    samples = samples + hiss * 10 ** (-(quiet + 60) / 20)
    onset, offset, level = sounding_part(samples, RATE)
    length = len(samples) / RATE
    assert 0 <= onset < offset <= length
    assert onset == pytest.approx(min(before, length), abs=0.0102)
    assert offset == pytest.approx(before + seconds, abs=0.0102)
    assert level == pytest.approx(-quiet - 4.8, abs=1.5)


def test_trim_db_decides_what_a_tail_is():
    tail = np.concatenate([burst(after=0), burst(before=0, level=0.03)])
    assert sounding_part(tail, RATE, trim_db=40)[1] == 1.25
    assert sounding_part(tail, RATE, trim_db=10)[1] == 0.75
    assert sounding_part(np.zeros(100), RATE) == (0.0, 100 / RATE, -np.inf)


def test_the_result_does_not_depend_on_the_number_of_jobs(tmp_path):
    names = [f"{label}/{i}.wav" for label in "ab" for i in range(30)]
    bank_of(tmp_path / "bank", names)
    for jobs in (1, 4):
        prepare_event_bank(
            tmp_path / "bank", tmp_path / f"out{jobs}", num_jobs=jobs
        )
    for name in sorted(os.listdir(tmp_path / "out1")):
        one = (tmp_path / "out1" / name).read_bytes()
        assert one == (tmp_path / "out4" / name).read_bytes()


def test_a_full_disk_leaves_whole_files_only(tmp_path, monkeypatch):
    bank = bank_of(tmp_path / "bank", ["dog/a.wav"])
    real, room = os.replace, iter(range(4))

    def replace(source, target):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "full", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="free some space") as error:
        prepare_event_bank(bank, tmp_path / "out")
    assert "event-bank_recordings_valid.jsonl.gz" in str(error.value)
    assert sorted(os.listdir(tmp_path / "out")) == [
        "event-bank_cuts_train.jsonl.gz",
        "event-bank_recordings_train.jsonl.gz",
        "event-bank_report_train.json",
        "event-bank_supervisions_train.jsonl.gz",
    ]
