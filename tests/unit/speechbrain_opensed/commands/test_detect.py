"""`opensed detect`: what goes in, what comes out, and how it goes on."""

import io
import json
import shutil

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference.formats import read_tsv
from tests.tiny_detector import export_tiny

RATE = 16000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def other_model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture
def yard(tmp_path):
    """A folder with folders, sounds, other files and one broken sound."""
    folder = tmp_path / "yard"
    (folder / "night" / ".cache").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("b.wav", "a.flac", "night/c.wav", "night/.cache/d.wav"):
        soundfile.write(folder / name, rng.normal(0, 0.1, 8000), RATE)
    (folder / "notes.txt").write_text("cold")
    (folder / "night" / "map.png").write_text("no sound")
    return folder


def run(*arguments, given=None):
    arguments = ["detect", *map(str, arguments)]
    return CliRunner().invoke(opensed, arguments, input=given)


def wanted(model, *arguments):
    return (
        *("--model", model, "--device", "cpu", "-q", "rain"),
        *("--threshold", "0.01", *arguments),
    )


def succeed(*arguments, **kept):
    result = run(*arguments, **kept)
    assert result.exit_code == 0, result.output
    return result


def paths(table):
    return [line.split("\t")[0] for line in table.splitlines()[1:]]


def test_folders_patterns_and_names(model, yard, tmp_path):
    sounds = [str(yard / n) for n in ("a.flac", "b.wav", "night/c.wav")]
    result = succeed(yard, *wanted(model))
    assert paths(result.stdout) == sounds
    assert "2 files are no sound by their suffix" in result.stderr
    for name in ("notes.txt", "map.png"):
        assert name in result.stderr
    result = succeed(yard / "**" / "*.wav", sounds[1], *wanted(model))
    assert paths(result.stdout) == sounds[1:]
    assert "1 file was named twice" in result.stderr
    shutil.copy(sounds[1], tmp_path / "sound.of-street")
    odd = str(tmp_path / "sound.of-street")
    assert paths(succeed(odd, *wanted(model)).stdout) == [odd]
    (tmp_path / "empty").mkdir()
    for name in (tmp_path / "empty", tmp_path / "*.mp3"):
        result = run(name, *wanted(model))
        assert result.exit_code == 2 and "no sound file" in result.stderr


def test_results_of_folders_lie_as_the_recordings_do(model, yard, tmp_path):
    out = tmp_path / "grids"
    figures = tmp_path / "figures"
    succeed(
        *(yard, *wanted(model), "--format", "textgrid", "-o", out),
        *("--plot", figures),
    )
    for folder, suffix in ((out, ".TextGrid"), (figures, ".png")):
        found = sorted(p.relative_to(folder) for p in folder.rglob("*.*"))
        assert [str(p) for p in found] == [
            f"{name}{suffix}" for name in ("a", "b", "night/c")
        ]


@pytest.mark.parametrize("name", ["tsv", "json", "jsonl"])
def test_a_table_is_no_folder(yard, name):
    before = sorted(yard.rglob("*"))
    # Said before a model is looked for.
    result = run(
        yard, *wanted("nowhere", "-o", yard, "--format", name, "--resume")
    )
    assert result.exit_code == 2, result.output
    assert f"name a file, such as {yard / f'events.{name}'}" in result.stderr
    assert sorted(yard.rglob("*")) == before
    assert not list(yard.parent.glob(".yard*"))


def test_standard_input(model, yard):
    path = yard / "b.wav"
    expected = succeed(path, *wanted(model)).stdout
    content = path.read_bytes()
    samples, _ = soundfile.read(path, dtype="int16")
    streamed = bytearray(content)
    streamed[40:44] = bytes(4)  # a header that nobody went back to
    float_stereo = np.repeat(samples[:, None] / 32768, 2, 1).astype("<f4")
    for given, options in (
        (content, ()),
        (bytes(streamed), ()),
        (samples.tobytes() + b"\0", ("--rate", RATE)),
        (
            float_stereo.tobytes(),
            ("--rate", RATE, "--raw-format", "f32le", "--raw-channels", 2),
        ),
    ):
        found = succeed("-", *wanted(model, *options), given=given).stdout
        assert found == expected.replace(str(path), "-")
    result = run("-", *wanted(model), given=b"")
    assert result.exit_code == 2 and "nothing came" in result.stderr
    result = run("-", *wanted(model), given=content[:-100])
    assert result.exit_code == 2 and "standard input is truncated" in (
        result.stderr
    )
    result = run(path, *wanted(model, "--rate", 8000))
    assert result.exit_code == 2 and "name -" in result.stderr
    result = run("-", *wanted(model, "--raw-channels", 2))
    assert result.exit_code == 2 and "need a --rate" in result.stderr


