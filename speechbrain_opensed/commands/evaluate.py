"""`opensed evaluate`: PSDS of a model, or of scores, on a manifest.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from speechbrain_opensed.commands.options import load_detector, model_options

__all__ = ["evaluate"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    short_help="Print the PSDS of a model or of scores.",
    context_settings={"show_default": True},
)
@click.argument("cuts", type=click.Path(path_type=Path))
@model_options(required=False)
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    help="Scores that were saved before, instead of --model.",
)
@click.option(
    "--save-scores",
    type=click.Path(path_type=Path),
    help="Keep the scores of the model there.",
)
@click.option(
    "--vocabulary",
    help="Name or csv of a table of labels and phrases; default: what occurs "
    "in the manifest.",
)
@click.option(
    "--seen",
    type=_FILE,
    help="Text file with the labels that the model was trained on, one per "
    "line: adds rows for seen and unseen ones.",
)
@click.option(
    "--median",
    "median_seconds",
    type=float,
    default=0.36,
    help="Span of the median filter over the scores, in seconds.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=4)
@click.option("-j", "--num-jobs", type=click.IntRange(min=1), default=1)
@click.option("-o", "--output", type=_FILE, help="Results as JSON.")
def evaluate(
    cuts,
    model,
    device,
    precision,
    scores,
    save_scores,
    vocabulary,
    seen,
    median_seconds,
    batch_size,
    num_jobs,
    output,
):
    """Print PSDS1_A and PSDS1_T over the events of a manifest of CUTS."""
    if (model is None) == (scores is None):
        raise ValueError("give either --model or --scores")
    from lhotse_recipes.manifests import read_cuts
    from lhotse_recipes.vocabulary import Vocabulary
    from speechbrain_opensed.metrics.score_store import ScoreStore
    from speechbrain_opensed.workflows.evaluate import (
        psds_table,
        read_truth,
        store_scores,
    )

    cut_set = read_cuts(cuts)
    known = _read_lines(seen)
    phrases = Vocabulary.load(vocabulary).phrases if vocabulary else None
    if scores is not None:
        store = ScoreStore(scores)
        truth = read_truth(cut_set, {label: label for label in store.classes})
        table = psds_table(store, truth, store.hop_seconds, known, num_jobs)
    else:
        truth = read_truth(cut_set, phrases)
        detector = load_detector(model, device, precision)
        with TemporaryDirectory() as folder:
            store = store_scores(
                cut_set,
                truth,
                detector,
                save_scores or Path(folder) / "scores",
                median_seconds,
                batch_size,
            )
            table = psds_table(store, truth, store.hop_seconds, known, num_jobs)
    click.echo(_text(table))
    if output is not None:
        _save(table, output)
        click.echo(f"wrote {output}")


def _read_lines(path):
    if path is None:
        return None
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return {line.strip() for line in lines if line.strip()}


def _text(table):
    lines = [f"{'classes':<16}{'PSDS1_A':>9}{'PSDS1_T':>9}"]
    for group, results in table.items():
        count = len(results["PSDS1_A"].per_class)
        lines.append(
            f"{f'{group} ({count})':<16}"
            f"{results['PSDS1_A'].psds:>9.4f}{results['PSDS1_T'].psds:>9.4f}"
        )
    skipped = table["all"]["PSDS1_A"].skipped_classes
    if skipped:
        lines.append(
            f"{len(skipped)} classes without events left out: "
            + ", ".join(skipped[:5])
            + (", ..." if len(skipped) > 5 else "")
        )
    return "\n".join(lines)


def _save(table, output):
    from lhotse_recipes.io import write_atomically

    everything = table["all"]
    about = {
        group: {metric: result.psds for metric, result in results.items()}
        for group, results in table.items()
    }
    about["per_class"] = {
        label: {
            "events": everything["PSDS1_A"].num_events[label],
            **{
                metric: result.per_class[label]
                for metric, result in everything.items()
            },
        }
        for label in everything["PSDS1_A"].per_class
    }
    about["skipped_classes"] = list(everything["PSDS1_A"].skipped_classes)
    about["settings"] = everything["PSDS1_A"].settings
    with write_atomically(output) as file:
        json.dump(about, file, indent=2, ensure_ascii=False)
