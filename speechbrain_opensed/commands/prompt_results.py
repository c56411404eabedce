"""`opensed prompt-results`: one table of many prompt-tuning runs."""

from pathlib import Path

import click

__all__ = ["prompt_results"]


@click.command(
    "prompt-results",
    short_help="One table of many prompt-tuning runs.",
)
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--table",
    type=click.Choice(["scores", "costs", "classes"]),
    default="scores",
    help="Accuracies with paired differences; parameters and times; or the "
    "recall of each class.",
)
@click.option(
    "--exam",
    type=click.Choice(["base", "new", "joint", "target"]),
    default="new",
    help="What the recalls of classes are of.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table there too.",
)
def prompt_results(
    results: tuple[Path, ...], table: str, exam: str, output: Path | None
) -> None:
    """Print one Markdown table of the runs below the folders RESULTS.

    H is averaged over runs, and the H of the averages stands beside it. Runs
    with SEPT are compared with those without it, seed by seed and fold by
    fold.
    """
    from lhotse_recipes.io import write_atomically
    from speechbrain_opensed.evaluation.prompt_results import read_results
    from speechbrain_opensed.evaluation.prompt_tables import (
        class_table,
        cost_table,
        markdown,
        result_table,
    )

    runs = read_results(results)
    if table == "classes":
        rows = class_table(runs, exam)
    else:
        rows = {"scores": result_table, "costs": cost_table}[table](runs)
    text = markdown(rows)
    click.echo(text)
    if output is not None:
        with write_atomically(output) as file:
            file.write(text + "\n")
