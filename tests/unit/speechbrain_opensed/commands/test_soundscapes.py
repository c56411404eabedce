"""`opensed soundscapes` with all that large sets need."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet, Recording

from lhotse_recipes.schema import captions_of, events_of, tag
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.language.client import LlmClient

RATE = 16000


def run(*arguments):
    words = [str(word) for word in ("soundscapes", *arguments)]
    return CliRunner().invoke(opensed, words)


def succeed(*arguments):
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Recordings of 3 s with a burst from 1 to 2.5 s, tagged, and a room."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    cuts = []
    for number, label in enumerate(("dog", "cat", "dog")):
        samples = np.zeros(3 * RATE)
        samples[RATE : round(2.5 * RATE)] = rng.normal(0, 0.1, 24000)
        path = folder / "events" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, RATE)
        cut = Recording.from_file(path).to_cut()
        cut.supervisions = [tag(f"{number}", 0, 3.0, f"a {label}", label)]
        cuts.append(cut)
    CutSet.from_cuts(cuts).to_file(folder / "tagged.jsonl.gz")
    for name, seconds in ("park", 5), ("hall", 0.3):
        (folder / name).mkdir()
        decay = np.exp(-np.arange(seconds * RATE) / RATE / seconds)
        noise = decay * rng.normal(0, 0.05, len(decay))
        soundfile.write(folder / name / "a.wav", noise, RATE)
    return folder


def everything(sounds):
    return [
        "-n", 4, "--duration", 4, "--events", 1, 2, "--clip-events",
        "--window", 4, "--backgrounds", sounds / "park",
        "--cut-backgrounds", 2, "--rooms", sounds / "hall",
        "--speed", 0.9, 1.1, "--vary-snr", "--repeat-below", 1,
        "--max-polyphony", 2, "--peak", 0.5, "--captions", "rules",
        "--split", "all",
    ]  # fmt: skip


def test_everything_at_once(sounds, tmp_path):
    written = {}
    for jobs in 1, 2:
        output = tmp_path / str(jobs)
        options = [*everything(sounds), "-j", jobs, "--audio", "flac"]
        printed = succeed(sounds / "tagged.jsonl.gz", output, *options)
        assert f"4 clips: {output / 'soundscapes_cuts_all.jsonl.gz'}" in printed
        written[jobs] = CutSet.from_file(
            output / "audio/soundscapes_cuts_all.jsonl.gz"
        )
        assert (output / "bank/clipped-events_report_all.json").is_file()
    for one, two in zip(*written.values(), strict=True):
        samples = one.load_audio()[0]
        assert np.array_equal(samples, two.load_audio()[0])
        assert np.abs(samples).max() == pytest.approx(0.5, abs=1e-4)
        assert {s.text for s in events_of(one)} <= {"a dog", "a cat"}
        (said,) = captions_of(one)
        assert all(s.text in said.text.lower() for s in events_of(one))


def test_shar(sounds, tmp_path):
    options = [*everything(sounds), "--audio", "shar", "--bits", 24]
    succeed(sounds / "tagged.jsonl.gz", tmp_path, *options)
    shards = CutSet.from_shar(in_dir=tmp_path / "audio/shar")
    assert [cut.num_samples for cut in shards] == [4 * RATE] * 4


def test_a_language_model_captions(sounds, tmp_path, monkeypatch):
    class Writer(LlmClient):
        def complete(self, messages):
            numbers = messages[1]["content"].count("\n") + 1
            said = {str(k + 1): "Some animal calls." for k in range(numbers)}
            return json.dumps(said)

    options = [*everything(sounds)[:-4], "--split", "all", "--captions", "llm"]
    monkeypatch.delenv("OPENSED_LLM_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    done = run(sounds / "tagged.jsonl.gz", tmp_path, *options)
    assert done.exit_code == 2 and "OPENSED_LLM_BASE_URL" in done.output
    monkeypatch.setenv("OPENSED_LLM_BASE_URL", "http://localhost:1/v1")
    monkeypatch.setenv("OPENSED_LLM_MODEL", "writer")
    monkeypatch.setattr("speechbrain_opensed.language.client.LlmClient", Writer)
    printed = succeed(sounds / "tagged.jsonl.gz", tmp_path, *options)
    assert "captions 4" in printed
    manifest = tmp_path / "soundscapes-captioned_cuts_all.jsonl.gz"
    for cut in CutSet.from_file(manifest):
        assert [s.text for s in captions_of(cut)] == ["Some animal calls."]


def test_errors_in_one_line(sounds, tmp_path):
    done = run("procedural", tmp_path, "--cut-backgrounds", 2)
    assert done.exit_code == 2
    assert "--cut-backgrounds needs --backgrounds" in done.output
    done = run(sounds / "tagged.jsonl.gz", tmp_path)
    assert done.exit_code == 2 and "has 0 events" in done.output


@pytest.mark.parametrize(
    "other, match",
    [
        (["--seed", 1], "other seed (0 instead of 1)"),
        (["-n", 5], "other num (2 instead of 5)"),
        (["--snr", 1, 2], "other snr"),
    ],
)
def test_soundscapes_are_not_replaced_by_others(sounds, tmp_path, other, match):
    options = ["--label", "low steady tone", "-n", 2, "--events", 1, 1]
    options += ["--repeats", 1, 1]
    manifest = tmp_path / "soundscapes_cuts_train.jsonl.gz"
    succeed("procedural", tmp_path, *options)
    before = manifest.read_bytes()
    done = run("procedural", tmp_path, *options, *other)
    assert done.exit_code == 2 and match in " ".join(done.output.split())
    assert manifest.read_bytes() == before
    succeed("procedural", tmp_path, *options, "--audio", "flac")
    assert manifest.read_bytes() == before


def test_another_bank_is_other_soundscapes(tmp_path):
    bank = tmp_path / "bank"
    tone = 0.1 * np.sin(np.arange(RATE))
    for label in ("dog", "cat"):
        (bank / label).mkdir(parents=True)
        for number in range(9):
            soundfile.write(bank / label / f"{number}.wav", tone, RATE)
    options = ["-n", 2, "--events", 1, 1]
    succeed(bank, tmp_path / "out", *options)
    (bank / "hen").mkdir()
    soundfile.write(bank / "hen/0.wav", tone, RATE)
    done = run(bank, tmp_path / "out", *options)
    assert done.exit_code == 2 and "made from other bank" in done.output
