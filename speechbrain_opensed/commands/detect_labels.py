"""`opensed detect` without a query: what is there?

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Any

import click

from speechbrain_opensed.commands.checks import given
from speechbrain_opensed.commands.options import (
    amount_option,
    count_option,
    stacked,
)

__all__ = ["FOR_LABELS", "label_options", "read_vocabulary", "refuse_idle"]

# Options of the spans that a detection without a query names, and those that
# act on events alone.
FOR_LABELS = (
    "normalize", "median_seconds", "batch_size", "overlap", "channel",
)  # fmt: skip
_FOR_EVENTS = (
    "thresholds", "low_threshold", "min_duration", "merge_gap", "plot",
)  # fmt: skip

label_options = stacked(
    click.option(
        "--vocabulary",
        metavar="NAME|FILE",
        help="Without a query: what may be there, a table label,phrase or the "
        "name of one, such as audioset_strong. Default: what the model was "
        "trained on.",
    ),
    count_option(
        "--top",
        default=5,
        help="Without a query: phrases to name for each span.",
    ),
    amount_option(
        "--span", default=10.0, help="Without a query: seconds of a span."
    ),
)


def refuse_idle(context: Any, asked: bool) -> None:
    """What a user gave and what has no effect is an error.

    Arguments
    ---------
    context : click.Context
        Of `opensed detect`.
    asked : bool
        Whether there is a query.

    Raises
    ------
    ValueError
        Names the option.

    Example
    -------
    >>> context = click.Context(click.Command("detect"))
    >>> refuse_idle(context, asked=True)
    """
    idle = ("vocabulary", "top", "span") if asked else _FOR_EVENTS
    if (option := given(idle, context)) is None:
        return
    if asked:
        raise ValueError(f"{option} is for the case that there is no query")
    raise ValueError(
        f"{option} needs a query: add -q PHRASE or --queries-file FILE"
    )


def read_vocabulary(source: str) -> list[str]:
    """Phrases of a vocabulary.

    Arguments
    ---------
    source : str
        A name or a table.

    Returns
    -------
    list of str
        Each once.

    Example
    -------
    >>> len(read_vocabulary("esc50"))
    50
    """
    from lhotse_recipes.vocabulary import Vocabulary

    return list(dict.fromkeys(Vocabulary.load(source).phrases.values()))
