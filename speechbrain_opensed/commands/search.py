"""`opensed search`: recordings of a folder that fit a description.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from speechbrain_opensed.commands.options import (
    load_aligner,
    model_options,
    phrase_options,
    read_phrases,
)

__all__ = ["search"]


@click.command(
    short_help="Find recordings in a folder by description.",
    context_settings={"show_default": True},
)
@click.argument("folder", type=click.Path(path_type=Path))
@phrase_options
@model_options()
@click.option(
    "-n",
    "--top",
    type=click.IntRange(min=1),
    default=10,
    help="How many recordings to name for each query.",
)
@click.option(
    "--index",
    "index_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the index lies; default: .opensed-index in the folder.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write there instead of to the screen.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=8)
def search(
    folder,
    queries,
    queries_file,
    model,
    device,
    precision,
    top,
    index_folder,
    format_name,
    output,
    batch_size,
):
    """Find the recordings in FOLDER, and in folders below, that fit queries.

    The first time all of them are heard; later only what is new or has
    changed. Recordings that cannot be read are named on standard error.

    \b
    opensed search field-recordings -q "a dog barks far away" --model DIR
    """
    phrases = read_phrases(queries, queries_file)
    from speechbrain_opensed.inference import SoundIndex

    aligner = load_aligner(model, device, precision)
    index = SoundIndex.update(aligner, folder, index_folder, batch_size)
    click.echo(
        f"{len(index.files)} recordings, {index.encoded} heard now"
        + (f", {index.removed} gone" if index.removed else ""),
        err=True,
    )
    if index.passed_over:
        from lhotse_recipes.sound.finding import FoundSounds

        told = FoundSounds(passed_over=index.passed_over).summary()
        click.echo(told, err=True)
    if index.failed:
        click.echo(
            f"{len(index.failed)} recordings could not be read:", err=True
        )
        for about in index.failed.values():
            click.echo(f"  {about['reason']}", err=True)
    found = dict(zip(phrases, index.search(aligner, phrases, top), strict=True))
    text = _json(found, index) if format_name == "json" else _table(found)
    if output is None:
        click.echo(text)
        return
    from lhotse_recipes.io import write_atomically

    with write_atomically(output) as file:
        file.write(text + "\n")


def _table(found):
    lines = []
    for phrase, hits in found.items():
        lines += [phrase, f"{'':4}{'score':>7}{'cosine':>8}  file"]
        lines += [
            f"{place:>4}{hit.score:>7.3f}{hit.similarity:>8.3f}  {hit.path}"
            for place, hit in enumerate(hits, 1)
        ]
    return "\n".join(lines)


def _json(found, index):
    about = {
        "results": {
            phrase: [asdict(hit) for hit in hits]
            for phrase, hits in found.items()
        },
        "recordings": len(index.files),
        "failed": {
            name: about["reason"] for name, about in index.failed.items()
        },
    }
    return json.dumps(about, indent=2, ensure_ascii=False)
