"""`opensed search`: moments of recordings that fit a description.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from speechbrain_opensed.commands.index import MODEL, bring_up_to_date
from speechbrain_opensed.commands.options import (
    count_option,
    model_options,
    phrase_options,
    read_phrases,
    read_run_opts,
)

__all__ = ["search"]


@click.command(
    short_help="Find moments in recordings by description or example.",
)
@click.argument("folder_and_phrases", metavar="[FOLDER] [PHRASE]...", nargs=-1)
@phrase_options
@click.option(
    "--example",
    "examples",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Recording of what to look for, with little else in it; may be "
    "repeated.",
)
@model_options(
    required=False,
    what=f"{MODEL} Default: that the index was made with.",
    precision=False,
)
@count_option(
    "-n",
    "--top",
    default=10,
    help="How many moments to name for each query at most.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Leave out what has a lower score.",
)
@click.option(
    "--level",
    type=click.Choice(["moment", "window"]),
    help="moment: events; window: scenes of several seconds, for whole "
    "sentences. Default: moment where the model knows frames.",
)
@click.option(
    "--index",
    "index_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the index lies; default: .opensed-index in the folder.",
)
@click.option(
    "--update",
    is_flag=True,
    help="First hear what is new, as `opensed index` does; so it is where "
    "there is no index.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "tsv", "json"]),
    default="table",
    help="table is for reading, tsv and json are for programs.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write there instead of to the screen.",
)
@click.option(
    "--save-clips",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the sounds that were found, cut out, one file for each.",
)
@count_option("--batch-size", default=8, help="Windows that are heard at once.")
def search(
    folder_and_phrases: tuple[str, ...],
    queries: tuple[str, ...],
    queries_file: Path | None,
    examples: tuple[Path, ...],
    model: str | None,
    device: str | None,
    top: int,
    threshold: float | None,
    level: str | None,
    index_folder: Path | None,
    update: bool,
    format_name: str,
    output: Path | None,
    save_clips: Path | None,
    batch_size: int,
) -> None:
    """Find the moments in FOLDER's recordings that fit PHRASES.

    Where the first argument is no folder, it is a phrase, and the folder is
    the current one. What was found is file, onset, offset and score.

    \b
    opensed index field-recordings --model finelap
    opensed search field-recordings "glass breaking" --save-clips found
    """
    folder, phrases = _folder_and_phrases(folder_and_phrases)
    if phrases or queries or queries_file or not examples:
        phrases = read_phrases([*phrases, *queries], queries_file)
    from speechbrain_opensed.inference.index import DEFAULT_NAME, SoundIndex
    from speechbrain_opensed.inference.spaces import load_space

    place = folder / DEFAULT_NAME if index_folder is None else index_folder
    index = None
    if (place / "index.json").is_file():
        index = SoundIndex.load(place)
    elif not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: check the path")
    elif model is None:
        raise FileNotFoundError(
            f"no index at {place}: make one with `opensed index {folder} "
            "--model NAME`"
        )
    name = model or (index.source if index is not None else "")
    if not name:
        raise ValueError(f"{place} does not say its model: name it, --model")
    space = load_space(name, read_run_opts(device))
    if index is None or update:
        index = bring_up_to_date(
            space, folder, index_folder, batch_size=batch_size, source=name
        )
    found = index.search(
        space, phrases, top, examples=examples, level=level, least=threshold
    )
    named = list(zip([*phrases, *map(str, examples)], found, strict=True))
    text = {"json": _json, "tsv": _tsv, "table": _table}[format_name]
    if output is None:
        click.echo(text(named, index))
    else:
        from lhotse_recipes.io import write_atomically

        with write_atomically(output) as file:
            file.write(text(named, index) + "\n")
    if save_clips is not None:
        from speechbrain_opensed.inference.clips import save_moments

        count = save_moments(save_clips, named)
        click.echo(f"{count} sounds: {save_clips}", err=True)


def _folder_and_phrases(arguments):
    if arguments and Path(arguments[0]).is_dir():
        return Path(arguments[0]), list(arguments[1:])
    # What looks like a path is no phrase that somebody mistyped.
    if arguments and "/" in arguments[0]:
        raise FileNotFoundError(f"no folder {arguments[0]}: check the path")
    return Path("."), list(arguments)


def _table(named, index):
    lines = []
    for phrase, hits in named:
        lines += [
            phrase,
            f"{'':4}{'score':>7}{'cosine':>8}{'onset':>10}{'offset':>10}  file",
        ]
        lines += [
            f"{place:>4}{hit.score:>7.3f}{hit.similarity:>8.3f}"
            f"{hit.onset:>10.2f}{hit.offset:>10.2f}  {hit.path}"
            for place, hit in enumerate(hits, 1)
        ]
    return "\n".join(lines)


def _tsv(named, index):
    lines = ["query\tpath\tonset\toffset\tscore\tsimilarity"]
    lines += [
        f"{phrase}\t{hit.path}\t{hit.onset:.3f}\t{hit.offset:.3f}\t"
        f"{hit.score:.6f}\t{hit.similarity:.6f}"
        for phrase, hits in named
        for hit in hits
    ]
    return "\n".join(lines)


def _json(named, index):
    about = {
        "results": {
            phrase: [asdict(hit) for hit in hits] for phrase, hits in named
        },
        "recordings": len(index.files),
        "failed": {
            name: about["reason"] for name, about in index.failed.items()
        },
    }
    return json.dumps(about, indent=2, ensure_ascii=False)
