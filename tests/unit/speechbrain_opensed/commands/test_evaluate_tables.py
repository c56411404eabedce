"""Tables against tables by command."""

import json
import tarfile

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.evaluate import evaluate

HEAD = "filename\tonset\toffset\tevent_label\n"


@pytest.fixture
def tables(tmp_path):
    """A reference, detections at two thresholds, and durations."""
    (tmp_path / "ref.tsv").write_text(
        HEAD + "a.wav\t1.0\t2.0\tdog\nb.wav\t0.0\t4.0\tcat\nc.wav\t\t\t\n"
    )
    (tmp_path / "points").mkdir()
    (tmp_path / "points/high.tsv").write_text(
        HEAD + "x/a.wav\t1.1\t2.0\tdog\nb.wav\t0.0\t1.0\tcat\n"
    )
    (tmp_path / "points/low.tsv").write_text(
        HEAD
        + "a.flac\t1.1\t2.0\tdog\nb.wav\t0.0\t4.0\tcat\n"
        + "c.wav\t5.0\t6.0\tdog\nc.wav\t5.0\t6.0\towl\n"
    )
    (tmp_path / "d.tsv").write_text(
        "filename\tduration\n" + "".join(f"{n}.wav\t10\n" for n in "abc")
    )
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(evaluate, list(map(str, arguments)))


def test_one_table(tables):
    done = run(
        *("--reference", tables / "ref.tsv"),
        *("--detected", tables / "points/high.tsv"),
        *("-o", tables / "out.json"),
    )
    assert done.exit_code == 0, done.output
    assert "2 events of 2 classes in 3 clips" in done.output
    found = json.loads((tables / "out.json").read_text())
    (of_table,) = found["tables"].values()
    micro = of_table["event_based"]["micro"]
    assert (micro["f_measure"], micro["error_rate"]) == (0.5, 1.0)
    assert of_table["onset_based"]["micro"]["f_measure"] == 1.0
    assert of_table["segment_based"]["micro"]["recall"] == 2 / 5
    # A quarter of the cat is too little.
    assert of_table["intersection_based"]["macro"]["f_measure"] == 0.5
    assert found["psds"] == {}


def test_operating_points(tables):
    done = run(
        *("--reference", tables / "ref.tsv", "--detected", tables / "points"),
        *("--durations", tables / "d.tsv", "-o", tables / "out.json"),
        *("--max-efpr", 1000),
    )
    assert done.exit_code == 0, done.output
    assert "classes without events in the reference, such as 'owl'" in (
        done.output
    )
    found = json.loads((tables / "out.json").read_text())
    assert set(found["psds"]) == {"PSDS1", "PSDS2", "PSDS"}
    # Dog at no false alarm; cat with the low threshold, which has none.
    assert found["psds"]["PSDS"]["psds"] == 1.0
    low = next(v for k, v in found["tables"].items() if k.endswith("low.tsv"))
    # The owl counts as a false alarm: 2 of 2 found with 4 detections.
    assert low["event_based"]["micro"]["f_measure"] == 2 * 2 / (2 + 4)
    done = run(
        *("--reference", tables / "ref.tsv", "--detected", tables / "points")
    )
    assert "no PSDS: it needs --durations" in done.output


def test_options_and_tables_that_do_not_fit_are_refused(tables):
    both = ("--reference", tables / "ref.tsv", "--detected", tables / "points")
    one = (*both[:3], tables / "points/low.tsv")
    cuts = tables / "cuts.jsonl.gz"
    for arguments, message in (
        ((*both, "--model", "finelap"), "--model has no effect beside --ref"),
        ((*both, "--median", 1), "--median has no effect"),
        ((*both, "-j", 2), "--num-jobs has no effect"),
        ((cuts, *both), "CUTS has no effect"),
        (both[:2], "--reference and --detected go together"),
        (both[2:], "--reference and --detected go together"),
        ((cuts, "--scores", cuts, "--dtc", 0.7), "--dtc has no effect without"),
        ((cuts, "--scores", cuts, "--durations", cuts), "--durations has no"),
        ((), "name a manifest of cuts, or tables"),
        ((*one, "--alpha-st", 1), "PSDS needs several tables"),
        ((*both, "--max-efpr", 1), "PSDS needs several tables"),
    ):
        failed = run(*arguments)
        assert message in str(failed.exception), arguments
    milliseconds = tables / "ms.tsv"
    milliseconds.write_text(HEAD + "a.wav\t1000\t2000\tdog\n")
    other = tables / "other.tsv"
    other.write_text(HEAD + "z.wav\t1\t2\tdog\n")
    for arguments, message in (
        ((milliseconds, "--durations", tables / "d.tsv"), "not in seconds?"),
        ((other, "--durations", tables / "d.tsv"), "1 clips are not in"),
        ((other,), "none of its 1 clips, such as z"),
        ((tables / "gone.tsv",), "gone.tsv: no such file or folder"),
    ):
        failed = run(*both[:2], "--detected", *arguments)
        assert message in str(failed.exception), arguments
    noted = run(*both[:2], "--detected", milliseconds)
    assert "are both in seconds?" in noted.output


