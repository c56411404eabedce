"""`opensed relate-labels`: relation classes of a vocabulary, by a model."""

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

__all__ = ["relate_labels"]


@click.command("relate-labels")
@click.argument("labels")
@output_argument(click.Path(dir_okay=False, path_type=Path))
@count_option("--batch-size", default=20, help="Pairs in one question.")
@count_option(
    "--attempts",
    default=3,
    help="Times a batch is asked until each pair has its letter.",
)
@llm_options
def relate_labels(
    labels: str, output: Path, batch_size: int, attempts: int, **options: Any
) -> None:
    """Relate every two LABELS by a language model; write the table OUTPUT.

    LABELS is a text file (.txt) with one label in a line, a vocabulary table
    (.csv), or the name of a shipped vocabulary such as audioset_strong.
    OUTPUT is a .csv in FlexSED's format: Label 1,Label 2,Category, where the
    category is A (one includes the other), B (equivalent), C (same context)
    or D (unrelated).

    The model is any behind an OpenAI-compatible API. The key is only read
    from the environment (OPENSED_LLM_API_KEY). An interrupted run goes on
    where it stopped.
    """
    from speechbrain_opensed.language.client import LlmError
    from speechbrain_opensed.language.relations import classify_relations

    try:
        report = classify_relations(
            read_labels(labels),
            make_client(**options),
            output,
            batch_size=batch_size,
            attempts=attempts,
        )
    except (LlmError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.summary())
    click.echo(f"wrote {output}")
