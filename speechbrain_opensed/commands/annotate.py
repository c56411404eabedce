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
    from lhotse_recipes.io import write_jsonl
    from speechbrain_opensed.workflows.annotate import (
        iter_annotated,
        read_cuts,
    )

    cut_set = read_cuts(cuts)
    counts = {"cuts": 0, "events": 0}

    def counted(annotated):
        for cut in annotated:
            counts["cuts"] += 1
            counts["events"] += sum(
                (s.custom or {}).get("kind") == "event"
                for s in cut.supervisions
            )
            yield cut

    detector = load_detector(model, device, precision)
    write_jsonl(
        output,
        counted(
            iter_annotated(
                cut_set, detector, phrases, threshold=thresholds, **settings
            )
        ),
    )
    click.echo(f"{counts['events']} events in {counts['cuts']} cuts: {output}")
