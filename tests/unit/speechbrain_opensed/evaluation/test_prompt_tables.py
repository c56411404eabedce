"""Tables of prompt-tuning runs: what is averaged, paired and named."""

import csv
import json

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.evaluation.prompt_results import read_results
from speechbrain_opensed.evaluation.prompt_tables import (
    class_table,
    cost_table,
    result_table,
)
from speechbrain_opensed.metrics.base_new import harmonic_mean

PLAIN = {
    "protocol": "base_to_new",
    "dataset": "sesa",
    "target": None,
    "shots": 16,
    "tower": "clap",
    "fold": 1,
    "seed": 0,
    "host": "coop",
    "sept_weight": 0,
    "intra": True,
    "inter": True,
    "margins": True,
    "num_neighbors": 10,
}


def record(base, new, **changes):
    def both(base, new):
        h = harmonic_mean(base, new)
        return {"base": base, "new": new, "H": h}

    return {
        **PLAIN,
        "zero_shot": both(0.5, 0.5),
        "zero_shot_per_class": {"new": {"siren": told(0.5)}},
        "scores": both(base, new),
        "per_class": {"new": {"siren": told(new)}},
        "trained_parameters": 8192,
        "train_seconds": 2.0,
        "inference_ms": 0.25,
        **changes,
    }


def told(recall):
    return {"clips": 4, "recall": recall}


def as_dicts(rows):
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def by_method(rows, dataset="sesa"):
    return {
        row["method"]: row
        for row in as_dicts(rows)
        if row["dataset"] == dataset
    }


def test_h_is_averaged_over_runs():
    runs = [record(0.8, 0.2), record(0.2, 0.8, seed=1)]
    row = by_method(result_table(runs))["coop"]
    assert (row["base"], row["new"]) == ("50.0 ± 42.4", "50.0 ± 42.4")
    assert (row["H"], row["H of means"]) == ("32.0 ± 0.0", "50.0")
    assert row["runs"] == "2"


def test_spread_is_over_seeds_not_folds():
    runs = [
        record(0.5 + 0.1 * seed + 0.2 * fold, 0.5, seed=seed, fold=fold)
        for seed in range(2)
        for fold in range(2)
    ]
    rows = by_method(result_table(runs))
    assert rows["coop"]["base"] == "65.0 ± 7.1"
    # Seeds make no difference to a model as it is, folds do.
    assert rows["zero-shot"]["runs"] == "2"
    assert rows["zero-shot"]["base"] == "50.0"


def test_differences_are_paired():
    runs = [
        record(0.6, 0.2, seed=0),
        record(0.6, 0.6, seed=1),
        record(0.6, 0.3, seed=0, sept_weight=1.0),
        record(0.6, 0.7, seed=1, sept_weight=1.0),
        # Without a partner.
        record(0.6, 0.9, seed=2, sept_weight=1.0),
        record(0.6, 0.9, host="dept", sept_weight=1.0),
        record(0.6, 0.9, host="kgcoop"),
    ]
    rows = by_method(result_table(runs))
    assert rows["coop+SEPT"]["Δ new"] == "+10.0 ± 0.0 (2/2)"
    assert rows["coop+SEPT"]["Δ base"] == "+0.0 ± 0.0 (0/2)"
    assert rows["coop+SEPT"]["runs"] == "3"
    for method in ("coop", "kgcoop", "dept+SEPT", "zero-shot"):
        assert rows[method]["Δ new"] == "–"
    assert "Δ new" not in result_table(runs[:2])[0]


def test_methods_are_told_apart_by_what_differs():
    runs = [
        # Without SEPT its settings mean nothing.
        record(0.6, 0.2, num_neighbors=5),
        record(0.6, 0.3, sept_weight=1.0),
        record(0.6, 0.4, sept_weight=1.0, margins=False),
        record(0.6, 0.4, sept_weight=2.0),
    ]
    assert set(by_method(result_table(runs))) == {
        "zero-shot",
        "coop",
        "coop+SEPT (sept_weight 1.0, margins True)",
        "coop+SEPT (sept_weight 1.0, margins False)",
        "coop+SEPT (sept_weight 2.0, margins True)",
    }
    other = record(0.6, 0.2, shots=4, tower="finelap")
    datasets = {row[0] for row in result_table([*runs, other])[1:]}
    assert "sesa (shots 4, tower finelap)" in datasets


def test_means_over_datasets_take_what_all_have():
    runs = [
        record(0.6, 0.2),
        record(0.6, 0.2, seed=1),
        record(0.8, 0.4, dataset="esc50"),
        record(0.8, 0.9, dataset="esc50", host="palm"),
    ]
    rows = by_method(result_table(runs), "mean of 2")
    assert list(rows) == ["zero-shot", "coop"]
    assert rows["coop"]["runs"] == "1"
    assert rows["coop"]["base"] == "70.0"
    mean = 50 * (harmonic_mean(0.6, 0.2) + harmonic_mean(0.8, 0.4))
    assert rows["coop"]["H"] == f"{mean:.1f}"


