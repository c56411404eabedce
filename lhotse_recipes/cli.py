"""Lhotse's command line with our recipes in it.

``prepare``, ``download`` and ``export`` hold our commands alone, to be mounted
elsewhere; a recipe's arguments, options and help are those of its function.
"""

import collections.abc
import copy
import functools
import inspect
import os
import re
import typing
from collections.abc import Callable
from typing import Any

import click
from typing_extensions import get_original_bases, is_typeddict

from lhotse_recipes.registry import DATASETS, Dataset

__all__ = [
    "RecipeCommand",
    "download",
    "export",
    "lhotse_cli",
    "main",
    "output_argument",
    "prepare",
]

_ARGUMENTS = ("corpus_dir", "source", "target_dir", "output_dir")
_NOT_HERE = ("executor",)


class RecipeCommand(click.Command):
    """
    A command made from a recipe's function when it is needed.

    :param verb: "prepare" or "download".
    :param dataset: the recipe; its module is imported when the command is run
        or asked for its help.
    """

    def __init__(self, verb: str, dataset: Dataset):
        super().__init__(
            dataset.module.replace("_", "-"),
            callback=self._run,
            short_help=dataset.about,
        )
        self.verb = verb
        self.dataset = dataset

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The parameters of the recipe's function, as click has them."""
        if not self.params:
            self.params = _parameters(self.dataset.function(self.verb))
        return super().get_params(ctx)

    def format_help_text(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """The text of the function's docstring above its parameters."""
        self.help = _description(self.dataset.function(self.verb))
        super().format_help_text(ctx, formatter)

    def _run(self, **values: Any) -> None:
        chosen = {
            # Not given: the function's own default holds.
            name: value
            for name, value in values.items()
            if value not in (None, (), {})
        }
        try:
            self.dataset.function(self.verb)(**chosen)
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from error


class _Shares(click.ParamType):
    name = "NAME=NUMBER"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        name, _, number = value.partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail(f"{value!r} is not like train=0.8", param, ctx)


def _parameters(function: Callable[..., Any]) -> list[click.Parameter]:
    helps = _param_docs(function)
    hints = typing.get_type_hints(function)
    made: list[click.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _NOT_HERE:
            continue
        default = parameter.default
        if parameter.kind is parameter.VAR_KEYWORD:
            (shared,) = typing.get_args(hints[name])
            made += _shared_options(shared)
        elif name in _ARGUMENTS:
            has_default = default not in (inspect.Parameter.empty, None)
            made.append(
                click.Argument(
                    [name],
                    type=click.Path(),
                    required=not has_default,
                    **({"default": default} if has_default else {}),
                )
            )
        else:
            made.append(_option(name, default, hints[name], helps.get(name)))
    return made


def _shared_options(shared: type) -> list[click.Parameter]:
    """Options that a typed dict lists, for recipes that pass them on."""
    helps: dict[str, str] = {}
    above = [shared]
    for kind in above:
        helps |= _param_docs(kind)
        above += filter(is_typeddict, get_original_bases(kind))
    return [
        _option(name, None, hint, helps[name])
        for name, hint in typing.get_type_hints(shared).items()
        if name not in _NOT_HERE
    ]


def _option(name: str, default: Any, hint: Any, text: str | None):
    flag = f"--{name.replace('_', '-')}"
    kinds = {typing.get_origin(one) or one for one in _alternatives(hint)}
    settings: dict[str, Any] = {"help": text, "show_default": True}
    if default is not inspect.Parameter.empty and default is not None:
        settings["default"] = default
    else:
        settings["required"] = default is inspect.Parameter.empty
    if bool in kinds:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], **settings)
    if collections.abc.Mapping in kinds:
        settings.update(type=_Shares(), multiple=True, callback=_as_dict)
    elif kinds & {collections.abc.Sequence, list, tuple}:
        settings.update(type=str, multiple=True)
        if isinstance(default, str):
            settings["default"] = (default,)
            settings["callback"] = _alone(default)
    else:
        numbers = [kind for kind in (float, int) if kind in kinds]
        settings["type"] = numbers[0] if numbers else str
    short = ["-j"] if name == "num_jobs" else []
    if short:
        settings["type"] = click.IntRange(min=1)
    return click.Option([*short, flag, name], **settings)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if _is_union(hint) else (hint,)


def _is_union(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return origin is typing.Union or getattr(origin, "__name__", "") == (
        "UnionType"
    )


def _as_dict(ctx: Any, param: Any, pairs: Any) -> dict[str, float]:
    return dict(pairs)


def _alone(default: str) -> Callable[..., Any]:
    """A word such as "auto" is passed as it is, not in a list."""

    def convert(ctx: Any, param: Any, values: Any) -> Any:
        return default if tuple(values) == (default,) else list(values)

    return convert


def _plain(text: str) -> str:
    text = re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "")
    return " ".join(text.split())