PAIRS = [
    ("office_snr0_high_v2", "office_snr0_high_v2_detected"),
    ("office_snr0_med_v2", "office_snr0_med_v2_detected"),
    ("street_fold1_reference", "street_fold1_detected"),
    ("mini_reference", "mini_detected_a"),
    ("audioset1", "audioset1_detected"),
    ("binary1", "binary1_detected"),
    ("binary3", "binary3_detected"),
]


@pytest.mark.parametrize("reference, detected", PAIRS)
def test_examples_of_sed_eval(shared_data, tmp_path, reference, detected):
    import dcase_util
    import sed_eval

    folder = shared_data / "meta/sed_eval_pairs"
    true, found = (folder / f"{name}.txt" for name in (reference, detected))
    out = tmp_path / "out.json"
    done = run("--reference", true, "--detected", found, "-o", out)
    assert done.exit_code == 0, done.exception
    (ours,) = json.loads(out.read_text())["tables"].values()
    lists = [sed_eval.io.load_event_list(str(path)) for path in (true, found)]
    labels = sorted({e["event_label"] for some in lists for e in some})
    zero = {"empty_system_output_handling": "zero_score"}
    metrics = {
        "event_based": sed_eval.sound_event.EventBasedMetrics(
            labels, t_collar=0.2, percentage_of_length=0.2, **zero
        ),
        "onset_based": sed_eval.sound_event.EventBasedMetrics(
            labels, t_collar=0.2, evaluate_offset=False, **zero
        ),
        "segment_based": sed_eval.sound_event.SegmentBasedMetrics(labels, 1.0),
    }
    files = {e.get("filename") for e in lists[0]}
    for name, metric in metrics.items():
        for file in files:
            metric.evaluate(
                *(
                    dcase_util.containers.MetaDataContainer(
                        [e for e in some if e.get("filename") == file]
                    )
                    for some in lists
                )
            )
        overall = metric.results_overall_metrics()
        for kind in ("f_measure", "error_rate"):
            theirs = overall[kind][kind]
            # Of segments sed_eval has no F-score where nothing is found.
            theirs = 0.0 if theirs != theirs else theirs
            assert ours[name]["micro"][kind] == pytest.approx(
                theirs, abs=1e-9
            ), name


@pytest.mark.slow
def test_operating_points_of_desed(shared_data, tmp_path):
    """Numbers of psds_eval 0.5.3 on the same 50 tables."""
    meta = shared_data / "meta/desed"
    with tarfile.open(meta / "student_operating_points.tar.gz") as archive:
        archive.extractall(tmp_path / "points", filter="data")
    done = run(
        *("--reference", meta / "validation__validation.tsv"),
        *("--detected", tmp_path / "points"),
        *("--durations", meta / "validation_durations.tsv"),
        *("-o", tmp_path / "out.json", "--max-efpr", 100),
    )
    assert done.exit_code == 0, done.exception
    psds = json.loads((tmp_path / "out.json").read_text())["psds"]
    expected = {
        "PSDS1": 0.33446856021631743,
        "PSDS2": 0.5281000255636458,
    }
    for name, value in expected.items():
        assert psds[name]["psds"] == pytest.approx(value, abs=1e-9)


def test_detections_of_desed(shared_data, tmp_path):
    """What sed_eval 0.2.1 gives for the same tables, in percent."""
    meta = shared_data / "meta/desed"
    done = run(
        *("--reference", meta / "validation__validation.tsv"),
        *("--detected", meta / "student__predictions0.5.csv"),
        *("-o", tmp_path / "out.json"),
    )
    assert done.exit_code == 0, done.exception
    tables = json.loads((tmp_path / "out.json").read_text())["tables"]
    (ours,) = tables.values()
    events = ours["event_based"]
    assert round(100 * events["micro"]["f_measure"], 2) == 40.95
    assert round(100 * events["macro"]["f_measure"], 2) == 39.87


def test_saved_scores_need_no_audio(tmp_path):
    """Nor does a manifest whose audio is a command run one."""
    import numpy as np
    from lhotse import CutSet
    from lhotse.testing.dummies import dummy_cut

    from lhotse_recipes.schema import event
    from speechbrain_opensed.metrics import ScoreWriter

    rng, cuts = np.random.default_rng(0), []
    with ScoreWriter(tmp_path / "s", ["Dog"], 0.04, 250) as writer:
        for index in range(9):
            first = int(rng.integers(10, 150))
            scores = rng.random((250, 1)) * 0.5
            scores[first : first + 60] = 0.9
            for frame in range(first, first + 60, 5):
                scores[frame : frame + 2] = 0.05
            cut = dummy_cut(index, duration=10.0)
            times = first * 0.04, (first + 60) * 0.04
            cut.supervisions = [
                event(cut.recording.id, 0, *times, "dog", "Dog")
            ]
            writer.append([cut.id], scores[None], [10.0])
            cuts.append(cut)
    CutSet.from_cuts(cuts).to_file(tmp_path / "cuts.jsonl")
    common = (tmp_path / "cuts.jsonl", "--scores", tmp_path / "s")
    for more, expected in (((), "0.0000"), (("--median", 0.36), "1.0000")):
        done = run(*common, *more)
        assert done.exit_code == 0, done.exception
        assert done.output.split()[-2:] == [expected] * 2
    failed = run(*common, "--allow-commands")
    assert "--allow-commands has no effect beside --scores" in str(
        failed.exception
    )