def test_other_protocols():
    scores = {"zero_shot": {"joint": 0.3}, "scores": {"joint": 0.6}}
    few = record(0, 0, protocol="few_shot", **scores)
    cross = record(0, 0, protocol="cross_dataset", target="esc50", **scores)
    cross["scores"] = {"joint": 0.7, "target": 0.2}
    none = record(0, 0, protocol="zero_shot", **scores)
    del none["scores"]
    rows = as_dicts(result_table([few, cross, none]))
    assert list(rows[0]) == ["dataset", "method", "runs", "joint", "target"]
    told = {(row["dataset"], row["method"]): row for row in rows}
    crossed = told["sesa → esc50 (protocol cross_dataset)", "coop"]
    assert (crossed["joint"], crossed["target"]) == ("70.0", "20.0")
    assert told["sesa (protocol few_shot)", "coop"]["target"] == "–"
    assert ("sesa (protocol zero_shot)", "coop") not in told


def test_classes_and_costs():
    runs = [record(0.6, 0.2), record(0.6, 0.4, seed=1, train_seconds=4.0)]
    assert class_table(runs) == [
        ["dataset", "class", "clips", "zero-shot", "coop"],
        ["sesa", "siren", "4", "50.0 ± 0.0", "30.0 ± 14.1"],
    ]
    assert cost_table(runs)[1] == ["sesa", "coop", "8192", "3.0", "0.25"]
    with pytest.raises(ValueError, match="no run has an exam 'target'"):
        class_table(runs, "target")


def write(folder, name, content):
    path = folder / name / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return path


def test_records_are_read(tmp_path):
    one = write(tmp_path, "a/1", record(0.6, 0.2))
    write(tmp_path, "a/2", record(0.6, 0.2, seed=1))
    runs = read_results([tmp_path, one])
    assert [run["seed"] for run in runs] == [0, 1]
    write(tmp_path, "b", record(0.1, 0.1))
    with pytest.raises(ValueError, match="a/1.*b.*are the same run"):
        read_results([tmp_path])
    write(tmp_path, "c", "{")
    with pytest.raises(ValueError, match="c/results.json:1: no whole JSON"):
        read_results([tmp_path / "c"])
    for k, content in enumerate(({"host": "coop"}, [])):
        write(tmp_path, f"d{k}", content)
        with pytest.raises(ValueError, match="no record .* lacks dataset"):
            read_results([tmp_path / f"d{k}"])
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        with pytest.raises(FileNotFoundError, match=f"{name}: no results"):
            read_results([tmp_path / name])


def test_command_line(tmp_path):
    write(tmp_path, "1", record(0.6, 0.2))
    write(tmp_path, "2", record(0.6, 0.4, sept_weight=1.0))
    table = tmp_path / "table.md"
    result = CliRunner().invoke(
        opensed, ["prompt-results", str(tmp_path), "-o", str(table)]
    )
    assert result.exit_code == 0, result.output
    assert result.output == table.read_text()
    assert "| sesa | coop+SEPT | 1 | 60.0 | 40.0 |" in result.output
    for name, words in (("costs", "8192"), ("classes", "siren")):
        result = CliRunner().invoke(
            opensed, ["prompt-results", str(tmp_path), "--table", name]
        )
        assert words in result.output
    result = CliRunner().invoke(opensed, ["prompt-results", "nowhere"])
    assert (result.exit_code, result.output[:14]) == (2, "Error: nowhere")


def test_the_averages_of_the_paper(shared_data):
    """SEPT's printed H are means of H; those of CoOp are not H of means."""
    path = shared_data / "meta/sept/sept_base_to_new.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    runs = []
    for row in rows:
        host, _, sept = row["method"].partition("+")
        if host == "CoOp" and "verage" not in row["dataset"]:
            run = record(
                float(row["base"]) / 100,
                float(row["new"]) / 100,
                dataset=row["dataset"],
                sept_weight=float(bool(sept)),
            )
            # Means of many runs: their H cannot be computed from them.
            run["scores"]["H"] = float(row["H"]) / 100
            runs.append(run)
    assert len(runs) == 22
    means = by_method(result_table(runs), "mean of 11")
    plain, sept = means["coop"], means["coop+SEPT"]
    assert (plain["H"], plain["H of means"]) == ("42.8", "44.7")
    assert (sept["H"], sept["H of means"]) == ("49.7", "51.5")
    assert sept["Δ H"] == "+6.9 (1/1)"