def _description(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    above = re.split(r"^(?::|>>>)", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n\n".join(map(_plain, above.strip().split("\n\n")))


def _param_docs(function: Callable[..., Any]) -> dict[str, str]:
    text = inspect.getdoc(function) or ""
    found = re.findall(
        r"^:param (\w+):(.*?)(?=^:|^$|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return {name: _plain(about) for name, about in found}


prepare = click.Group(
    "prepare",
    [RecipeCommand("prepare", one) for one in DATASETS],
    help="Make manifests of a corpus.",
)
download = click.Group(
    "download",
    [RecipeCommand("download", one) for one in DATASETS if one.download],
    help="Fetch a corpus.",
)


def output_argument(kind: click.ParamType) -> Callable[..., Any]:
    """
    Where results go: ``-o PATH``, or the last argument.

    :param kind: what the command takes, such as ``click.Path()``.
    :return: decorator of a command with a parameter ``output``.

    >>> @click.command()
    ... @output_argument(click.Path())
    ... def write(output):
    ...     click.echo(output)
    >>> from click.testing import CliRunner
    >>> CliRunner().invoke(write, ["-o", "a.tsv"]).output
    'a.tsv\\n'
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.argument("output", type=kind, required=False)
        @click.option(
            "-o",
            "--output",
            "named",
            type=kind,
            help="The same as the argument OUTPUT.",
        )
        @functools.wraps(function)
        def command(*args: Any, output: Any, named: Any, **kwargs: Any) -> Any:
            if (output is None) == (named is None):
                raise click.UsageError("Name one output: -o PATH.")
            chosen = named if output is None else output
            return function(*args, output=chosen, **kwargs)

        return command

    return decorate


_FORMATS = (
    "audacity", "crowsetta", "csv", "dcase", "finelap", "jams",
    "labelstudio", "parquet", "raven", "soundevent", "textgrid",
)  # fmt: skip
# Those that have a place for transcripts.
_WITH_SPEECH = ("jams", "labelstudio", "textgrid")


@click.command
@click.argument("cuts", type=click.Path())
@output_argument(click.Path())
@click.option(
    "--format",
    "name",
    type=click.Choice(_FORMATS),
    required=True,
    help="audacity, jams, raven and textgrid write a folder of files, the "
    "others one file.",
)
@click.option(
    "--durations",
    type=click.Path(),
    help="Where to write a table of durations as well; for dcase.",
)
def export(cuts: str, output: str, name: str, durations: str | None) -> None:
    """Write the annotation of CUTS, a manifest, as other programs read it.

    JAMS holds everything; the README of lhotse_recipes says what the others
    lose.
    """
    from lhotse_recipes import formats
    from lhotse_recipes.manifests import read_cuts
    from lhotse_recipes.outputs import refuse_inputs

    if durations is not None and name != "dcase":
        raise click.UsageError(f"--durations goes with dcase, not {name}")
    more = {} if durations is None else {"durations": durations}
    try:
        writer = getattr(formats, f"export_{name}")
        for path in (output, durations):
            refuse_inputs(path, [cuts])
        if durations and os.path.realpath(durations) == os.path.realpath(
            output
        ):
            raise ValueError(f"{output} is named for two outputs")
        read = read_cuts(cuts)
        written = writer(read, output, **more)
        lost = 0 if name in _WITH_SPEECH else _lines_of_speech(read)
    except (ValueError, OSError, ImportError) as error:
        raise click.ClickException(str(error)) from error
    number = len(written) if isinstance(written, list) else 1
    click.echo(f"{number} {name} file{'s' if number > 1 else ''}: {output}")
    if lost:
        click.echo(
            f"{lost} lines of speech are not in it: {name} has no place for "
            f"them, {', '.join(_WITH_SPEECH)} have",
            err=True,
        )


def _lines_of_speech(cuts: Any) -> int:
    from lhotse_recipes.schema import speech_of

    return sum(len(speech_of(cut)) for cut in cuts)


def lhotse_cli() -> click.Group:
    """
    Lhotse's own commands and ours.

    Lhotse has no hook for recipes of others: its groups are copied, and ours
    added to the copies.

    :return: the command line.
    """
    from lhotse.bin.lhotse import cli

    whole = copy.copy(cli)
    whole.commands = dict(cli.commands)
    for ours in (prepare, download):
        both = copy.copy(whole.commands[ours.name])
        both.commands = {**both.commands, **ours.commands}
        whole.commands[ours.name] = both
    whole.commands[export.name] = export
    return whole


def main() -> None:
    """Run the command line."""
    lhotse_cli()()
