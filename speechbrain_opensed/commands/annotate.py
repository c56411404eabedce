"""`opensed annotate`: add detected events to a Lhotse manifest.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import (
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_thresholds,
)

__all__ = ["annotate"]


@click.command(short_help="Detect sounds in the cuts of a manifest.")
@click.argument("cuts", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@phrase_options
@model_options()
@detection_options
def annotate(
    cuts,
    output,
    queries,
    queries_file,
    model,
    device,
    precision,
    thresholds,
    **settings,
):
    """Detect all queries in the cuts of a manifest; write OUTPUT.

    CUTS and OUTPUT are .jsonl or .jsonl.gz. Events that were in the manifest
    give way to those detected; tags and captions stay.
    """
    if not output.name.endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{output}: name it .jsonl or .jsonl.gz")
    phrases = read_phrases(queries, queries_file)
    thresholds = read_thresholds(thresholds, phrases)
    from lhotse_recipes.manifests import read_cuts
    from lhotse_recipes.outputs import refuse_inputs
    from lhotse_recipes.schema import events_of
    from speechbrain_opensed.evaluation.annotate import annotate_events

    refuse_inputs(output, [cuts])
    annotated = annotate_events(
        read_cuts(cuts),
        load_detector(model, device, precision),
        phrases,
        thresholds,
        output=output,
        **settings,
    )
    counts = [len(events_of(cut)) for cut in annotated]
    click.echo(f"{sum(counts)} events in {len(counts)} cuts: {output}")
