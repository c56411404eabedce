import builtins
import copy
import errno
import gzip
import json
import os

import numpy as np
import pytest
import soundfile
from lhotse import MonoCut, Recording
from lhotse.cut import MixedCut

from lhotse_recipes.io import (
    PrepareReport,
    read_rows,
    read_text,
    save_manifests,
    write_atomically,
    write_jsonl,
)


class FullDisk:
    """A file on a disk that takes only so many bytes."""

    def __init__(self, file, room):
        self.file = file
        self.room = room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture
def full_disk(monkeypatch):
    real = builtins.open

    def open_with_little_room(path, mode="r", *args, **kwargs):
        file = real(path, mode, *args, **kwargs)
        return FullDisk(file, 100) if "w" in mode else file

    monkeypatch.setattr(builtins, "open", open_with_little_room)


def test_write_atomically_keeps_the_old_file_until_the_end(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with write_atomically(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_write_atomically_leaves_nothing_when_the_body_fails(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"):
        with write_atomically(path, "wb") as file:
            file.write(b"ne")
            raise RuntimeError("halfway")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_full_disk_names_the_file_and_leaves_no_part(tmp_path, full_disk):
    path = tmp_path / "events.jsonl"
    with pytest.raises(OSError, match="free some space") as error:
        write_jsonl(path, ({"id": f"event-{i}"} for i in range(100)))
    assert error.value.errno == errno.ENOSPC
    assert str(path) in str(error.value)
    assert os.listdir(tmp_path) == []


def test_full_disk_while_compressing(tmp_path, full_disk):
    with pytest.raises(OSError, match="x_recordings_all.jsonl.gz"):
        rows = [{"id": os.urandom(50).hex()} for _ in range(100)]
        save_manifests(tmp_path, "x", "all", rows, rows, rows)
    assert os.listdir(tmp_path) == []


def test_full_disk_at_the_very_end(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.ENOSPC, "full", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", refuse)
    path = tmp_path / "report.json"
    with pytest.raises(OSError, match="free some space") as error:
        with write_atomically(path) as file:
            file.write("{}")
    assert str(path) in str(error.value)
    assert os.listdir(tmp_path) == []


def test_errors_of_other_files_keep_their_own_names(tmp_path):
    other = tmp_path / "source.wav"
    with pytest.raises(FileNotFoundError, match="source.wav"):
        with write_atomically(tmp_path / "target.txt"):
            open(other)
    assert os.listdir(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="choose a writable folder") as error:
        with write_atomically(tmp_path / "file" / "report.json"):
            pass
    assert str(tmp_path / "file") in str(error.value)


def test_write_atomically_knows_two_modes(tmp_path):
    with pytest.raises(ValueError, match="mode must be"):
        with write_atomically(tmp_path / "x", "a"):
            pass


def test_same_items_give_the_same_bytes(tmp_path):
    rows = [{"id": "a", "text": "Regen fällt"}]
    write_jsonl(tmp_path / "one.jsonl.gz", rows)
    write_jsonl(tmp_path / "two.jsonl.gz", rows)
    first = (tmp_path / "one.jsonl.gz").read_bytes()
    assert first == (tmp_path / "two.jsonl.gz").read_bytes()
    assert json.loads(gzip.decompress(first)) == rows[0]


def test_read_rows_reads_csv_tsv_and_gz(tmp_path):
    (tmp_path / "a.csv").write_text('path,label\n"x,1.wav",dog\n\ny.wav,cat\n')
    (tmp_path / "a.tsv").write_text('path\tlabel\n"x\tdog\n')
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("label,path\nrain,r.wav\n")
    rows = list(read_rows(tmp_path / "a.csv", ["path", "label"]))
    assert rows == [
        (f"{tmp_path}/a.csv:2", {"path": "x,1.wav", "label": "dog"}),
        (f"{tmp_path}/a.csv:4", {"path": "y.wav", "label": "cat"}),
    ]
    assert next(read_rows(tmp_path / "a.tsv", ["path"]))[1]["path"] == '"x'
    (tmp_path / "a.tsv").write_text('"path"\tlabel\n"x, y"\t"a" or "b"\n')
    row = next(read_rows(tmp_path / "a.tsv", ["path"]))[1]
    assert row == {"path": "x, y", "label": '"a" or "b"'}
    assert next(read_rows(tmp_path / "a.csv.gz", ["path"]))[1] == {
        "path": "r.wav",
        "label": "rain",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1: no column 'path', 'label'.*has nothing"),
        (b"path,name\nx,y\n", "1: no column 'label'.*has path, name"),
        (b"path,label\nx\n", "2: 1 fields where the header has 2"),
        (b"path,label\nx,y,z\n", "2: 3 fields where the header has 2"),
        (b"path,label\nx,\xff\xfe\n", ":2: not a text in utf-8"),
    ],
)
def test_read_rows_names_file_and_line(tmp_path, content, message):
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    with pytest.raises(ValueError, match=f"table.csv.*{message}"):
        list(read_rows(table, ["path", "label"]))


def test_read_rows_without_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv: no such table"):
        list(read_rows(tmp_path / "gone.csv", ["path"]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"path,label\n",
        lambda packed: packed[:-20],
        lambda packed: packed[:12] + b"\xff" * 30 + packed[42:],
    ],
    ids=["not gzipped", "truncated", "overwritten"],
)
def test_a_damaged_gz_table(tmp_path, damage):
    rows = "".join(f"{i},{i * 7919 % 1009}\n" for i in range(500))
    packed = gzip.compress(f"path,label\n{rows}".encode())
    (tmp_path / "table.csv.gz").write_bytes(damage(packed))
    with pytest.raises(ValueError, match=r"table\.csv\.gz: not a text table"):
        list(read_rows(tmp_path / "table.csv.gz", ["path"]))


def test_report_names_what_was_dropped(tmp_path):
    report = PrepareReport("corpus", "test", coverage=(0, 4), ids=["d"])
    for item in "abcd":
        report.drop("missing audio", item)
    report.count("events")
    report.note("labels without audio", "gong")
    path = report.save(tmp_path)
    assert path.name == "corpus_report_test.json"
    stored = json.loads(path.read_text())
    assert stored["coverage"] == {"found": 0, "expected": 4}
    assert stored["dropped"]["missing audio"] == {
        "count": 4,
        "items": ["a", "b", "c", "d"],
    }
    assert stored["counts"] == {"events": 1}
    assert stored["notes"] == {"labels without audio": ["gong"]}
    assert stored["ids"] == ["d"]
    assert report.summary() == (
        "corpus test: audio for 0 of 4 clips (0.0 %); events 1; labels "
        "without audio 1 (gong); dropped: missing audio 4 (a, b, c, …)"
    )


def test_text_in_another_encoding_is_read_when_named(tmp_path):
    table = tmp_path / "table.csv"
    table.write_bytes("path,label\nx,a\ny,é\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"csv:3: .*encoding='latin-1'"):
        list(read_rows(table, ["label"]))
    with pytest.raises(ValueError, match=r"csv:3: .*encoding='latin-1'"):
        read_text(table)
    rows = [row for _, row in read_rows(table, ["label"], encoding="latin-1")]
    assert [row["label"] for row in rows] == ["a", "é"]
    assert read_text(table, "latin-1").endswith("y,é\n")
    with pytest.raises(ValueError, match="'latin-7x' is no encoding"):
        list(read_rows(table, ["label"], encoding="latin-7x"))
    # A byte order mark says it all.
    table.write_bytes("é\n".encode("utf-16"))
    assert read_text(table) == "é\n"
    with pytest.raises(FileNotFoundError, match="gone: no such file"):
        read_text(tmp_path / "gone")


def test_text_comes_through_a_pipe_and_not_from_a_device(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for sent, words in (
        (b"dog\ncat\n", None),
        (b"dog\nc\xe4t\n", "pipe:2: no"),
    ):
        # As a shell's <(...) does: somebody else writes.
        if os.fork() == 0:
            pipe.write_bytes(sent)
            os._exit(0)
        if words is None:
            assert read_text(pipe) == "dog\ncat\n"
        else:
            with pytest.raises(ValueError, match=words):
                read_text(pipe)
        os.wait()
    for path in ("/dev/null", tmp_path):
        with pytest.raises(ValueError, match="folder or a device"):
            read_text(path)


def test_manifests_serve_from_every_folder(tmp_path, monkeypatch):
    for name in ("sounds/a.wav", "sounds/b.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros(1600), 16000)
    monkeypatch.chdir(tmp_path)
    cut = Recording.from_file("sounds/a.wav").to_cut()
    cut.reference = Recording.from_file("sounds/b.wav")
    mixed = cut.mix(Recording.from_file("sounds/b.wav").to_cut())
    rows = [
        cut,
        mixed,
        Recording.from_file("sounds/a.wav"),
        cut.to_dict(),
        # What is not here is left as it is: it may be found from elsewhere.
        {"id": "x", "sources": [{"type": "file", "source": "gone.wav"}]},
        {"id": "y", "sources": [{"type": "url", "source": "sounds/a.wav"}]},
        {"id": "z", "sources": ["sounds/a.wav"], "custom": "a", "tracks": 3},
    ]
    before = [one if isinstance(one, dict) else one.to_dict() for one in rows]
    before = copy.deepcopy(before)
    write_jsonl("cuts.jsonl", rows)
    after = [one if isinstance(one, dict) else one.to_dict() for one in rows]
    assert after == before, "what is in memory stays as it is"
    monkeypatch.chdir("/")
    lines = (tmp_path / "cuts.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert found[4:] == before[4:]
    for one in found[0], found[3]:
        (source,) = one["custom"]["reference"]["sources"]
        assert source["source"] == str(tmp_path / "sounds/b.wav")
        assert MonoCut.from_dict(one).load_audio().shape == (1, 1600)
    assert MixedCut.from_dict(found[1]).load_audio().shape == (1, 1600)
    assert Recording.from_dict(found[2]).load_audio().shape == (1, 1600)
