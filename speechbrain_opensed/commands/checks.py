"""What is looked at before any command begins.

Authors
 * The speechbrain-opensed contributors 2026
"""

import copy
import math
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lhotse_recipes.outputs import refuse_inputs

__all__ = ["checked", "given", "refuse_among", "refuse_without"]

# Parameters that name what is written, in all commands.
_OUTPUTS = (
    *("output", "named", "out", "target", "plot"),
    *("save_scores", "tune_boxes", "save_clips", "report", "truth"),
)


def checked(command: click.Command) -> click.Command:
    """A command that refuses what makes no sense in any of them.

    An output that is one of the inputs, or two outputs in one file, would
    destroy what is there; NaN passes every comparison with a range.

    Arguments
    ---------
    command : click.Command
        The command, or a group of them.

    Returns
    -------
    click.Command
        Under the same name, with the same parameters.

    Example
    -------
    >>> from click.testing import CliRunner
    >>> @click.command
    ... @click.option("--collar", type=float)
    ... def score(collar):
    ...     click.echo(collar)
    >>> result = CliRunner().invoke(checked(score), ["--collar", "nan"])
    >>> result.exception
    ValueError('--collar is nan: give a number')
    """
    first = copy.copy(command)
    if isinstance(first, click.Group):
        first.commands = {
            name: checked(one) for name, one in first.commands.items()
        }
        return first
    setattr(first, "invoke", partial(_invoke, command))  # noqa: B010
    return first


def refuse_among(
    output: str | Path, sources: Iterable[str | Path | None]
) -> None:
    """Refuses to write sounds into a folder of sounds that are mixed.

    Arguments
    ---------
    output : str or Path
        The folder that is written.
    sources : iterable of str or Path
        What is read; what is no folder is passed over.

    Raises
    ------
    ValueError
        If the one lies in the other.

    Example
    -------
    >>> refuse_among("mixtures", ["procedural", None])
    """
    place = Path(os.path.realpath(output))
    for source in sources:
        if source is None or not os.path.isdir(source):
            continue
        folder = Path(os.path.realpath(source))
        if folder == place or folder in place.parents:
            raise ValueError(
                f"{output} lies in {source}, whose sounds are mixed: choose "
                "a folder beside it"
            )


def given(
    names: Iterable[str], context: click.Context | None = None
) -> str | None:
    """Which of some options a user gave.

    Arguments
    ---------
    names : iterable of str
        Parameters of the command.
    context : click.Context, optional
        Default: that of the command that runs.

    Returns
    -------
    str or None
        The first of them, as it is written; None: all have their defaults.

    Example
    -------
    >>> command = click.Command("mix", params=[click.Option(["--window"])])
    >>> given(["window"], command.make_context("mix", ["--window", "3"]))
    '--window'
    >>> given(["window"], command.make_context("mix", [])) is None
    True
    """
    context = context or click.get_current_context()
    names = set(names)
    for one in context.command.params:
        if one.name in names and context.get_parameter_source(one.name) in (
            ParameterSource.COMMANDLINE,
            ParameterSource.ENVIRONMENT,
        ):
            return one.opts[-1]
    return None


def refuse_without(
    needed: str, names: Iterable[str], context: click.Context | None = None
) -> None:
    """Refuses what a user gave and what has no effect.

    Arguments
    ---------
    needed : str
        The option that was not given.
    names : iterable of str
        Parameters that have an effect beside it alone.
    context : click.Context, optional
        Default: that of the command that runs.

    Raises
    ------
    ValueError
        Names the option.

    Example
    -------
    >>> command = click.Command("mix", params=[click.Option(["--window"])])
    >>> context = command.make_context("mix", ["--window", "3"])
    >>> refuse_without("--clip-events", ["window"], context)
    Traceback (most recent call last):
    ValueError: --window has no effect without --clip-events
    """
    if option := given(names, context):
        raise ValueError(f"{option} has no effect without {needed}")


def _invoke(command: click.Command, context: click.Context) -> Any:
    options = {
        one.name: one.opts[-1] if isinstance(one, click.Option) else one.name
        for one in command.get_params(context)
    }
    for name, value in context.params.items():
        for one in _flat(value):
            if isinstance(one, float) and math.isnan(one):
                raise ValueError(f"{options.get(name)} is nan: give a number")
    inputs = [
        one
        for name, value in context.params.items()
        # --boxes and --tune-boxes exclude each other, which is said later.
        if name not in (*_OUTPUTS, "boxes")
        for one in _flat(value)
        if isinstance(one, str | Path)
    ]
    outputs = [
        value
        for name in _OUTPUTS
        if isinstance(value := context.params.get(name), str | Path)
    ]
    for place, output in enumerate(outputs):
        refuse_inputs(output, inputs)
        if str(output) == "-":
            raise ValueError(
                "- is no output: name a file, or /dev/stdout for the screen"
            )
        if os.path.realpath(output) in map(os.path.realpath, outputs[:place]):
            raise ValueError(
                f"{output} is named for two outputs: choose another for one"
            )
    return command.invoke(context)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _flat(one)
    else:
        yield value
