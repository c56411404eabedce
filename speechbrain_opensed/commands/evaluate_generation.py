"""`opensed evaluate-generation`: score generated sounds.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import read_run_opts

__all__ = ["evaluate_generation"]


@click.command(short_help="Score generated sounds against real ones.")
@click.argument("generated", type=click.Path(path_type=Path))
@click.option(
    "--real",
    type=click.Path(path_type=Path),
    help="Folder of real sounds, for distances and divergences.",
)
@click.option(
    "--styles",
    type=click.Path(path_type=Path),
    help="Folder of style references, named like the generated sounds.",
)
@click.option(
    "--prompts",
    type=click.Path(path_type=Path),
    help="CSV file with columns name and text.",
)
@click.option(
    "-e",
    "--encoder",
    "encoders",
    multiple=True,
    default=["clap"],
    metavar="NAME[=SOURCE]",
    help="clap, ast: optionally a folder or a name on the Hugging Face hub; "
    "mobilenet: optionally a file of EfficientAT; beats, cnn14: with their "
    "file; random: for tests. May be repeated.",
)
@click.option(
    "--paired/--unpaired",
    default=True,
    help="Whether real sounds have the names of the generated ones.",
)
@click.option("--device", default=None, help="cpu, cuda, ...")
@click.option(
    "--seed",
    type=int,
    default=0,
    help="Of the random choices in the scores.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="JSON file of the scores.",
)
def evaluate_generation(
    generated: Path,
    real: Path | None,
    styles: Path | None,
    prompts: Path | None,
    encoders: tuple[str, ...],
    paired: bool,
    device: str | None,
    seed: int,
    output: Path | None,
) -> None:
    """Score the sound files of the folder GENERATED.

    \b
    opensed evaluate-generation out/ --real test/ -e clap -e cnn14=FILE
    """
    from lhotse_recipes.io import write_json
    from speechbrain_opensed.evaluation.generation import (
        evaluate_generation as evaluate,
    )
    from speechbrain_opensed.evaluation.generation import (
        find_sounds,
        read_prompts,
    )
    from speechbrain_opensed.metrics.generation.evaluators import (
        build_evaluator,
    )

    find_sounds(generated)
    texts = None if prompts is None else read_prompts(prompts)
    place = read_run_opts(device, "fp32").get("device", "cpu")
    judges = {}
    for name in encoders:
        judges[name.partition("=")[0]] = build_evaluator(name).to(place)
    scores = evaluate(
        generated,
        real,
        styles,
        prompts=texts,
        encoders=judges,
        paired=paired,
        seed=seed,
        progress=True,
    )
    width = max(map(len, scores))
    for name, value in scores.items():
        click.echo(f"{name:<{width}}  {value:.5g}")
    if output is not None:
        write_json(output, scores)
