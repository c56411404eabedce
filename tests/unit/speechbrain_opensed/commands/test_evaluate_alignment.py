"""The commands of audio-text models, on three noisy recordings."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet, Recording

from lhotse_recipes.schema import caption, event, tag
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.evaluation.alignment import evaluate_alignment
from speechbrain_opensed.evaluation.clip_tasks import ClassificationTask
from speechbrain_opensed.evaluation.frame_tasks import DetectionTask
from speechbrain_opensed.inference import AudioTextAligner
from tests.tiny_aligner import export_aligner
from tests.tiny_detector import export_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return export_aligner(folder, 0.16, 5.12, target_length=512)


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    cuts = []
    for label in ("Car_horn", "Dog", "Rain"):
        path = tmp_path / f"sounds/{label}.wav"
        path.parent.mkdir(exist_ok=True)
        wave = rng.normal(0, 0.05, 33000)
        wave[8000:20000] *= 5
        soundfile.write(path, wave, 16000)
        cut = Recording.from_file(path).to_cut()
        phrase = label.lower().replace("_", " ")
        cut.supervisions = [
            caption(label, 0, cut.duration, f"One hears {phrase}."),
            caption(label, 1, cut.duration, f"There is {phrase}."),
            tag(label, 0, cut.duration, phrase, label),
            event(label, 0, 0.5, 1.25, phrase, label),
        ]
        cuts.append(cut)
    path = tmp_path / "cuts.jsonl.gz"
    CutSet.from_cuts(cuts).to_file(path)
    return path


def run(*arguments):
    return CliRunner().invoke(opensed, [str(a) for a in arguments])


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def fail(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


def numbers(printed):
    rows = (line.split() for line in printed.splitlines())
    return {row[0]: float(row[-1]) for row in rows if row[0] != "wrote"}


def test_retrieval_classification_and_grounding(model, manifest, tmp_path):
    options = ("--model", model, "--device", "cpu", "-o", tmp_path / "r.json")
    found = numbers(succeed("evaluate-retrieval", manifest, *options).stdout)
    assert found["clips"] == 3 and found["captions"] == 6
    assert found["T2A_R@5"] == 1 and 1 <= found["A2T_medR"] <= 6
    stored = json.loads((tmp_path / "r.json").read_text())
    assert found == pytest.approx(stored, abs=1e-4)
    found = numbers(
        succeed(
            "evaluate-classification", manifest, *options,
            "--template", "There is {}.",
        ).stdout
    )  # fmt: skip
    stored = json.loads((tmp_path / "r.json").read_text())
    assert stored["prompts"][0] == "There is Car horn."
    assert set(stored["per_class"]) == {"Car_horn", "Dog", "Rain"}
    aligner = AudioTextAligner.from_hparams(model, run_opts={"device": "cpu"})
    cuts = CutSet.from_file(manifest)
    task = ClassificationTask(cuts, "There is {}.")
    expected = evaluate_alignment(cuts, aligner.mods.model, {"c": task})["c"]
    assert found == pytest.approx(expected, abs=1e-4)
    found = numbers(succeed("evaluate-grounding", manifest, *options).stdout)
    assert set(found) == {"psds2021", "psds1", "psds2", "th_auc", "phrases"}
    assert found["phrases"] == 3
    words = fail("evaluate-classification", manifest, *options, "--template",
                 "a sound")  # fmt: skip
    assert "write {} once" in words


def test_detection_protocols(model, manifest, tmp_path):
    options = ("--model", model, "--device", "cpu", "-o", tmp_path / "d.json")
    printed = succeed(
        "evaluate", manifest, *options, "--protocol", "desed"
    ).stdout
    assert printed.split()[:3] == ["classes", "PSDS1", "PSDS2"]
    stored = json.loads((tmp_path / "d.json").read_text())
    assert stored["settings"]["PSDS2"]["cttc_threshold"] == 0.3
    assert set(stored["per_class"]["Dog"]) == {"events", "PSDS1", "PSDS2"}
    # The command and the recipe's task give the same numbers.
    aligner = AudioTextAligner.from_hparams(model, run_opts={"device": "cpu"})
    cuts = CutSet.from_file(manifest)
    task = DetectionTask(cuts, aligner.spec.hop_seconds, "desed")
    expected = evaluate_alignment(cuts, aligner.mods.model, {"d": task})["d"]
    assert stored["all"] == pytest.approx(
        {
            # JSON has no NaN: what cannot be said is null.
            k: None if v != v else v
            for k, v in expected.items()
            if k in stored["all"]
        },
        abs=1e-6,
    )
    assert {"PSDS1", "PSDS2", "collar_F1"} < set(stored["all"])
    assert len(stored["all"]) == 6
    succeed("evaluate", manifest, *options, "--protocol", "audioset-strong")
    stored = json.loads((tmp_path / "d.json").read_text())
    errors = {"onset_error", "offset_error"}
    wanted = {"PSDS1", "collar_F1", "segment_F1"}
    assert set(stored["all"]) == wanted | errors
    assert stored["settings"]["PSDS1"]["alpha_st"] == 0


def test_search(model, manifest, tmp_path):
    folder = tmp_path / "sounds"
    (folder / "broken.wav").write_text("no audio")
    (folder / "notes.txt").write_text("no sound")
    command = ("search", folder, "-q", "a dog", "-q", "rain", "--model", model,
               "--device", "cpu")  # fmt: skip
    result = succeed(*command, "-n", 2)
    assert "3 recordings, 0.00 hours, 3 heard now" in result.stderr
    assert "1 recordings could not be read:" in result.stderr
    assert "broken.wav is not a sound file" in result.stderr
    assert "1 file is no sound by its suffix" in result.stderr
    assert "notes.txt" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "a dog" and lines[4] == "rain" and len(lines) == 8
    assert lines[2].split()[0] == "1" and lines[2].endswith(".wav")
    result = succeed(*command, "--format", "json", "-n", 2)
    assert "heard" not in result.stderr
    about = json.loads(result.stdout)
    assert about["recordings"] == 3 and set(about["failed"]) == {"broken.wav"}
    assert [hit["path"] for hit in about["results"]["a dog"]] == [
        line.split()[-1] for line in lines[2:4]
    ]
    out = tmp_path / "hits.json"
    succeed(*command, "--format", "json", "-n", 2, "-o", out)
    assert json.loads(out.read_text()) == about
    assert "add -q PHRASE" in fail("search", folder, "--model", model)
    assert "no folder" in fail(
        "search", tmp_path / "gone", "-q", "dog", "--model", model
    )


def test_index_then_search(model, manifest, tmp_path):
    folder, where = tmp_path / "sounds", tmp_path / "index"
    (folder / "broken.wav").write_text("no audio")
    assert "no index at" in fail("search", folder, "a dog")
    command = ("index", folder, "--model", model, "--device", "cpu")
    result = CliRunner().invoke(
        opensed, list(map(str, (*command, "-o", where)))
    )
    assert result.exit_code == 1 and result.stdout.strip() == str(where)
    assert "1 recordings were left out" in result.stderr
    (folder / "broken.wav").unlink()
    assert "1 recordings" not in succeed(*command, "-o", where).stderr
    # The index knows its model, and where its recordings are.
    clips = tmp_path / "clips"
    example = next(folder.glob("*.wav"))
    result = succeed(
        "search", folder, "a dog", "--index", where, "--example", example,
        "-n", 1, "--format", "tsv", "--save-clips", clips, "--device", "cpu",
    )  # fmt: skip
    head, dog, like = (line.split("\t") for line in result.stdout.splitlines())
    assert head == ["query", "path", "onset", "offset", "score", "similarity"]
    assert dog[0] == "a dog" and like[0] == str(example)
    listed = json.loads((clips / "moments.json").read_text())
    assert [one["query"] for one in listed] == ["a dog", str(example)]
    for one, row in zip(listed, (dog, like), strict=True):
        info = soundfile.info(clips / one["file"])
        seconds = float(row[3]) - float(row[2])
        assert info.duration == pytest.approx(seconds, abs=2e-3)
        assert info.samplerate == soundfile.info(row[1]).samplerate
    (tmp_path / "flexsed").mkdir()
    other = export_tiny(tmp_path / "flexsed")
    assert "cannot be indexed" in fail("index", folder, "--model", other)


def test_commands_say_what_a_manifest_lacks(model, manifest, tmp_path):
    bare = tmp_path / "bare.jsonl"
    cuts = CutSet.from_file(manifest).drop_supervisions()
    cuts.to_file(bare)
    for task, words in (
        ("retrieval", "no cut has a caption"),
        ("classification", "no cut has a tag"),
        ("grounding", "no cut has an event"),
    ):
        assert words in fail(f"evaluate-{task}", bare, "--model", model)
