"""PSDS with the four methods of SpeechBrain's metric statistics.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from speechbrain_opensed.metrics.filters import median_filter
from speechbrain_opensed.metrics.psds.compute import compute_psds
from speechbrain_opensed.metrics.psds.result import PsdsResult
from speechbrain_opensed.metrics.score_store import num_frames
from speechbrain_opensed.metrics.summary import FEW_CLASSES, Stats, mark_few

__all__ = ["PsdsStats"]

logger = logging.getLogger(__name__)


#: PSDS1 as the FlexSED paper has it, over all clips, and of localisation.
VARIANTS = {
    "PSDS1_A": {"target_known": False},
    "PSDS1_T": {"target_known": True},
}


class PsdsStats(Stats):
    """Collects scores batch by batch, then gives PSDS in several variants.

    Scores are cut to the length of their clip, smoothed, and kept in float32:
    0.4 MB for 10 s of 407 classes. Only the clips that came count, so that an
    evaluation of a few batches works too; how many these were is in the
    summary.

    Arguments
    ---------
    classes : Sequence[str]
        What the columns of the scores stand for.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
    hop_seconds : float
        Duration of a frame.
    groups : Mapping[str, Sequence[str]] | None
        Groups of classes to tell apart, such as `seen` and `unseen`.
    median_frames : int
        Width of the median filter; 1 for none.
    num_jobs : int
        Threads.
    variants : Mapping[str, Mapping] | None
        Name of each number to the settings of
        :func:`~speechbrain_opensed.metrics.compute_psds` of its own, such as
        those of a :class:`~speechbrain_opensed.metrics.SedProtocol`; default:
        `PSDS1_A` and `PSDS1_T`.
    **settings
        Settings of all of them, such as `alpha_st`.

    Example
    -------
    >>> truth = {"a": [(0.0, 5.0, "dog")], "b": [(0.0, 5.0, "cat")]}
    >>> stats = PsdsStats(["dog", "cat"], truth, 0.04, groups={"seen": ["dog"]})
    >>> scores = np.zeros((2, 250, 2))
    >>> scores[0, :125, 0] = 0.9
    >>> stats.append(["a", "b"], scores, [10.0, 10.0])
    >>> stats.summarize("PSDS1_A"), stats.summarize("PSDS1_A_seen")
    (0.5, 1.0)
    """

    def __init__(
        self,
        classes: Sequence[str],
        ground_truth: Mapping[str, list[tuple[float, float, str]]],
        hop_seconds: float,
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        median_frames: int = 9,
        num_jobs: int = 1,
        variants: Mapping[str, Mapping[str, Any]] | None = None,
        **settings: Any,
    ):
        self.classes = list(classes)
        self.ground_truth = ground_truth
        self.hop_seconds = hop_seconds
        self.groups = dict(groups or {})
        self.median_frames = median_frames
        self.num_jobs = num_jobs
        self.variants = dict(VARIANTS if variants is None else variants)
        self.settings = settings
        super().__init__()

    def clear(self) -> None:
        """Forget all scores."""
        self.scores: dict[str, np.ndarray] = {}
        self.durations: dict[str, float] = {}
        self.results: dict[str, PsdsResult] = {}
        self.summary: dict[str, float] = {}

    def append(
        self, ids: Sequence[str], scores: Any, durations: Iterable[float]
    ) -> None:
        """Add a batch.

        Arguments
        ---------
        ids : Sequence[str]
            Names of the clips, as in the ground truth.
        scores : torch.Tensor | np.ndarray
            `[batch, frames, classes]`, on any device.
        durations : Iterable[float]
            Seconds of each clip; frames beyond are padding.

        Raises
        ------
        ValueError
            If a clip came before, or has no ground truth.
        """
        # Metrics on arrays shall not need torch, which takes a while to load.
        import torch

        scores = torch.as_tensor(scores).detach().float().cpu().numpy()
        for clip, score, seconds in zip(ids, scores, durations, strict=True):
            if clip in self.scores:
                raise ValueError(f"clip {clip!r} came twice: scored already")
            if clip not in self.ground_truth:
                raise ValueError(f"clip {clip!r} is not in the ground truth")
            self.durations[clip] = float(seconds)
            frames = num_frames(float(seconds), self.hop_seconds)
            self.scores[clip] = median_filter(
                score[:frames], self.median_frames
            )

    def compute(self) -> dict[str, float]:
        """Evaluate what has come.

        Returns
        -------
        dict[str, float]
            The variants, such as `PSDS1_A`, with `_<group>` those of a group
            (nan where none of its classes has an event), `clips`, `classes`.
        """
        if len(self.scores) < len(self.ground_truth):
            logger.warning(
                "PSDS over %d of %d clips: the others did not come",
                len(self.scores),
                len(self.ground_truth),
            )
        for name, own in self.variants.items():
            self.results[name] = compute_psds(
                self.scores,
                {clip: self.ground_truth[clip] for clip in self.scores},
                self.durations,
                self.classes,
                self.hop_seconds,
                num_jobs=self.num_jobs,
                **{**self.settings, **own},
            )
        summary: dict[str, float] = {
            name: result.psds for name, result in self.results.items()
        }
        for group, classes in self.groups.items():
            for name, result in self.results.items():
                occurs = not result.per_class.keys().isdisjoint(classes)
                summary[f"{name}_{group}"] = (
                    result.group(classes).psds if occurs else float("nan")
                )
        summary["clips"] = len(self.scores)
        first = next(iter(self.results.values()))
        summary["classes"] = len(first.per_class)
        return summary

    def marked(self) -> dict[str, float]:
        """The summary, in which scores over few classes are named so.

        Returns
        -------
        dict[str, float]
            As :meth:`compute` gives it, each through
            :func:`~speechbrain_opensed.metrics.summary.mark_few`, by the
            classes of its group that have events.
        """
        if not self.summary:
            self.summarize()
        scored = set(next(iter(self.results.values())).per_class)
        named = dict(self.summary)
        marked: dict[str, float] = {}
        for group, classes in self.groups.items():
            own = {
                key: named.pop(key)
                for key in [f"{name}_{group}" for name in self.results]
            }
            few = len(scored.intersection(classes)) or FEW_CLASSES
            marked |= mark_few(own, few)
        return {**mark_few(named, len(scored)), **marked}

    def coverage(self) -> str:
        """In words, which classes the scores are not over; "" if none.

        Returns
        -------
        str
            One line.
        """
        if not self.summary:
            self.summarize()
        skipped = next(iter(self.results.values())).skipped_classes
        scored = len(self.classes) - len(skipped)
        if not skipped and scored >= FEW_CLASSES:
            return ""
        few = " only" if scored < FEW_CLASSES else ""
        of = f": no test events of {', '.join(skipped)}" if skipped else ""
        return f"scores over{few} {scored} of {len(self.classes)} classes{of}"

    def write_classes(self, filestream: TextIO) -> None:
        """Write one row for each class with events, tab-separated.

        Arguments
        ---------
        filestream : TextIO
            Where to write.
        """
        if not self.summary:
            self.summarize()
        filestream.write("\n".join(self._rows()) + "\n")

    def _rows(self):
        every = next(iter(self.results.values()))
        yield "\t".join(["class", "groups", "events", *self.results])
        for label in every.per_class:
            groups = [name for name, of in self.groups.items() if label in of]
            values = [
                f"{r.per_class[label]:.4f}" for r in self.results.values()
            ]
            row = [label, ",".join(groups), str(every.num_events[label])]
            yield "\t".join(row + values)

    def lines(self) -> list[str]:
        """The numbers, how they came about, and a table of classes."""
        lines = [self.coverage()] if self.coverage() else []
        lines += super().lines()
        lines += [f"{name}: {one}" for name, one in self.results.items()]
        every = next(iter(self.results.values()))
        if every.skipped_classes:
            skipped = ", ".join(every.skipped_classes)
            lines.append(f"classes without events, left out: {skipped}")
        return [*lines, *self._rows()]
