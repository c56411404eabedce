"""The command line: quick help, all formats, errors in one line."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import BrokenExecutor

import click
import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from lhotse import CutSet, Recording

from lhotse_recipes.schema import caption, event
from speechbrain_opensed.commands import models as models_module
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference.formats import read_tsv
from tests.tiny_detector import export_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def wavs(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 22050))
    paths = [str(tmp_path / f"{name}.wav") for name in ("a", "b", "c")]
    for path, wave in zip(paths, noise, strict=True):
        soundfile.write(path, wave, 22050)
    return paths


def run(*arguments):
    return CliRunner().invoke(opensed, [str(a) for a in arguments])


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: ") and "Traceback" not in result.output
    return lines


def detect(model, *arguments):
    return (
        "detect", "--model", model, "--device", "cpu", "-q", "rain",
        "--threshold", "0.01", *arguments,
    )  # fmt: skip


def test_help_is_quick_and_names_all_commands():
    code = (
        "import sys; from click.testing import CliRunner;"
        "from speechbrain_opensed.commands.cli import opensed;"
        "print(CliRunner().invoke(opensed, ['--help']).output);"
        "print({'torch', 'lhotse', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("set()"), done.stderr
    for name in (
        "detect", "annotate", "evaluate", "soundscapes", "relate-labels",
        "prepare", "download",
    ):  # fmt: skip
        assert f"  {name} " in done.stdout


def test_recipes_are_mounted():
    assert "audioset-strong" in succeed("prepare", "--help")
    assert "Usage: " in succeed("download", "--help")
    assert run("prepare", "no-such-corpus").exit_code == 2


def test_tsv_of_several_files(model, wavs, tmp_path):
    out = tmp_path / "events.tsv"
    assert succeed(*detect(model, *wavs, "-o", out)) == ""
    events = read_tsv(out)
    assert sorted(events) == wavs
    assert {e.phrase for found in events.values() for e in found} == {"rain"}
    printed = succeed(*detect(model, *wavs))
    assert printed == out.read_text()


def test_thresholds_by_phrase(model, wavs):
    printed = succeed(
        *detect(model, wavs[0], "-q", "car horn", "--threshold",
                "car horn=0.999", "--format", "json")
    )  # fmt: skip
    found = json.loads(printed)
    assert found["phrases"] == ["rain", "car horn"]
    assert {e["phrase"] for e in found["events"]} == {"rain"}


@pytest.mark.parametrize(
    "name, extension", [("audacity", ".txt"), ("textgrid", ".TextGrid")]
)
def test_one_file_per_recording(model, wavs, tmp_path, name, extension):
    folder = tmp_path / "out"
    succeed(*detect(model, *wavs, "--format", name, "-o", folder))
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{stem}{extension}" for stem in "abc"
    ]
    single = tmp_path / "one"
    succeed(*detect(model, wavs[0], "--format", name, "-o", single))
    assert single.read_text() == (folder / f"a{extension}").read_text()
    assert "name a folder" in fail(
        *detect(model, *wavs, "--format", name)
    )[-1]  # fmt: skip


def test_plots(model, wavs, tmp_path):
    succeed(*detect(model, wavs[0], "--plot", tmp_path / "a.png"))
    assert (tmp_path / "a.png").stat().st_size > 10_000
    succeed(*detect(model, *wavs[:2], "--plot", tmp_path / "plots"))
    assert len(list((tmp_path / "plots").iterdir())) == 2
    words = fail(*detect(model, *wavs, "--plot", tmp_path / "a.png"))[-1]
    assert "name a folder" in words


def test_queries_from_a_file(model, wavs, tmp_path):
    (tmp_path / "q.txt").write_text("dog barking\n\ncar horn\n")
    found = json.loads(
        succeed(
            *detect(model, wavs[0], "--queries-file", tmp_path / "q.txt"),
            "--format", "json",
        )
    )  # fmt: skip
    assert found["phrases"] == ["rain", "dog barking", "car horn"]


def test_lines_that_occur_twice_are_counted(model, wavs, tmp_path):
    queries = tmp_path / "q.txt"
    queries.write_bytes("\ufeffhail\nrain\n\n hail \ncaf\u00e9\n".encode())
    result = run(
        *detect(model, wavs[0], "--queries-file", queries, "--format", "json")
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["phrases"] == ["rain", "hail", "café"]
    assert "q.txt: 2 lines say what was said before" in result.stderr


@pytest.mark.parametrize(
    "content, words",
    [
        (b"rain\ncaf\xe9\n", r"q\.txt:2: no text in UTF-8.*iconv -f latin1"),
        (b"hail\nrain\x00\n", r"q\.txt:2: .*in one line"),
        (b"\n \n", r"q\.txt holds no phrase: write one per line"),
    ],
)
def test_lists_that_are_none_are_named(model, wavs, tmp_path, content, words):
    (tmp_path / "q.txt").write_bytes(content)
    lines = fail(*detect(model, wavs[0], "--queries-file", tmp_path / "q.txt"))
    assert len(lines) == 1 and re.search(words, lines[0])


def test_settings_by_phrase(model, wavs):
    found = json.loads(
        succeed(
            *detect(model, wavs[0], "-q", "car horn", "--format", "json"),
            *("--min-duration", "car horn=9", "--low-threshold", "0.005"),
        )
    )
    assert {e["phrase"] for e in found["events"]} == {"rain"}
    words = fail(*detect(model, wavs[0], "--merge-gap", "dog=1"))[-1]
    assert "a merge_gap for 'dog', which is not among" in words
    words = fail(*detect(model, wavs[0], "--low-threshold", "0.5"))[-1]
    assert "exchange them" in words


def test_one_bad_file_does_not_lose_the_others(model, wavs, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    out = tmp_path / "events.tsv"
    result = run(*detect(model, wavs[0], bad, wavs[1], "-o", out))
    assert result.exit_code == 1 and "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    # A progress bar may have come first.
    assert any("bad.wav is not a sound file" in line for line in lines)
    assert "1 of 3 files" in lines[-1]
    assert sorted(read_tsv(out)) == wavs[:2]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("-q", "rain"), "'rain' is given twice: remove one"),
        (("-q", " "), "phrase 2 is blank"),
        (("--threshold", "2"), "choose a value in between"),
        (("--threshold", "loud"), "write a number such as 0.4"),
        (("--threshold", "dog=0.4"), "'dog', which is not among"),
        (("--median", "-1"), "median_seconds is -1.0"),
        (("--plot", "a.xyz"), "use one of .png"),
        (("--device", "cuda"), "leave --device out"),
        (("--device", "meta"), "no meta here: leave --device out"),
        (("--queries-file", "nowhere.txt"), "no such file: nowhere.txt"),
        (("--model", "./nowhere"), "no folder ./nowhere"),
    ],
)
def test_useless_options(model, wavs, arguments, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lines = fail(*detect(model, wavs[0], *arguments))
    assert len(lines) == 1 and words in lines[0]


def test_nothing_to_do(model, wavs, tmp_path):
    assert "add -q PHRASE" in fail("detect", wavs[0], "--model", model)[-1]
    assert "Missing argument 'AUDIO" in fail("detect", "--model", model)[-1]
    gone = str(tmp_path / "gone.wav")
    assert f"no such file: {gone}; check" in fail(*detect(model, gone))[-1]


@pytest.fixture
def manifest(tmp_path, wavs):
    cuts = []
    for number, path in enumerate(wavs):
        recording = Recording.from_file(path)
        cut = recording.to_cut()
        label = ("Rain", "Dog")[number % 2]
        cut.supervisions = [
            event(recording.id, 0, 0.2, 0.6, f"a {label.lower()}", label),
            caption(recording.id, 0, 1.0, "noise"),
        ]
        cuts.append(cut)
    path = tmp_path / "cuts.jsonl.gz"
    CutSet.from_cuts(cuts).to_file(path)
    return path


def test_annotate(model, manifest, tmp_path):
    out = tmp_path / "annotated.jsonl"
    arguments = (
        "-q", "rain", "--model", model, "--device", "cpu",
        "--threshold", "0.01",
    )  # fmt: skip
    assert "3 events in 3 cuts" in succeed(
        "annotate", manifest, out, *arguments
    )
    for cut in CutSet.from_file(out):
        kinds = sorted(s.kind for s in cut.supervisions)
        assert kinds == ["caption", "event"]
        assert cut.events_complete is False
    words = fail("annotate", manifest, tmp_path / "a.txt", *arguments)[-1]
    assert "name it .jsonl" in words
    words = fail("annotate", tmp_path / "no.jsonl", out, *arguments)[-1]
    assert "no manifest" in words


def test_evaluate(model, manifest, tmp_path):
    (tmp_path / "seen.txt").write_text("Rain\n")
    arguments = ("--seen", tmp_path / "seen.txt", "-o", tmp_path / "r.json")
    printed = succeed(
        "evaluate", manifest, "--model", model, "--device", "cpu",
        "--save-scores", tmp_path / "scores", *arguments,
    )  # fmt: skip
    rows = [line.split()[0] for line in printed.splitlines()]
    # Two classes are few, and that is said first.
    assert rows[:5] == ["only", "classes", "all", "seen", "unseen"]
    results = json.loads((tmp_path / "r.json").read_text())
    assert set(results["per_class"]) == {"Rain", "Dog"}
    assert results["per_class"]["Rain"]["events"] == 2
    again = succeed(
        "evaluate", manifest, "--scores", tmp_path / "scores", *arguments
    )
    assert again == printed
    assert json.loads((tmp_path / "r.json").read_text()) == results
    assert "either --model or --scores" in fail("evaluate", manifest)[-1]


def test_evaluate_with_bounding_boxes(model, manifest, tmp_path):
    stored, chosen = tmp_path / "scores", tmp_path / "boxes.json"
    asked = ("evaluate", manifest, "--model", model, "--device", "cpu")
    tuned = succeed(
        *asked, "--tune-boxes", chosen, "--save-scores", stored,
        "--frame-auroc", "-o", tmp_path / "tuned.json",
    )  # fmt: skip
    assert tuned.startswith("chose settings of 2 classes on these cuts")
    assert set(json.loads(chosen.read_text())) == {"Rain", "Dog"}
    # The scores were kept as they are, and give the same again.
    again = succeed(
        "evaluate", manifest, "--scores", stored, "--boxes", chosen,
        "--frame-auroc", "-o", tmp_path / "again.json",
    )  # fmt: skip
    assert again.splitlines()[:-1] == tuned.splitlines()[1:-1]
    results = json.loads((tmp_path / "again.json").read_text())
    assert results == json.loads((tmp_path / "tuned.json").read_text())
    for of_class in results["per_class"].values():
        assert 0 <= of_class["frame_AUROC"] <= 1
    for arguments, words in (
        (("--boxes", chosen, "--median", 0.2), "--median has no effect beside"),
        (
            ("--boxes", chosen, "--tune-boxes", chosen),
            "use settings, or choose",
        ),
    ):
        words_said = fail("evaluate", manifest, "--scores", stored, *arguments)
        assert words in words_said[-1]
    path = next(iter(CutSet.from_file(manifest))).recording.sources[0].source
    os.utime(path)
    words = fail("evaluate", manifest, "--scores", tmp_path / "scores")[-1]
    assert "has changed since it was scored" in words


def test_soundscapes(tmp_path):
    bank = tmp_path / "sounds"
    rng = np.random.default_rng(0)
    for label in ("dog", "car_horn"):
        (bank / label).mkdir(parents=True)
        for number in range(3):
            soundfile.write(
                bank / label / f"{number}.wav", rng.normal(0, 0.1, 8000), 16000
            )
    arguments = ("-n", 3, "--duration", 4, "--events", 1, 2)
    first = succeed("soundscapes", bank, tmp_path / "one", *arguments)
    assert "\n3 clips: " in first
    again = succeed("soundscapes", bank, tmp_path / "two", *arguments, "-j", 2)
    assert "\n3 clips: " in again
    one, two = (
        CutSet.from_file(
            tmp_path / name / "soundscapes_cuts_train.jsonl.gz"
        ).to_eager()
        for name in ("one", "two")
    )
    assert [c.id for c in one] == [c.id for c in two]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.load_audio(), b.load_audio())
        assert {s.text for s in a.supervisions} <= {"dog", "car horn"}
    words = fail("soundscapes", bank, tmp_path / "x", "--split", "night")[-1]
    assert "no split 'night': choose from" in words
    words = fail("soundscapes", tmp_path / "none", tmp_path / "x")[-1]
    assert "give `procedural`, a folder" in words


@pytest.mark.parametrize(
    "error, code, words",
    [
        (KeyboardInterrupt(), 130, "what was done before is kept"),
        (KeyError("spec"), 2, "KeyError: 'spec'.*--traceback"),
        (RuntimeError("CUDA out of memory"), 2, "smaller --batch-size"),
        (BrokenExecutor("killed"), 2, "fewer --num-jobs"),
        (AssertionError(), 2, "AssertionError.*please report"),
    ],
)
def test_an_error_nobody_foresaw_is_words_too(monkeypatch, error, code, words):
    def failing():
        raise error

    command = click.Command("models", callback=failing)
    monkeypatch.setattr(models_module, "models", command)
    result = run("models")
    assert result.exit_code == code, result.output
    assert re.search(words, " ".join(result.output.split()))
    assert "Traceback" not in result.output
    if code == 2:
        assert run("--traceback", "models").exception is error


def test_no_such_device_is_words(model, wavs):
    lines = fail(
        "detect", "--model", model, "--device", "foo", "-q", "a", *wavs
    )
    assert "--device foo: there is no such kind" in lines[-1]


def test_a_recording_is_not_overwritten(model, wavs):
    before = open(wavs[0], "rb").read()
    lines = fail(*detect(model, wavs[0], "-o", wavs[0]))
    assert "would be overwritten" in lines[-1]
    assert open(wavs[0], "rb").read() == before
