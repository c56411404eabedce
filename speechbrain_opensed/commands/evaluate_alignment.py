"""`opensed evaluate-retrieval`, `-classification` and `-grounding`.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import (
    commands_option,
    count_option,
    load_aligner,
    model_options,
)

__all__ = [
    "evaluate_classification",
    "evaluate_grounding",
    "evaluate_retrieval",
]

_FILE = click.Path(dir_okay=False, path_type=Path)


def _common_options(function):
    """What all three commands take."""
    for option in (
        commands_option,
        click.option("-o", "--output", type=_FILE, help="Results as JSON."),
        count_option(
            "--batch-size", default=16, help="Clips that are heard at once."
        ),
        click.option(
            "--as-published",
            is_flag=True,
            help="Hear the first channel of the first 10 s alone, as the "
            "official evaluation does.",
        ),
        model_options(precision=False),
        click.argument("cuts", type=click.Path(path_type=Path)),
    ):
        function = option(function)
    return function


@click.command(
    short_help="Print recalls between clips and captions.",
)
@_common_options
def evaluate_retrieval(cuts: Path, **options: Any) -> None:
    """Print recalls, ranks and mAP10 over the captions of a manifest of CUTS.

    T2A finds the clip of a caption, A2T the captions of a clip, of which it
    may have any number. Shares lie between 0 and 1.
    """
    from speechbrain_opensed.evaluation.clip_tasks import RetrievalTask

    _evaluate(cuts, lambda cut_set, aligner: RetrievalTask(cut_set), **options)


@click.command(
    short_help="Print the zero-shot accuracy.",
)
@_common_options
@click.option("--template", default="The sound of {}", help="What is asked.")
@click.option(
    "--vocabulary",
    help="Name or csv of a table of labels and phrases; default: the labels, "
    "underscores as spaces.",
)
def evaluate_classification(
    cuts: Path, template: str, vocabulary: str | None, **options: Any
) -> None:
    """Print accuracy, mean recall and mAP over the tags of a manifest of CUTS.

    The classes are the tags that occur; where clips have several, the best
    class has to be one of them. Shares lie between 0 and 1.
    """
    from lhotse_recipes.vocabulary import Vocabulary
    from speechbrain_opensed.evaluation.clip_tasks import ClassificationTask

    phrases = Vocabulary.load(vocabulary).phrases if vocabulary else None
    _evaluate(
        cuts,
        lambda cut_set, aligner: ClassificationTask(cut_set, template, phrases),
        **options,
    )


@click.command(
    short_help="Print scores of phrases in time.",
)
@_common_options
@click.option(
    "--unheard/--no-unheard",
    default=True,
    help="Whether phrases that the manifest notes as not heard count.",
)
def evaluate_grounding(cuts: Path, unheard: bool, **options: Any) -> None:
    """Print PSDS and th_auc of the phrases of a manifest of CUTS.

    Each phrase of each clip counts as a file of its own. psds2021, psds1 and
    psds2 want detection and phrase to agree by half, 0.7 and a tenth.
    """
    from speechbrain_opensed.evaluation.frame_tasks import GroundingTask

    _evaluate(
        cuts,
        lambda cut_set, aligner: GroundingTask(
            cut_set, aligner.spec.hop_seconds, unheard
        ),
        **options,
    )


def _evaluate(
    cuts,
    make_task,
    model,
    device,
    batch_size,
    as_published,
    allow_commands,
    output,
):
    from lhotse_recipes.io import write_json
    from lhotse_recipes.manifests import read_cuts
    from speechbrain_opensed.evaluation.alignment import evaluate_alignment

    cut_set = read_cuts(cuts, allow_commands)
    aligner = load_aligner(model, device)
    task = make_task(cut_set, aligner)
    results = evaluate_alignment(
        cut_set,
        aligner.mods.model,
        {"task": task},
        batch_size=batch_size,
        as_published=as_published,
        spec=aligner.spec,
    )["task"]
    for name, value in results.items():
        shown = value if isinstance(value, int) else f"{value:.4f}"
        click.echo(f"{name:<14}{shown:>9}")
    if output is not None:
        about = {**results, **task.details()}
        write_json(output, about)
        click.echo(f"wrote {output}")
