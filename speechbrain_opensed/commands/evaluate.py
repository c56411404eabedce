"""`opensed evaluate`: detection scores of a model on a manifest.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from lhotse_recipes.holding import scratch_folder
from speechbrain_opensed.commands.evaluate_report import (
    save_scores_of,
    score_text,
)
from speechbrain_opensed.commands.evaluate_tables import (
    TABLE_OPTIONS,
    evaluate_tables,
    table_options,
)
from speechbrain_opensed.commands.options import (
    commands_option,
    load_detector,
    model_options,
)

__all__ = ["evaluate"]

_COUNT = click.IntRange(min=1)
_FILE = click.Path(dir_okay=False, path_type=Path)
_PATH = click.Path(path_type=Path)
_SPELLED = {"median_seconds": "median"}
_OF_MODELS = (
    *("vocabulary", "save_scores", "batch_size", "device", "precision"),
    "allow_commands",
)


@click.command(
    short_help="Print detection scores of a model.",
)
@click.argument("cuts", type=_PATH, required=False)
@model_options(required=False)
@click.option(
    "--scores", type=_PATH, help="Scores saved before, instead of --model."
)
@click.option(
    "--save-scores", type=_PATH, help="Keep the scores of the model there."
)
@click.option(
    "--protocol",
    type=click.Choice(["flexsed", "desed", "urbansed", "audioset-strong"]),
    default="flexsed",
    help="Settings of the scores. flexsed: PSDS1 over all clips (A) and of "
    "localisation (T); the others as in the FineLAP paper: PSDS1, PSDS2 and "
    "best F-scores, without clips that have no event.",
)
@click.option(
    "--vocabulary",
    help="Name or csv of a table of labels and phrases; default: what occurs "
    "in the manifest, phrases for flexsed and labels for the others.",
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
    help="Span of the median filter over the scores, in seconds; default: "
    "that of the protocol, or none for saved scores, which were filtered.",
)
@click.option(
    "--boxes",
    type=_FILE,
    help="Find events as bounding boxes (SEBB) in place of the median filter, "
    "with settings that --tune-boxes wrote.",
)
@click.option(
    "--tune-boxes",
    type=_FILE,
    help="Choose the settings of bounding boxes by PSDS on these cuts, which "
    "should be validation data, and write them there.",
)
@click.option(
    "--frame-auroc", is_flag=True, help="Also the AUROC of each class's frames."
)
@click.option("--batch-size", type=_COUNT, default=4, help="Windows at once.")
@click.option("-j", "--num-jobs", type=_COUNT, default=1, help="Threads.")
@commands_option
@table_options
@click.option("-o", "--output", type=_FILE, help="Results as JSON.")
def evaluate(
    cuts: Path | None,
    model: str | None,
    device: str | None,
    precision: str,
    scores: Path | None,
    save_scores: Path | None,
    protocol: str,
    vocabulary: str | None,
    seen: Path | None,
    median_seconds: float | None,
    boxes: Path | None,
    tune_boxes: Path | None,
    frame_auroc: bool,
    batch_size: int,
    num_jobs: int,
    allow_commands: bool,
    output: Path | None,
    **tables: Any,
) -> None:
    """Print detection scores over the events of a manifest of CUTS.

    Or, with --reference and --detected, those of a table of detections over
    a table of events: event-, onset-, segment- and intersection-based F and
    error rate as sed_eval and psds_eval have them.
    """
    given = _given()
    of_tables = [name for name in given if name in TABLE_OPTIONS]
    if "reference" in given or "detected" in given:
        _refuse(
            [name for name in given if name not in (*TABLE_OPTIONS, "output")],
            "beside --reference and --detected: it is about a manifest and a "
            "model; leave it out",
        )
        evaluate_tables(given, output, **tables)
        return
    _refuse(of_tables, "without --reference and --detected; leave it out")
    if cuts is None:
        raise ValueError(
            "name a manifest of cuts, or tables by --reference and --detected"
        )
    if (model is None) == (scores is None):
        raise ValueError("give either --model or --scores")
    if scores is not None:
        _refuse(
            [name for name in given if name in _OF_MODELS],
            "beside --scores: it is about how a model is asked; leave it out, "
            "or give --model",
        )
    if boxes or tune_boxes:
        _refuse(
            [name for name in given if name == "median_seconds"],
            "beside bounding boxes, which are found in scores that are not "
            "smoothed; leave it out",
        )
        # Scores of models are taken as they are.
        median_seconds = 0.0 if scores is None else None
    from lhotse_recipes.manifests import read_cuts
    from lhotse_recipes.vocabulary import Vocabulary
    from speechbrain_opensed.commands.evaluate_filters import (
        boxed_scores,
        compare_filters,
    )
    from speechbrain_opensed.evaluation.detection import (
        check_store,
        psds_table,
        smoothed,
        store_scores,
    )
    from speechbrain_opensed.evaluation.ground_truth import read_truth
    from speechbrain_opensed.metrics import ScoreStore, get_protocol

    # Beside saved scores no sound is read, and no command run.
    cut_set = read_cuts(cuts, allow_commands or scores is not None)
    rules = get_protocol(protocol)
    with scratch_folder() as folder:
        if scores is not None:
            stored = ScoreStore(scores)
            detection_hop = stored.hop_seconds
            labels = {label: label for label in stored.classes}
            truth = read_truth(cut_set, labels)
            check_store(stored, truth, cut_set)
            compare_filters(
                stored.about.get("median_seconds"),
                median_seconds,
                rules,
                bool(boxes or tune_boxes),
            )
            store: Any = stored
            if median_seconds is not None:
                store = smoothed(stored, median_seconds)
        else:
            table = Vocabulary.load(vocabulary) if vocabulary else None
            truth = _ask(
                read_truth(cut_set, table.phrases if table else None),
                rules.raw_labels and not vocabulary,
            )
            if table is not None:
                truth = _evaluated(truth, table)
            assert model is not None, "asked for above, where no scores are"
            detector = load_detector(model, device, precision)
            store = store_scores(
                cut_set,
                truth,
                detector,
                save_scores or Path(folder) / "scores",
                median_seconds=rules.median_seconds
                if median_seconds is None
                else median_seconds,
                batch_size=batch_size,
                allow_commands=allow_commands,
            )
            detection_hop = store.hop_seconds
        if boxes or tune_boxes:
            store = boxed_scores(
                store,
                truth,
                detection_hop,
                protocol=rules,
                boxes=boxes,
                tune_boxes=tune_boxes,
            )
        known = _read_seen(seen, truth.phrases)
        results = psds_table(
            store,
            truth,
            detection_hop,
            seen=known,
            num_jobs=num_jobs,
            protocol=rules,
        )
        fscores = _fscores(store, truth, detection_hop, rules)
        areas = _areas(store, truth, detection_hop, frame_auroc, rules)
    click.echo(score_text(results, fscores, areas))
    if output is not None:
        save_scores_of(results, fscores, areas, rules.name, output)
        click.echo(f"wrote {output}")


def _ask(truth, raw_labels):
    if not raw_labels:
        return truth
    return replace(truth, phrases={label: label for label in truth.phrases})


def _evaluated(truth, table):
    """The labels that the vocabulary's evaluation counts, and their events."""
    left_out = {e.label for e in table.entries if e.evaluated is False}
    events = {
        cut: [event for event in of_cut if event[2] not in left_out]
        for cut, of_cut in truth.events.items()
    }
    number = sum(map(len, truth.events.values()))
    number -= sum(map(len, events.values()))
    if left_out:
        click.echo(
            f"{len(left_out)} of {len(table.entries)} labels are not "
            f"evaluated, says {table.name}: {number} events are left out",
            err=True,
        )
    phrases = {k: v for k, v in truth.phrases.items() if k not in left_out}
    return replace(truth, events=events, phrases=phrases)


