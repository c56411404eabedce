"""Every option of `opensed evaluate` acts or is refused, in each branch."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet, Recording

from lhotse_recipes.schema import event
from speechbrain_opensed.commands import evaluate as module
from speechbrain_opensed.commands.evaluate import evaluate
from speechbrain_opensed.evaluation import detection
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.metrics import ScoreStore
from tests.tiny_detector import export_tiny, loudness_detector

NAMES = {option.name for option in evaluate.params}
MODEL = {
    *("cuts", "model", "device", "precision", "save_scores", "protocol"),
    *("vocabulary", "seen", "median_seconds", "boxes", "tune_boxes"),
    *("frame_auroc", "batch_size", "num_jobs", "allow_commands", "output"),
}
TABLES = {
    *("reference", "detected", "durations", "encoding", "collar"),
    *("collar_rate", "segment", "dtc", "gtc", "output"),
}
#: What has an effect: all else is refused. A new option has to be placed.
ACTS = {
    "model": MODEL,
    "scores": {
        *("cuts", "scores", "protocol", "seen", "median_seconds", "boxes"),
        *("tune_boxes", "frame_auroc", "num_jobs", "output"),
    },
    "table": TABLES,
    "points": TABLES | {"cttc", "alpha_ct", "alpha_st", "max_efpr"},
}
# What each branch is called by.
CALLS = {
    "model": "{cuts} --model m --device cpu",
    "scores": "{cuts} --scores {scores}",
    "table": "--reference {ref} --detected {high}",
    "points": "--reference {ref} --detected {high} --detected {low} "
    "--durations {durations}",
}
VALUES = {
    "cuts": "{cuts}",
    "model": "--model m",
    "device": "--device cuda:7",
    "precision": "--precision bf16",
    "scores": "--scores {scores}",
    "save_scores": "--save-scores {folder}/kept",
    "protocol": "--protocol desed",
    "vocabulary": "--vocabulary {vocabulary}",
    "seen": "--seen {seen}",
    "median_seconds": "--median 3.4",
    "boxes": "--boxes {boxes}",
    "tune_boxes": "--tune-boxes {folder}/boxes.json",
    "frame_auroc": "--frame-auroc",
    "batch_size": "--batch-size 3",
    "num_jobs": "-j 2",
    "allow_commands": "--allow-commands",
    "reference": "--reference {ref}",
    "detected": "--detected {low}",
    "durations": "--durations {shorter}",
    "encoding": "--encoding utf-16",
    "collar": "--collar 0.6",
    "collar_rate": "--collar-rate 0.9",
    "segment": "--segment 0.5",
    "dtc": "--dtc 0.95",
    "gtc": "--gtc 0.95",
    "cttc": "--alpha-ct 1 --cttc 0.9",
    "alpha_ct": "--alpha-ct 1",
    "alpha_st": "--alpha-st 1",
    "max_efpr": "--max-efpr 2000",
    "output": "-o {folder}/out.json",
}
# Options that stand beside another one are compared with that one alone.
BESIDE = {"cttc": "--alpha-ct 1"}


def write_table(path, rows):
    lines = ["filename\tonset\toffset\tevent_label"]
    lines += [f"{c}\t{a:.3f}\t{b:.3f}\t{label}" for c, a, b, label in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Sounds, their events, scores, and tables of them."""
    folder = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(0)
    cuts, truth = [], []
    for number in range(4):
        wave = 0.1 * rng.random(16000 * 6)
        events = []
        for level, label in ((0.4, "Dog 0.3"), (0.8, "Bell 0.7")):
            onset = rng.uniform(0, 3)
            span = slice(int(onset * 16000), int((onset + 1.5) * 16000))
            wave[span] = level * rng.random(24000) ** 0.2
            truth.append(
                (f"{number}.wav", onset, onset + 1.5, label.split()[0])
            )
            events.append((onset, 1.5, label))
        path = folder / f"{number}.wav"
        soundfile.write(path, wave, 16000)
        cut = Recording.from_file(path).to_cut()
        cut.supervisions = [
            event(cut.recording_id, at, a, a + d, f"above {0.1 + 0.1 * at}", k)
            for at, (a, d, k) in enumerate(events)
        ]
        cuts.append(cut)
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl.gz")
    (folder / "voc.csv").write_text(
        "label,phrase\nDog 0.3,over 0.6\nBell 0.7,over 0.7\n"
    )
    (folder / "seen.txt").write_text("Dog 0.3\n")
    (folder / "boxes.json").write_text("{}")
    write_table(folder / "ref.tsv", truth)
    for name, share in (("high", 0.5), ("low", 0.9)):
        rows = []
        for clip, onset, offset, label in truth:
            if rng.random() < share:
                early, late = rng.uniform(-0.4, 0.4, 2)
                rows.append((clip, max(0, onset + early), offset + late, label))
            # Of the other class, at the same time, and nowhere.
            other = "Bell" if label == "Dog" else "Dog"
            if rng.random() < share / 2:
                rows.append((clip, onset + 0.9, offset + 0.3, other))
            if rng.random() < share / 2:
                rows.append((clip, 5.4, 5.9, other))
        write_table(folder / f"{name}.tsv", rows)
    for name, seconds in (("d", 6), ("longer", 60), ("shorter", 4.9)):
        (folder / f"{name}.tsv").write_text(
            "filename\tduration\n"
            + "".join(f"{n}.wav\t{seconds}\n" for n in range(4))
        )
    return {
        "cuts": folder / "cuts.jsonl.gz",
        "scores": folder / "scores",
        "vocabulary": folder / "voc.csv",
        "seen": folder / "seen.txt",
        "boxes": folder / "boxes.json",
        "ref": folder / "ref.tsv",
        "high": folder / "high.tsv",
        "low": folder / "low.tsv",
        "durations": folder / "d.tsv",
        "longer": folder / "longer.tsv",
        "shorter": folder / "shorter.tsv",
    }