def test_a_channel_is_chosen(model, yard, tmp_path):
    left, _ = soundfile.read(yard / "b.wav")
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, -left], 1), RATE)
    alone = json.loads(
        succeed(yard / "b.wav", *wanted(model, "--format", "json")).stdout
    )
    for channel in ("left", "1", "loudest"):
        options = ("--format", "json", "--channel", channel)
        found = json.loads(succeed(path, *wanted(model, *options)).stdout)
        assert found["events"] == alone["events"] != []
    result = run(path, *wanted(model, "--channel", "0"))
    assert result.exit_code == 2 and "a number from 1" in result.stderr
    result = run(path, *wanted(model, "--channel", "5"))
    assert result.exit_code == 2 and "no '5'" in result.stderr


def test_it_grows_stops_and_goes_on(model, other_model, yard, tmp_path):
    whole = succeed(yard, *wanted(model)).stdout
    bad = yard / "night" / "c.wav"
    good = bad.read_bytes()
    bad.write_text("no sound")
    out = tmp_path / "events.tsv"
    result = run(yard, *wanted(model, "-o", out, "--strict"))
    assert result.exit_code == 2 and "c.wav is not a sound" in result.stderr
    assert "2 recordings are done" in result.stderr
    # What was heard before the broken one is there.
    assert paths(out.read_text()) == paths(whole)[:2]
    result = run(yard, *wanted(model, "-o", out, "--resume"))
    assert result.exit_code == 1
    assert "2 recordings were done before" in result.stderr
    assert "1 of 3 files were left out" in result.stderr
    bad.write_bytes(good)
    result = succeed(yard, *wanted(model, "-o", out, "--resume"))
    assert out.read_text() == whole
    # All is done: nothing is heard, and the same stands there.
    result = succeed(yard, *wanted(model, "-o", out, "--resume"))
    assert "3 recordings were done before" in result.stderr
    assert out.read_text() == whole
    # One that has changed is heard again.
    soundfile.write(bad, np.zeros(4000), RATE)
    result = succeed(yard, *wanted(model, "-o", out, "--resume"))
    assert "2 recordings were done before" in result.stderr
    assert len(paths(out.read_text())) == 3
    for options, words in (
        (wanted(other_model), "other model"),
        (wanted(model, "-q", "hail"), "other phrases"),
        (wanted(model, "--merge-gap", "2"), "other merge_gap"),
        (wanted(model, "--channel", "left"), "other channel"),
    ):
        before = out.read_text()
        result = run(yard, *options, "-o", out, "--resume")
        assert result.exit_code == 2 and words in result.stderr
        assert out.read_text() == before
    result = run(yard, *wanted(model, "--resume"))
    assert result.exit_code == 2 and "--output" in result.stderr


@pytest.mark.parametrize("name", ["json", "jsonl", "textgrid", "vtt"])
def test_every_format_goes_on(model, yard, tmp_path, name):
    first, again = tmp_path / "first", tmp_path / "again"
    options = wanted(model, "--format", name)
    succeed(yard, *options, "-o", first)
    sounds = sorted(str(p) for p in yard.glob("*.[fw]*"))
    succeed(*sounds, *options, "-o", again, "--resume")
    succeed(yard, *options, "-o", again, "--resume")
    if first.is_file():
        assert again.read_text() == first.read_text()
    else:
        files = [p for p in first.rglob("*") if p.is_file()]
        # Names in a list have no folder of their own.
        for path in files:
            same = again / path.relative_to(first)
            assert same.read_text() == path.read_text()


def test_lines_for_machines(model, yard):
    (yard / "b.wav").write_text("no sound")
    result = run(yard, *wanted(model, "--format", "jsonl"))
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["path"][-5:] for row in rows] == [".flac", "b.wav", "c.wav"]
    assert "not a sound file" in rows[1]["error"]
    assert rows[0]["events"][0]["phrase"] == "rain"
    assert rows[0]["duration"] == 0.5