def _given():
    """Names of what stands on the command line."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [
        name
        for name in context.params
        if context.get_parameter_source(name) == source
    ]


def _refuse(names, why):
    """Options that do nothing are a mistake."""
    if names:
        shown = ", ".join(
            "CUTS" if name == "cuts" else f"--{_SPELLED.get(name, name)}"
            for name in names
        ).replace("_", "-")
        raise ValueError(f"{shown} has no effect {why}")


def _areas(store, truth, hop_seconds, wanted, protocol):
    if not wanted:
        return {}
    from speechbrain_opensed.metrics.frames import frame_auroc

    return _over_clips(frame_auroc, store, truth, hop_seconds, protocol)


def _fscores(store, truth, hop_seconds, protocol):
    if not protocol.fscores:
        return {}
    from speechbrain_opensed.metrics.protocols import best_fscores

    return _over_clips(best_fscores, store, truth, hop_seconds, protocol)


def _over_clips(measure, store, truth, hop_seconds, protocol):
    return measure(
        store,
        *(truth.events, truth.durations, list(truth.phrases)),
        hop_seconds,
        protocol.keep_empty_clips,
    )


def _read_seen(path, labels):
    """The labels of a file, of which some have to be among those scored."""
    if path is None:
        return None
    from lhotse_recipes.io import read_text

    lines = read_text(path).splitlines()
    seen = {line.strip() for line in lines if line.strip()}
    if seen.isdisjoint(labels):
        raise ValueError(
            f"{path}: none of its {len(seen)} lines is one of the "
            f"{len(labels)} labels that are scored, such as "
            f"{min(labels, default='')!r}: write one label per line"
        )
    return seen
