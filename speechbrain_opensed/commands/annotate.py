"""`opensed annotate`: add detected events to a Lhotse manifest.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from lhotse_recipes.cli import output_argument
from speechbrain_opensed.commands.interrupts import prompt_interrupts
from speechbrain_opensed.commands.options import (
    SomeFailed,
    channel_option,
    commands_option,
    count_option,
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_settings,
    read_thresholds,
)

__all__ = ["annotate"]


@click.command(short_help="Detect sounds in the cuts of a manifest.")
@click.argument("cuts", type=click.Path(path_type=Path))
@output_argument(click.Path(path_type=Path))
@phrase_options
@model_options()
@detection_options
@channel_option
@commands_option
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where a run with the same output, model, phrases and "
    "settings stopped; new and changed cuts are heard, too.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first cut that cannot be used; those before it are "
    "kept for --resume.",
)
@count_option(
    "-j",
    "--num-jobs",
    default=1,
    help="Threads that detect; the result is the same for any number.",
)
@prompt_interrupts()
def annotate(
    cuts: Path,
    output: Path,
    queries: tuple[str, ...],
    queries_file: Path | None,
    model: str,
    device: str | None,
    precision: str,
    thresholds: tuple[str, ...],
    allow_commands: bool,
    resume: bool,
    strict: bool,
    num_jobs: int,
    **settings: Any,
) -> None:
    """Detect all queries in the cuts of a manifest; write OUTPUT.

    CUTS and OUTPUT are .jsonl or .jsonl.gz. Events that were in the manifest
    give way to those detected; tags, captions and what somebody says stay. A
    cut that cannot be used is named and left out; the exit code is then 1.
    OUTPUT appears whole; what is done is kept beside it, cut by cut.
    """
    if not output.name.endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{output}: name it .jsonl or .jsonl.gz")
    phrases = read_phrases(queries, queries_file)
    levels = read_thresholds(thresholds, phrases)
    settings = read_settings(settings, phrases)
    from lhotse_recipes.manifests import read_cuts
    from lhotse_recipes.outputs import refuse_inputs
    from lhotse_recipes.schema import events_of
    from speechbrain_opensed.evaluation.annotate import annotate_events

    refuse_inputs(output, [cuts])
    failed: dict[str, str] = {}
    try:
        annotated = annotate_events(
            read_cuts(cuts, allow_commands),
            load_detector(model, device, precision),
            phrases,
            threshold=levels,
            output=output,
            failed=None if strict else failed,
            allow_commands=allow_commands,
            resume=resume,
            num_jobs=num_jobs,
            **settings,
        )
    except BaseException:
        _tell(failed)
        if _has_begun(output):
            click.echo(
                f"{output}: what was done before is kept; the same command "
                "with --resume goes on from there",
                err=True,
            )
        raise
    _tell(failed)
    events = others = number = 0
    # A pipe or device has been read by somebody else.
    for cut in annotated if output.is_file() else ():
        found = len(events_of(cut))
        number += 1
        events += found
        others += len(cut.supervisions) - found
    kept = f", {others} other supervisions kept" if others else ""
    click.echo(
        f"{events} events in {number} cuts{kept}: {output}",
    )
    if failed:
        raise SomeFailed(f"{len(failed)} cuts were left out, see above")


def _has_begun(output):
    """Whether anything stands in the journal behind its first line."""
    from speechbrain_opensed.inference.provenance import journal_path

    path = journal_path(output)
    return path.is_file() and path.read_bytes().count(b"\n") > 1


def _tell(failed):
    for reason in failed.values():
        click.echo(f"Error: {reason}", err=True)
