"""Detected events take the place of events, and of nothing else."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lhotse import AudioSource, CutSet, Recording, SupervisionSegment
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.building.corpus import process_pool
from lhotse_recipes.schema import event
from speechbrain_opensed.commands import annotate as command
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.evaluation.annotate import annotate_events
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from tests.tiny_detector import export_tiny


@pytest.fixture(scope="module")
def detector():
    return SoundEventDetector(
        {
            "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
            "text_encoder": HashTextEncoder(dim=8),
        },
        {"spec": SedSpec()},
        {"device": "cpu"},
    )


def _missing(number):
    source = AudioSource("file", [0], f"/nowhere/{number}.wav")
    return Recording(f"bad-{number}", [source], 16000, 16000, 1.0).to_cut()


def test_what_somebody_says_stays(detector):
    cut = dummy_cut(0, duration=1.0, with_data=True)
    said = SupervisionSegment(
        "utt", cut.recording_id, 0.1, 0.5, text="HELLO WORLD", speaker="spk1"
    )
    old = event(cut.recording_id, 0, 0.1, 0.2, "bark", "Bark")
    cut.supervisions = [said, old]
    out = annotate_events(
        CutSet.from_cuts([cut]), detector, ["rain"], threshold=0.9999
    )
    assert [(s.text, s.speaker) for s in out[0].supervisions] == [
        ("HELLO WORLD", "spk1")
    ]


def test_bad_cuts_are_left_out_and_told(detector):
    good = [dummy_cut(n, duration=1.0, with_data=True) for n in range(3)]
    cuts = CutSet.from_cuts([good[0], _missing(0), *good[1:], _missing(1)])
    failed = {}
    out = annotate_events(cuts, detector, ["rain"], batch_size=2, failed=failed)
    assert [cut.id for cut in out] == [cut.id for cut in good]
    assert list(failed) == ["bad-0", "bad-1"]
    assert "/nowhere/0.wav" in failed["bad-0"]
    with pytest.raises((ValueError, OSError), match="bad-0|nowhere/0"):
        annotate_events(cuts, detector, ["rain"])


def test_nothing_is_left_and_told(detector, tmp_path):
    failed = {}
    out = annotate_events(
        CutSet.from_cuts([_missing(0)]),
        detector,
        ["rain"],
        output=tmp_path / "out.jsonl",
        failed=failed,
    )
    assert (list(out), list(failed)) == ([], ["bad-0"])
    # A file that is longer than its manifest is another file.
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    cut = Recording.from_file(tmp_path / "a.wav").to_cut()
    soundfile.write(tmp_path / "a.wav", np.zeros(48000), 16000)
    annotate_events(CutSet.from_cuts([cut]), detector, ["rain"], failed=failed)
    assert "its recording lasts 1.000 s, its file" in failed["a"]


def test_given_cuts_run_no_command(detector, tmp_path):
    source = AudioSource("command", [0], f"touch {tmp_path}/ran; cat a.wav")
    cut = Recording("evil", [source], 16000, 16000, 1.0).to_cut()
    with pytest.raises(ValueError, match="cut evil would run the command"):
        annotate_events(CutSet.from_cuts([cut]), detector, ["rain"])
    assert not (tmp_path / "ran").exists()


def test_the_command_keeps_what_is_good_and_says_what_is_not(
    detector, tmp_path, monkeypatch
):
    monkeypatch.setattr(command, "load_detector", lambda *_: detector)
    wave = np.random.default_rng(0).normal(0, 0.1, 16000)
    soundfile.write(tmp_path / "a.wav", wave, 16000)
    heard = Recording.from_file(tmp_path / "a.wav").to_cut()
    cuts = [heard.with_id("a"), heard.with_id("b")]
    paths = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    CutSet.from_cuts([*cuts, _missing(0)]).to_file(paths[0])
    arguments = ["annotate", *map(str, paths), "-q", "rain", "--model", "x"]
    result = CliRunner().invoke(opensed, arguments)
    assert result.exit_code == 1, result.output
    assert "/nowhere/0.wav" in result.output
    assert "1 cuts were left out" in result.output
    lines = paths[1].read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [c.id for c in cuts]
    paths[1].unlink()
    result = CliRunner().invoke(opensed, [*arguments, "--strict"])
    assert result.exit_code == 2 and not paths[1].exists()
    assert "with --resume goes on" in result.output
    same = ["annotate", str(paths[0]), str(paths[0]), *arguments[3:]]
    result = CliRunner().invoke(opensed, same)
    assert result.exit_code == 2 and "overwritten" in result.output


def _heard(path, seconds=1.0):
    wave = np.random.default_rng(0).normal(0, 0.1, round(16000 * seconds))
    soundfile.write(path, wave, 16000)
    return Recording.from_file(path).to_cut()


def _lines(path):
    return path.read_text().splitlines()


def test_it_goes_on_where_it_stopped(detector, tmp_path):
    cuts = [_heard(tmp_path / f"{n}.wav", 0.1 * n) for n in range(1, 9)]
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    settings = dict(phrases=["rain"], threshold=0.001)
    annotate_events(CutSet.from_cuts(cuts), detector, output=whole, **settings)
    good = (tmp_path / "8.wav").read_bytes()
    (tmp_path / "8.wav").write_text("no sound")

    class Counted:
        """The detector, and how much it hears."""

        def __init__(self):
            self.windows = 0

        def __getattr__(self, name):
            return getattr(detector, name)

        @property
        def scorer(self):
            scorer = detector.scorer

            def windows(blocks, overlap):
                return map(self.count, scorer.windows(blocks, overlap))

            return SimpleNamespace(
                windows=windows, score=scorer.score, step=scorer.step
            )

        def count(self, window):
            self.windows += 1
            return window

    with pytest.raises(ValueError, match="8.wav is not a sound"):
        annotate_events(
            CutSet.from_cuts(cuts), detector, output=out, **settings
        )
    assert not out.exists()
    (tmp_path / "8.wav").write_bytes(good)
    counted = Counted()
    annotate_events(
        CutSet.from_cuts(cuts), counted, output=out, resume=True, **settings
    )
    # Only the last one, which is shorter than a window, was heard.
    assert counted.windows == 1
    assert _lines(out) == _lines(whole)
    # A cut whose file has changed is heard again, others are not.
    _heard(tmp_path / "3.wav", 0.5)
    counted = Counted()
    failed = {}
    annotate_events(
        CutSet.from_cuts(cuts),
        counted,
        output=out,
        resume=True,
        failed=failed,
        **settings,
    )
    assert counted.windows == 1 and not failed
    with pytest.raises(ValueError, match="other phrases"):
        annotate_events(
            CutSet.from_cuts(cuts), detector, ["hail"], output=out, resume=True
        )


def test_lazy_in_lazy_out(detector, tmp_path):
    paths = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    cuts = [_heard(tmp_path / f"{n}.wav").with_id(f"c{n}") for n in range(3)]
    CutSet.from_cuts([*cuts, _missing(0)]).to_file(paths[0])
    failed = {}
    out = annotate_events(
        CutSet.from_file(paths[0]),
        detector,
        ["rain"],
        threshold=0.001,
        failed=failed,
    )
    assert out.is_lazy and not failed
    for _ in range(2):
        assert [cut.id for cut in out] == ["c0", "c1", "c2"]
        assert list(failed) == ["bad-0"]
    assert all(cut.supervisions for cut in out)
    eager = annotate_events(
        CutSet.from_cuts(cuts), detector, ["rain"], threshold=0.001
    )
    assert not eager.is_lazy and len(eager) == 3


def test_long_cuts_are_heard_as_files_are(detector, tmp_path):
    path = tmp_path / "long.wav"
    rng = np.random.default_rng(0)
    swell = np.abs(np.sin(np.arange(48000 * 40) / 48000))
    noise = rng.normal(0, 0.1, (len(swell), 2)) * swell[:, None]
    soundfile.write(path, noise, 48000)
    cut = Recording.from_file(path).to_cut()
    scores = detector.detect_file(path, ["rain"]).scores
    middle = float(np.median(scores))
    whole = detector.detect_file(path, ["rain"], middle)
    (found,) = annotate_events(
        CutSet.from_cuts([cut]), detector, ["rain"], threshold=middle
    )
    assert len(whole.events) > 3
    assert [(s.start, round(s.end, 6)) for s in found.supervisions] == [
        (e.onset, e.offset) for e in whole.events
    ]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Cuts of one window and of several, and two without sound."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(1)
    cuts = []
    for number in range(37):
        seconds = 23.0 if number == 5 else rng.uniform(0.3, 2.0)
        cuts.append(_heard(folder / f"{number}.wav", seconds))
    return [*cuts[:20], _missing(0), *cuts[20:], _missing(1)]


def _found(path):
    return [json.loads(line) for line in _lines(path)]


def test_the_same_for_any_number_of_jobs(detector, many, tmp_path):
    settings = dict(phrases=["rain", "dog"], threshold=0.001, batch_size=3)
    results = []
    for jobs in (1, 2, 5):
        failed, out = {}, tmp_path / f"{jobs}.jsonl"
        annotate_events(
            CutSet.from_cuts(many),
            detector,
            output=out,
            failed=failed,
            num_jobs=jobs,
            **settings,
        )
        assert list(failed) == ["bad-0", "bad-1"]
        results.append(_found(out))
    assert len(results[0]) == 37
    assert sum(len(cut["supervisions"]) for cut in results[0]) > 37
    assert results[0] == results[1] == results[2]


def test_jobs_read_little_in_advance(detector, many, tmp_path):
    path = tmp_path / "in.jsonl"
    good = [cut for cut in many if not cut.id.startswith("bad")]
    CutSet.from_cuts(good * 4).map(lambda cut: cut).to_file(path)
    taken = []

    class Watched(CutSet):
        def __iter__(self):
            for number, cut in enumerate(CutSet.from_jsonl_lazy(path)):
                taken.append(number)
                yield cut

    cuts = Watched(CutSet.from_jsonl_lazy(path).data)
    lazy = annotate_events(cuts, detector, ["rain"], num_jobs=2)
    assert not taken
    first = next(iter(lazy))
    assert first.id == good[0].id
    assert len(taken) <= 4 * 16 < 4 * len(good)


def test_an_error_of_a_job_ends_the_call(detector, many, tmp_path):
    out = tmp_path / "out.jsonl"
    settings = dict(phrases=["rain"], output=out, num_jobs=3)
    with pytest.raises((ValueError, OSError), match="bad-0|nowhere/0"):
        annotate_events(CutSet.from_cuts(many), detector, **settings)
    assert not out.exists()
    failed = {}
    annotate_events(
        CutSet.from_cuts(many),
        detector,
        failed=failed,
        resume=True,
        **settings,
    )
    assert len(_lines(out)) == 37


def test_what_does_no_work_is_refused(detector):
    cuts = CutSet.from_cuts([])
    with pytest.raises(ValueError, match="num_jobs=0"):
        annotate_events(cuts, detector, ["rain"], num_jobs=0)
    with pytest.raises(ValueError, match="without submit"):
        annotate_events(cuts, detector, ["rain"], executor=map)


@pytest.mark.slow
def test_processes_load_the_model_themselves(many, tmp_path):
    source = export_tiny(tmp_path)
    settings = dict(phrases=["rain", "dog"], threshold=0.01)
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    good = [cut for cut in many if not cut.id.startswith("bad")]
    annotate_events(CutSet.from_cuts(good), source, output=alone, **settings)
    with process_pool(2) as pool:
        annotate_events(
            CutSet.from_cuts(good),
            source,
            output=shared,
            num_jobs=2,
            executor=pool,
            **settings,
        )
        # It is left running.
        assert pool.submit(len, "abc").result() == 3
    assert _found(alone) == _found(shared)
    assert sum(len(cut["supervisions"]) for cut in _found(alone)) > 0


@pytest.mark.slow
def test_a_cluster_of_dask_gives_the_same(many, tmp_path):
    distributed = pytest.importorskip(
        "distributed", reason="needs speechbrain-opensed[cluster]"
    )
    source = export_tiny(tmp_path)
    settings = dict(phrases=["rain", "dog"], threshold=0.01)
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    good = [cut for cut in many if not cut.id.startswith("bad")]
    annotate_events(CutSet.from_cuts(good), source, output=alone, **settings)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        # The client itself, and what of it looks like concurrent.futures.
        for executor in (client, client.get_executor()):
            annotate_events(
                CutSet.from_cuts(good),
                source,
                output=shared,
                num_jobs=2,
                executor=executor,
                **settings,
            )
            assert _found(alone) == _found(shared)
    assert sum(len(cut["supervisions"]) for cut in _found(alone)) > 0