def test_how_often_and_how_long(model, yard, tmp_path):
    out = tmp_path / "events.tsv"
    options = wanted(model, "-q", "hail", "-o", out, "--summary")
    result = succeed(yard, *options)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    events = [e for found in read_tsv(out).values() for e in found]
    assert [row[1] for row in rows] == ["event_label", "rain", "hail"]
    for row in rows[1:]:
        own = [e for e in events if e.phrase == row[1]]
        seconds = sum(e.duration for e in own)
        assert row[0] == "all" and int(row[2]) == len(own)
        assert float(row[3]) == pytest.approx(seconds, abs=1e-3)
        assert float(row[4]) == pytest.approx(len(own) * 2400)
    # What was done before counts, too.
    assert succeed(yard, *options, "--resume").stdout == result.stdout


@pytest.mark.parametrize(
    "samples, rate",
    [
        (np.zeros(1), 16000),
        (np.ones(1), 8000),
        (np.zeros(16000), 8000),
        (np.clip(np.random.default_rng(0).normal(0, 9, 9999), -1, 1), 384000),
    ],
)
def test_sounds_at_the_edge(model, tmp_path, samples, rate):
    path = tmp_path / "edge.wav"
    soundfile.write(path, samples, rate, "FLOAT")
    options = ("--format", "json", "--plot", tmp_path / "a.png")
    found = json.loads(succeed(path, *wanted(model, *options)).stdout)
    assert found["duration"] == pytest.approx(len(samples) / rate)
    for event in found["events"]:
        assert 0 <= event["onset"] < event["offset"] <= found["duration"]


def test_many_phrases_of_all_scripts(model, yard, tmp_path):
    words = [
        "犬が吠える",
        "می\u200cخواهم",
        "👨\u200d👩\u200d👧 laughing",
        "дождь",
    ]
    words += [f"sound number {number}" for number in range(10_000)]
    (tmp_path / "q.txt").write_text("\n".join(words), encoding="utf-8")
    out, figure = tmp_path / "events.jsonl", tmp_path / "a.png"
    succeed(
        *(yard / "b.wav", "--queries-file", tmp_path / "q.txt"),
        *("--model", model, "--device", "cpu", "--threshold", "0.001"),
        *("--format", "jsonl", "-o", out, "--plot", figure),
    )
    found = json.loads(out.read_text())
    assert found["phrases"] == words
    assert set(words[:3]) <= {event["phrase"] for event in found["events"]}
    assert figure.stat().st_size > 10_000


def test_a_table_goes_through_a_pipe(model, yard, tmp_path):
    import os
    import threading

    pipe, got = tmp_path / "pipe", io.StringIO()
    os.mkfifo(pipe)

    def read():
        got.write(pipe.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    succeed(yard, *wanted(model, "-o", pipe))
    reader.join(10)
    assert got.getvalue() == succeed(yard, *wanted(model)).stdout
    assert list(tmp_path.glob(".*")) == []


def test_without_a_query_it_says_what_is_there(model, yard, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("label,phrase\nr,rain\nd,dog barking\nb,bell\n")
    options = ("--model", model, "--device", "cpu", "--vocabulary", table)
    output = tmp_path / "there.tsv"
    succeed(yard, *options, "--top", 2, "--span", 0.2, "-o", output)
    rows = [line.split("\t") for line in output.read_text().splitlines()][1:]
    # Three sounds of half a second: spans of 0.2, 0.2 and 0.1 s, two
    # phrases each, the likelier first.
    assert [row[1:3] for row in rows[:6:2]] == [
        ["0.000", "0.200"],
        ["0.200", "0.400"],
        ["0.400", "0.500"],
    ]
    assert len(rows) == 18
    assert {row[3] for row in rows} <= {"rain", "dog barking", "bell"}
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first[:3] == second[:3] and float(first[4]) >= float(second[4])
    before = output.read_text()
    succeed(yard, *options, *("--top", 2, "--span", 0.2, "-o", output))
    again = succeed(
        *(yard, *options, "--top", 2, "--span", 0.2, "-o", output, "--resume")
    )
    assert "3 recordings were done before" in again.stderr
    assert output.read_text() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "does not say what it was trained on"),
        (["--vocabulary", "esc50", "--threshold", "0.3"], "--threshold needs"),
        (["--vocabulary", "esc50", "--plot", "x.png"], "--plot needs a query"),
        (["-q", "rain", "--top", "3"], "--top is for the case"),
        (["-q", "rain", "--vocabulary", "esc50"], "--vocabulary is for"),
        (["--vocabulary", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_options_that_would_have_no_effect(model, yard, options, words):
    result = run(yard, "--model", model, "--device", "cpu", *options)
    assert result.exit_code == 2 and words in result.stderr
