"""What experiments with prompts share: zero-shot scores, costs, records.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.checkpoints.reading import read_state
from speechbrain_opensed.dataio.feature_cache import Features
from speechbrain_opensed.dataio.sets.classes import ClassSet
from speechbrain_opensed.dataio.sets.prompt_tasks import Exam, PromptTask
from speechbrain_opensed.language.neighbors import Neighbors
from speechbrain_opensed.lobes.prompts import (
    PromptLearner,
)
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.templates import template_embeds
from speechbrain_opensed.metrics.classification import ClassificationStats

__all__ = [
    "choose_neighbors",
    "inference_ms",
    "load_learner",
    "with_embeddings",
    "zero_shot",
]

logger = logging.getLogger(__name__)


def zero_shot(
    tower: AudioLanguageModel,
    exam: Exam,
    features: Features,
    templates: Sequence[str],
) -> ClassificationStats:
    """Tests a model as it is.

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    exam : Exam
        Clips and classes.
    features : Features
        The clips' embeddings.
    templates : sequence of str
        See :func:`template_embeds`.

    Returns
    -------
    ClassificationStats
        The answers.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> clip = dummy_cut(0, supervisions=[tag("a", 0, 1.0, "dog", "Dog")])
    >>> exam = Exam(("Cat", "Dog"), ("cat", "dog"), (clip,))
    >>> features = Features((clip.id,), torch.rand(1, 32))
    >>> zero_shot(tower, exam, features, ["a {}"]).summarize("clips")
    1
    """
    z = template_embeds(tower, exam.phrases, templates)
    clips = F.normalize(features.of(cut.id for cut in exam.cuts), dim=-1)
    stats = ClassificationStats(exam.labels)
    stats.append(
        [cut.id for cut in exam.cuts],
        clips.to(z.device) @ z.T,
        [[exam.labels[target]] for target in exam.targets],
    )
    return stats


def with_embeddings(task: PromptTask, features: Features) -> PromptTask:
    """The task without clips that have no embedding.

    Arguments
    ---------
    task : PromptTask
        Clips and classes.
    features : Features
        The embeddings, whose report names the clips that are left out.

    Returns
    -------
    PromptTask
        The same classes.

    Raises
    ------
    ValueError
        If no clip of a class is left.

    Example
    -------
    >>> nothing = Exam((), (), ())
    >>> task = PromptTask("zero_shot", nothing, {}, {}, {})
    >>> with_embeddings(task, Features((), torch.zeros(0, 2))) == task
    True
    """
    known = set(features.ids)

    def left(exam: Exam) -> Exam:
        kept = replace(exam, cuts=tuple(c for c in exam.cuts if c.id in known))
        gone = set(range(len(exam.labels))) - set(kept.targets)
        if exam.cuts and gone:
            names = sorted(exam.labels[row] for row in gone)
            raise ValueError(
                f"no clip of {', '.join(names)} can be read "
                f"({features.report.summary()}): repair the audio, or take "
                "other shots by another seed"
            )
        return kept

    return replace(
        task,
        train=left(task.train),
        exams={name: left(exam) for name, exam in task.exams.items()},
        halves={name: left(exam) for name, exam in task.halves.items()},
    )


def choose_neighbors(
    neighbors: Neighbors,
    source: ClassSet,
    task: PromptTask,
    number: int,
    drop: bool = False,
) -> tuple[dict[str, tuple[str, ...]], dict]:
    """Neighbours of the classes that are learnt; none names another class.

    Arguments
    ---------
    neighbors : Neighbors
        Those of the corpus.
    source : ClassSet
        The corpus.
    task : PromptTask
        Says which classes are learnt, and which must not be named: the rest
        of the corpus, and those of the corpus that is tested.
    number : int
        Neighbours of each class.
    drop : bool
        Whether neighbours that name such a class are left out, instead of
        raising.

    Returns
    -------
    dict of str to tuple of str
        What a class is called to its neighbours.
    dict
        For the record: hash of these neighbours, and what was left out.

    Raises
    ------
    ValueError
        If a class has too few, or one names a held-out class.

    Example
    -------
    >>> shipped = Neighbors.load("sesa")
    >>> phrases = {"casual": "casual", "explosion": "explosion"}
    >>> exam = Exam(tuple(phrases), tuple(phrases), ())
    >>> task = PromptTask("few_shot", exam, {}, {}, {})
    >>> from types import SimpleNamespace
    >>> source = SimpleNamespace(phrases=phrases, labels=tuple(phrases))
    >>> words, about = choose_neighbors(shipped, source, task, number=3)
    >>> [len(row) for row in words.values()], about["leaks_dropped"]
    ([3, 3], [])
    """
    hidden = set(source.labels) - set(task.train.labels)
    hidden |= {source.phrases[label] for label in hidden}
    if "target" in task.exams:
        hidden |= {*task.exams["target"].labels, *task.exams["target"].phrases}
    # By phrases: a bank's labels are short for them ("horse").
    chosen, leaks = neighbors.select(
        task.train.phrases, sorted(hidden), number, drop
    )
    if leaks:
        logger.warning("left out, for they name other classes: %s", leaks)
    return dict(chosen.classes), {
        "neighbors": chosen.hash,
        "num_neighbors": number,
        "leaks_dropped": [str(leak) for leak in leaks],
    }


@torch.no_grad()
def inference_ms(
    learner: PromptLearner, clips: Tensor, repeats: int = 30
) -> float:
    """Time to classify one clip by its embedding.

    Classes are embedded once where the method allows it; CoCoOp embeds them
    for each clip.

    Arguments
    ---------
    learner : PromptLearner
        The learner.
    clips : torch.Tensor
        Embeddings `[clips, embed_dim]`.
    repeats : int
        Clips that are timed, one by one, after one that is not.

    Returns
    -------
    float
        Median in milliseconds.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> from speechbrain_opensed.lobes.prompts import CoOp
    >>> learner = CoOp(FineLAPTower.tiny(), ["dog", "rain"], context=2)
    >>> inference_ms(learner, torch.rand(3, 32), repeats=2) > 0
    True
    """
    learner.eval()
    times = []
    for number in range(repeats + 1):
        row = number % len(clips)
        start = time.perf_counter()
        # Waits for the answer, wherever it is computed.
        learner(clips[row : row + 1]).argmax().item()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])


def load_learner(learner: PromptLearner, source: str | Path) -> None:
    """Goes on from what another run has learned, perhaps for other classes.

    Arguments
    ---------
    learner : PromptLearner
        Of the same method and tower.
    source : str or Path
        Folder of the run, or its `learner.safetensors`.

    Raises
    ------
    ValueError
        If the file is of another method or size, or of a method whose
        parameters belong to other classes.
    FileNotFoundError
        If there is no such file.

    Example
    -------
    >>> from safetensors.torch import save_file
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> from speechbrain_opensed.lobes.prompts import CoOp
    >>> tower = FineLAPTower.tiny()
    >>> path = getfixture("tmp_path") / "learner.safetensors"
    >>> pets = CoOp(tower, ["cat", "dog"], context=2, seed=1)
    >>> save_file(pets.state_dict(), path)
    >>> weather = CoOp(tower, ["rain", "wind", "hail"], context=2, seed=2)
    >>> load_learner(weather, path)
    >>> torch.equal(weather.ctx, pets.ctx)
    True
    """
    state = read_state(source, "learner.safetensors")
    try:
        learner.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"{source} does not fit this {type(learner).__name__}: {error}. "
            "Is it of another host, context or tower?"
        ) from error
