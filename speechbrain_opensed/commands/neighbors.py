"""`opensed neighbors`: phrases close to each class, by a language model."""

from pathlib import Path
from typing import Any

import click

from lhotse_recipes.cli import output_argument
from speechbrain_opensed.commands.llm_options import (
    llm_options,
    make_client,
    read_labels,
)
from speechbrain_opensed.commands.options import count_option

__all__ = ["neighbors"]


@click.command(
    short_help="Phrases close to each class, by a language model.",
)
@click.argument("classes")
@output_argument(click.Path(dir_okay=False, path_type=Path))
@count_option("-n", "--number", default=10, help="Neighbours of each class.")
@click.option(
    "--avoid",
    multiple=True,
    metavar="CLASSES",
    help="Further classes that no neighbour may name, such as those of "
    "another corpus that is tested; given as CLASSES are, may be repeated.",
)
@count_option(
    "--attempts",
    default=3,
    help="Rounds in which classes that lack neighbours are asked for.",
)
@llm_options
def neighbors(
    classes: str,
    output: Path,
    number: int,
    avoid: tuple[str, ...],
    attempts: int,
    **options: Any,
) -> None:
    """Have a language model name the neighbours of CLASSES; write OUTPUT.

    CLASSES is a text file (.txt) with one class in a line, a vocabulary table
    (.csv), or the name of a shipped vocabulary such as esc50. OUTPUT is a
    .json file for the recipe SEPT. No neighbour names another class of the
    list, so that any part of it can be held out.

    The model is any behind an OpenAI-compatible API. The key is only read
    from the environment (OPENSED_LLM_API_KEY). An interrupted run goes on
    where it stopped.
    """
    from speechbrain_opensed.language.client import LlmError
    from speechbrain_opensed.language.neighbor_writer import write_neighbors

    try:
        others = [label for source in avoid for label in read_labels(source)]
        report = write_neighbors(
            read_labels(classes),
            make_client(**options),
            output,
            number=number,
            avoid=others,
            attempts=attempts,
        )
    except (LlmError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.summary())
    click.echo(f"wrote {output}")