@pytest.fixture
def run(places, tmp_path, monkeypatch):
    """Runs the command; what it did is what it said, wrote and passed on."""
    passed = {}

    def load(model, device, precision):
        passed.update(device=device, precision=precision)
        return loudness_detector()

    def spied(function, *names):
        def call(*arguments, **options):
            passed.update({name: options[name] for name in names})
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(module, "load_detector", load)
    for name, options in (
        ("store_scores", ("batch_size", "allow_commands")),
        ("psds_table", ("num_jobs",)),
    ):
        real = getattr(detection, name)
        monkeypatch.setattr(detection, name, spied(real, *options))

    def command(text, **more):
        passed.clear()
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        # Places hold no blanks: the words are split before they are filled in.
        known = {**places, "folder": folder, **more}
        words = [word.format(**known) for word in text.split()]
        if "-o" not in words:
            words += ["-o", str(folder / "results.json")]
        done = CliRunner().invoke(evaluate, words)
        written = sorted(path.name for path in folder.iterdir())
        results = folder / "results.json"
        said = results.read_text() if results.exists() else ""
        lines = done.output.replace(str(folder), "").splitlines()
        return done, (lines, written, said, dict(passed))

    if not places["scores"].exists():
        done, _ = command(CALLS["model"] + " --save-scores {scores} --median 0")
        assert done.exit_code == 0, done.output
    return command


@pytest.mark.parametrize("branch", ACTS)
def test_every_option_acts_or_is_refused(run, branch):
    assert set(VALUES) == NAMES, "a new option has to be placed"
    _, before = run(CALLS[branch])
    given = CALLS[branch].split()
    for name, value in VALUES.items():
        # What the branch is called by is there already.
        if value.split()[0] in given and name not in ("durations", "detected"):
            continue
        if name == "detected" and branch != "table":
            continue
        call = CALLS[branch]
        if name == "durations" and branch == "points":
            call = call.replace("{durations}", "{longer}")
            value = ""
        done, after = run(f"{call} {value}")
        if name not in ACTS[branch]:
            assert done.exception is not None, f"{branch} takes {value}"
            said = str(done.exception)
            option = next(
                (word for word in value.split()[::-1] if word[:2] == "--"),
                {"num_jobs": "--num-jobs"}.get(name, "CUTS"),
            )
            exclude = {"model", "scores"}
            assert option in said or {branch, name} <= exclude, (name, said)
        elif name == "encoding":
            # These tables are not in that one.
            assert isinstance(done.exception, ValueError)
        elif name == "device":
            pass
        else:
            assert done.exception is None, (name, done.output, done.exception)
            base = before
            if name in BESIDE:
                _, base = run(f"{call} {BESIDE[name]}")
            assert after != base, f"{value} has no effect with {branch}"


def test_device_and_precision_reach_the_model(run):
    for word, value in (("device", "cuda:7"), ("precision", "bf16")):
        call = CALLS["model"].replace(" --device cpu", "")
        _, (_, _, _, passed) = run(f"{call} --{word} {value}")
        assert passed[word] == value


def test_filters_of_saved_scores_are_told_or_refused(run, tmp_path):
    smooth = CALLS["model"] + " --save-scores {kept}"
    kept = tmp_path / "smooth"
    done, _ = run(smooth, kept=kept)
    assert done.exit_code == 0
    call = f"{{cuts}} --scores {kept}"
    for more in ("--boxes {boxes}", "--tune-boxes {folder}/b.json"):
        done, _ = run(f"{call} {more}")
        assert "were smoothed over 0.36 s, and bounding" in str(done.exception)
    assert "once more over 0.5 s" in run(f"{call} --median 0.5")[0].output
    words = run(f"{call} --protocol desed")[0].output
    assert "smoothed over 0.36 s; with protocol desed a model's are" in words
    assert "smoothed" not in run(call)[0].output


def test_scores_of_another_precision_are_not_taken(places, tmp_path):
    model, scores = export_tiny(tmp_path), tmp_path / "scores"
    call = [
        *(str(places["cuts"]), "--model", model, "--device", "cpu"),
        *("--save-scores", str(scores)),
    ]
    assert CliRunner().invoke(evaluate, call).exit_code == 0
    before = {clip: np.array(s) for clip, s in ScoreStore(scores).items()}
    assert ScoreStore(scores).about["precision"] == "fp32"
    done = CliRunner().invoke(evaluate, [*call, "--precision", "bf16"])
    assert "scores of another model, other phrases, settings" in str(
        done.exception
    )
    call[-1] = str(tmp_path / "low")
    done = CliRunner().invoke(evaluate, [*call, "--precision", "bf16"])
    assert done.exit_code == 0
    after = ScoreStore(tmp_path / "low")
    assert any((after[clip] != before[clip]).any() for clip in after)


def test_models_without_a_heavy_part_refuse_a_precision():
    detector = loudness_detector()
    detector.mods.model.precisions = ("fp32",)
    with pytest.raises(ValueError, match="bf16 has no effect on this model"):
        SoundEventDetector(
            dict(detector.mods),
            {"spec": detector.spec},
            {"device": "cpu", "precision": "bf16"},
        )


def test_results_are_json(run, tmp_path):
    run(f"{CALLS['model']} -o {tmp_path}/r.json")
    written = (tmp_path / "r.json").read_text()
    results = json.loads(written, parse_constant=pytest.fail)
    assert 0 <= results["all"]["PSDS1_A"] <= results["all"]["PSDS1_T"] <= 1
