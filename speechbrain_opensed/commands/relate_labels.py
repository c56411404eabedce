"""`opensed relate-labels`: relation classes of a vocabulary, by a model."""

from pathlib import Path

import click

__all__ = ["relate_labels"]


@click.command("relate-labels", context_settings={"show_default": True})
@click.argument("labels")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--base-url", help="API address; else OPENSED_LLM_BASE_URL.")
@click.option("--model", help="Model's name; else OPENSED_LLM_MODEL.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=20,
    help="Pairs in one question.",
)
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=3,
    help="Times a batch is asked until each pair has its letter.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=4,
    help="Requests under way at once.",
)
@click.option(
    "--temperature",
    type=float,
    default=0.0,
    help="Sampling temperature; some hosted models accept only 1.",
)
@click.option(
    "--timeout", type=float, default=120.0, help="Seconds per request."
)
def relate_labels(
    labels: str,
    output: Path,
    base_url: str | None,
    model: str | None,
    batch_size: int,
    attempts: int,
    concurrency: int,
    temperature: float,
    timeout: float,
):
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
    from speechbrain_opensed.llm import LlmClient, LlmError
    from speechbrain_opensed.relations import classify_relations

    try:
        client = LlmClient.from_environment(
            base_url=base_url,
            model=model,
            temperature=temperature,
            timeout=timeout,
            max_concurrency=concurrency,
        )
        report = classify_relations(
            _read_labels(labels), client, output, batch_size, attempts
        )
    except (LlmError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.summary())
    click.echo(f"wrote {output}")


def _read_labels(source: str) -> list[str]:
    from lhotse_recipes.vocabulary import Vocabulary

    if not source.endswith(".txt"):
        return list(Vocabulary.load(source).labels)
    if not Path(source).is_file():
        raise FileNotFoundError(
            f"{source}: no such file; give a text file with one label in a "
            "line, a vocabulary table or the name of a shipped vocabulary."
        )
    try:
        lines = Path(source).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} is not UTF-8 text: {error}") from error
    return [line.strip() for line in lines if line.strip()]
