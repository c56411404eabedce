"""`opensed learn`: new sounds from a few examples.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import load_detector, model_options

__all__ = ["learn"]


class _Lists(click.Command):
    """Lets `--add` take a phrase and any number of files after it."""

    def parse_args(self, ctx, args):
        spread, phrase, waiting = [], None, False
        for arg in args:
            if arg == "--add":
                if waiting:
                    break
                phrase, waiting = None, True
            elif arg.startswith("-") and len(arg) > 1:
                phrase = None
                spread.append(arg)
            elif waiting:
                phrase, waiting = arg, False
                # Where no file follows, the phrase alone says what is amiss.
                spread += ["--add", phrase, ""]
            elif phrase is not None:
                spread += ["--add", phrase, arg]
            else:
                spread.append(arg)
        if waiting:
            raise click.UsageError(
                'say what to learn after --add: --add "my doorbell" a.wav b.wav'
            )
        return super().parse_args(ctx, spread)


@click.command(cls=_Lists, short_help="Teach a model sounds by examples.")
@model_options(precision=False)
@click.option(
    "--add",
    "added",
    type=(str, str),
    multiple=True,
    required=True,
    metavar="PHRASE FILE...",
    help="What to call a sound, and recordings of it alone; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the model that knows them; may be that of --model.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    help="Of the noise that examples are put into.",
)
def learn(
    model: str,
    device: str | None,
    added: tuple[tuple, ...],
    output: Path,
    seed: int,
) -> None:
    """Teach a model new sounds from 1 to 20 examples of each.

    All that it knew it still knows; the model itself stays as it is.

    \b
    opensed learn --model DIR --add "my doorbell" a.wav b.wav -o NEW
    opensed detect street.wav --model NEW -q "my doorbell"
    """
    examples: dict[str, list[str]] = {}
    for phrase, path in added:
        if path in examples.setdefault(phrase, []):
            raise ValueError(f"{path} is named twice for {phrase!r}")
        if path:
            examples[phrase].append(path)
    detector = load_detector(model, device)
    taught = detector.learn(examples, seed=seed)
    taught.export(output)
    for phrase, paths in examples.items():
        plural = "" if len(paths) == 1 else "s"
        click.echo(f"{phrase}: learned from {len(paths)} recording{plural}")
    click.echo(f"written: {output}")
