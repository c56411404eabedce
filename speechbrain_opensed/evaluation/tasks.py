"""What the tasks that audio-text models are evaluated on have in common.

A task reads from cuts what is right, says which texts it needs embedded, and
collects scores while clips come by. It has the four methods of SpeechBrain's
metric statistics, so that a Brain may also feed it itself.

Authors
 * The speechbrain-opensed contributors 2026
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from lhotse.cut import Cut
from torch import Tensor

from speechbrain_opensed.metrics.summary import Stats

__all__ = ["AlignmentTask", "distinct_cuts", "name_classes"]


class AlignmentTask(Stats):
    """One task; its subclasses are what is used.

    After `start(model, rows)`, `append(ids, clips, frames)` takes batches,
    and `summarize`, `write_stats` and `clear` are those of metric statistics.

    Arguments
    ---------
    texts : Iterable[str]
        What has to be embedded.
    durations : Mapping[str, float]
        Cut id to seconds, of the clips that belong to the task.

    Example
    -------
    >>> class Deaf(AlignmentTask):
    ...     def _append(self, ids, clips, frames):
    ...         pass
    >>> Deaf(["rain", "rain"], {"a": 10.0}).texts
    ['rain']
    """

    stats: Stats

    def __init__(self, texts: Iterable[str], durations: Mapping[str, float]):
        self.texts = list(dict.fromkeys(texts))
        self.durations = dict(durations)
        self.summary = {}
        self.model = None

    def start(self, model: Any, rows: Mapping[str, Tensor]) -> None:
        """Take the model to be evaluated, and its embeddings of the texts.

        Arguments
        ---------
        model : FineLAP
            The model.
        rows : Mapping[str, torch.Tensor]
            Text to embedding, from
            :func:`~speechbrain_opensed.evaluation.alignment.embed_texts`.
        """
        self.model, self.rows = model, rows

    def append(self, ids: Sequence[str], clips: Tensor, frames: Tensor) -> None:
        """Add a batch; clips that are not of this task are passed over.

        Arguments
        ---------
        ids : Sequence[str]
            Ids of the cuts.
        clips : torch.Tensor
            `[batch, dim]`, from `model.encode_audio`.
        frames : torch.Tensor
            `[batch, time, dim]`, from the same.
        """
        known = [row for row, clip in enumerate(ids) if clip in self.durations]
        if known:
            ids = [ids[row] for row in known]
            with torch.no_grad():
                self._append(ids, clips[known], frames[known])

    @abstractmethod
    def _append(self, ids, clips, frames):
        """Add clips that are all of this task."""

    def compute(self) -> dict[str, float]:
        """The numbers."""
        return self.stats.summarize()

    def lines(self) -> list[str]:
        """The numbers, and a table where there are classes."""
        return self.stats.lines()

    def details(self) -> dict:
        """More than the numbers, such as those of each class."""
        return {}

    def clear(self) -> None:
        """Forget what came."""
        self.summary = {}
        self.stats.clear()

    def embedded(self, texts: Iterable[str]) -> Tensor:
        """Embeddings of texts, `[texts, dim]`."""
        return torch.stack([self.rows[text] for text in texts])

    def refuse_nothing(self, what: str) -> None:
        """Raise a ValueError if no clip has what the task needs."""
        if not self.durations:
            raise ValueError(f"no cut has {what}: there is nothing to evaluate")


def distinct_cuts(cuts: Iterable[Cut]) -> Iterator[Cut]:
    """The cuts, as long as each has an id of its own.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        The cuts.

    Yields
    ------
    lhotse.cut.Cut
        Each of them.

    Raises
    ------
    ValueError
        If an id occurs twice.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> len(list(distinct_cuts([dummy_cut(0), dummy_cut(1)])))
    2
    """
    seen = set()
    for cut in cuts:
        if cut.id in seen:
            raise ValueError(
                f"cut {cut.id} occurs twice: give each cut its own id"
            )
        seen.add(cut.id)
        yield cut


def name_classes(
    labels: Iterable[str],
    phrases: Mapping[str, str] | None,
    default: Callable[[str], str],
) -> list[str]:
    """What each class is called.

    Arguments
    ---------
    labels : iterable of str
        The classes.
    phrases : mapping of label to str or None
        Their names; None: what `default` makes of the label.
    default : callable
        Label to name.

    Returns
    -------
    list of str
        Names, in the order of the labels.

    Raises
    ------
    ValueError
        If a label has no name.

    Example
    -------
    >>> name_classes(["car_horn"], None, lambda label: label.replace("_", " "))
    ['car horn']
    """
    if phrases is None:
        return [default(label) for label in labels]
    missing = sorted(label for label in labels if label not in phrases)
    if missing:
        raise ValueError(
            f"{len(missing)} classes have no phrase, such as {missing[0]!r}: "
            "add them to the vocabulary, or choose the one that was annotated"
        )
    return [phrases[label] for label in labels]
