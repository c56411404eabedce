"""`opensed calibrate`: thresholds and probabilities for each phrase.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import (
    commands_option,
    load_detector,
    model_options,
)

__all__ = ["calibrate"]


@click.command(short_help="Fit thresholds to recordings of known content.")
@click.argument("cuts", type=click.Path(path_type=Path))
@model_options()
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the calibrated model; may be that of --model.",
)
@click.option(
    "--precision-target",
    "target",
    type=click.FloatRange(0, 1, min_open=True),
    help="Least share of detections that shall be right; default: best F1.",
)
@click.option(
    "--false-alarms",
    type=click.FloatRange(min=0),
    help="Most false alarms an hour of each phrase, in place of that.",
)
@commands_option
def calibrate(
    cuts: Path,
    model: str,
    device: str | None,
    precision: str,
    output: Path,
    target: float | None,
    false_alarms: float | None,
    allow_commands: bool,
) -> None:
    """Fit a threshold and a scale of probability for each phrase in CUTS.

    CUTS is a manifest with all events, such as a recipe's validation data:
    never what the model is tested on. `opensed detect` uses what is found
    unless it is given a threshold; phrases that CUTS does not hold get what
    fits all phrases together.

    \b
    opensed calibrate mixtures_cuts_valid.jsonl.gz --model DIR -o DIR
    """
    from lhotse_recipes.manifests import read_cuts

    loaded = read_cuts(cuts, allow_commands)
    detector = load_detector(model, device, precision)
    fitted = detector.calibrate(
        loaded, precision=target, false_alarms=false_alarms
    )
    fitted.export(output)
    found = fitted.calibration
    width = max(map(len, [*found.phrases, "any other phrase"]))
    click.echo(f"{'phrase':{width}}  events  threshold")
    for phrase, one in sorted(found.phrases.items()):
        click.echo(f"{phrase:{width}}  {one.events:6d}  {one.threshold:9.2f}")
    click.echo(
        f"{'any other phrase':{width}}  {'':6}  {found.prior.threshold:9.2f}"
    )
    about = found.about
    click.echo(
        f"for {about['target']}, over {about['cuts']} cuts; calibration error "
        f"{about['ece_before']} before, {about['ece_after']} after"
    )
    click.echo(f"written: {output}")
