"""Evaluation on several sets of clips, each with its tasks.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Mapping
from typing import Any

from lhotse import CutSet

from lhotse_recipes.io import PrepareReport
from lhotse_recipes.manifests import read_cuts
from speechbrain_opensed.dataio.audio import with_audio
from speechbrain_opensed.evaluation.alignment import evaluate_alignment
from speechbrain_opensed.evaluation.tasks import AlignmentTask

__all__ = ["evaluate_sets", "flat", "open_sets"]

OpenSets = dict[str, tuple[CutSet, dict[str, AlignmentTask]]]
Numbers = dict[str, dict[str, dict[str, float]]]


def open_sets(
    sets: Mapping[str, Mapping[str, Any]],
    missing: str = "error",
    leave_out: Collection[str] | str = (),
) -> OpenSets:
    """Reads the clips of sets and makes their tasks.

    Arguments
    ---------
    sets : mapping from str to mapping
        Name of each set to its `cuts`, a manifest or several, such as folds,
        and its `tasks`, name to what makes an `AlignmentTask` of cuts.
    missing : str
        See `dataio.audio.with_audio`.
    leave_out : collection of str, or str
        Sets that are not read, or the one.

    Returns
    -------
    dict
        Name to cuts and tasks.

    Raises
    ------
    FileNotFoundError
        If a manifest or audio is missing.
    ValueError
        If a set lacks what one of its tasks needs.

    Example
    -------
    >>> open_sets({"Clotho": {"cuts": "nowhere.jsonl.gz", "tasks": {}}})
    Traceback (most recent call last):
    FileNotFoundError: no manifest nowhere.jsonl.gz; check the path
    """
    if isinstance(leave_out, str):
        leave_out = [leave_out]
    opened = {}
    for name, one in sets.items():
        if name in leave_out:
            continue
        report = PrepareReport(name, "audio")
        paths = one["cuts"]
        paths = paths if isinstance(paths, (list, tuple)) else [paths]
        read = CutSet.from_cuts(
            cut for path in paths for cut in read_cuts(path)
        )
        cuts = with_audio(read, missing, report)
        tasks = {task: make(cuts) for task, make in one["tasks"].items()}
        opened[name] = cuts, tasks
    return opened


def evaluate_sets(
    model: Any,
    opened: OpenSets,
    batch_size: int = 16,
    as_published: bool = False,
) -> Numbers:
    """Evaluates a model on sets; each clip is heard once.

    Arguments
    ---------
    model : FineLAP
        The model, perhaps wrapped for several processes.
    opened : dict
        From `open_sets`.
    batch_size : int
        Clips that are encoded at once.
    as_published : bool
        Hear the first channel of the first window of each clip alone, see
        :func:`~speechbrain_opensed.evaluation.alignment.encode_cuts`.

    Returns
    -------
    dict
        Set to task to numbers.

    Example
    -------
    >>> evaluate_sets(None, {})
    {}
    """
    return {
        name: evaluate_alignment(
            cuts, model, tasks, batch_size=batch_size, as_published=as_published
        )
        for name, (cuts, tasks) in opened.items()
    }


def flat(numbers: Numbers) -> dict[str, float]:
    """One name for each number, as logs and criteria have it.

    Arguments
    ---------
    numbers : dict
        From `evaluate_sets`.

    Returns
    -------
    dict
        `"<set> <task> <number>"` to number.

    Example
    -------
    >>> flat({"Clotho": {"retrieval": {"T2A_R@1": 0.2}}})
    {'Clotho retrieval T2A_R@1': 0.2}
    """
    return {
        f"{name} {task} {key}": value
        for name, tasks in numbers.items()
        for task, values in tasks.items()
        for key, value in values.items()
    }
