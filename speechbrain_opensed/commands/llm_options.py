"""Options of the subcommands that ask a language model about labels.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import count_option

__all__ = ["llm_options", "make_client", "read_labels"]

_OPTIONS = (
    click.option("--base-url", help="API address; else OPENSED_LLM_BASE_URL."),
    click.option("--model", help="Model's name; else OPENSED_LLM_MODEL."),
    count_option(
        "--concurrency", default=4, help="Requests under way at once."
    ),
    click.option(
        "--temperature",
        type=float,
        default=0.0,
        help="Sampling temperature; some hosted models accept only 1.",
    ),
    click.option(
        "--timeout", type=float, default=120.0, help="Seconds per request."
    ),
)


def llm_options(command: Callable) -> Callable:
    """Adds the options that :func:`make_client` takes.

    Arguments
    ---------
    command : callable
        The command.

    Returns
    -------
    callable

    Example
    -------
    >>> @click.command()
    ... @llm_options
    ... def ask(**options):
    ...     "Asks."
    >>> [option.name for option in ask.params]
    ['base_url', 'model', 'concurrency', 'temperature', 'timeout']
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def make_client(
    base_url: str | None,
    model: str | None,
    concurrency: int,
    temperature: float,
    timeout: float,
) -> Any:
    """The client that the options describe; its key is in the environment.

    Arguments
    ---------
    base_url : str or None
        Address of the API; None: from the environment.
    model : str or None
        Name of the model; None: from the environment.
    concurrency : int
        Requests under way at once.
    temperature : float
        Sampling temperature.
    timeout : float
        Seconds per request.

    Returns
    -------
    LlmClient

    Example
    -------
    >>> make_client("http://localhost:8000/v1", "tiny", 4, 0.0, 60.0)
    LlmClient('http://localhost:8000/v1', 'tiny')
    """
    from speechbrain_opensed.language.client import LlmClient

    return LlmClient.from_environment(
        base_url=base_url,
        model=model,
        temperature=temperature,
        timeout=timeout,
        max_concurrency=concurrency,
    )


def read_labels(source: str) -> list[str]:
    """Labels of a text file, a vocabulary table or a shipped vocabulary.

    Arguments
    ---------
    source : str
        File with one label in a line (.txt), table (.csv), or name.

    Returns
    -------
    list of str

    Example
    -------
    >>> read_labels("sesa")
    ['casual', 'explosion', 'gunshot', 'siren']
    """
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
