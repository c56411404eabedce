"""Tasks on frames: sound event detection and grounding of phrases.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lhotse.cut import Cut
from torch import Tensor

from lhotse_recipes.schema import label_of, trim_events
from speechbrain_opensed.evaluation.ground_truth import read_truth
from speechbrain_opensed.evaluation.tasks import (
    AlignmentTask,
    distinct_cuts,
    name_classes,
)
from speechbrain_opensed.metrics.grounding import GroundingStats
from speechbrain_opensed.metrics.protocols import (
    SedProtocol,
    best_fscores,
    get_protocol,
)
from speechbrain_opensed.metrics.psds.stats import PsdsStats

__all__ = ["DetectionTask", "GroundingTask"]


class DetectionTask(AlignmentTask):
    """Find when events of all classes occur.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Cuts with events; those without count if the protocol keeps them.
    hop_seconds : float
        Distance of the model's frames, `model.spec.hop_seconds`.
    protocol : str or SedProtocol
        See :func:`~speechbrain_opensed.metrics.get_protocol`.
    phrases : mapping of label to str, optional
        What is asked, and which classes there are; default: those that
        occur, by their labels or by their phrases, as the protocol has it.
    groups : mapping of str to sequence of str, optional
        Groups of labels to tell apart, such as `seen` and `unseen`.
    num_jobs : int
        Threads.

    Raises
    ------
    ValueError
        If there is no event, ids occur twice, or a class has no phrase.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> bark = event("r", 0, 0.1, 0.2, "dog barking", "Dog_bark")
    >>> cuts = [dummy_cut(0, supervisions=[bark])]
    >>> DetectionTask(cuts, hop_seconds=0.16).texts
    ['Dog_bark']
    """

    stats: PsdsStats

    def __init__(
        self,
        cuts: Iterable[Cut],
        hop_seconds: float,
        protocol: str | SedProtocol = "desed",
        *,
        phrases: Mapping[str, str] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        num_jobs: int = 1,
    ):
        if not isinstance(protocol, SedProtocol):
            protocol = get_protocol(protocol)
        self.protocol = protocol
        known = read_truth(distinct_cuts(cuts), may_be_empty=True)
        truth = {
            clip: events
            for clip, events in known.events.items()
            if events or protocol.keep_empty_clips
        }
        durations = {clip: known.durations[clip] for clip in truth}
        name_classes(known.phrases, phrases, str)
        if phrases is None:
            phrases = {
                label: label if protocol.raw_labels else text
                for label, text in known.phrases.items()
            }
        classes = list(phrases)
        self.prompts = list(phrases.values())
        super().__init__(self.prompts, durations)
        self.refuse_nothing("an event")
        self.stats = PsdsStats(
            classes,
            truth,
            hop_seconds,
            groups=groups,
            median_frames=protocol.median_frames(hop_seconds),
            num_jobs=num_jobs,
            variants=protocol.settings(),
        )

    def start(self, model: Any, rows: Mapping[str, Tensor]) -> None:
        """Take the model and the embeddings; see :class:`AlignmentTask`."""
        if model.spec.hop_seconds != self.stats.hop_seconds:
            raise ValueError(
                f"the task expects frames of {self.stats.hop_seconds} s, the "
                f"model's last {model.spec.hop_seconds} s"
            )
        super().start(model, rows)

    def _append(self, ids, clips, frames):
        scores = self.model.frame_scores(frames, self.embedded(self.prompts))
        durations = [self.durations[clip] for clip in ids]
        self.stats.append(ids, scores.transpose(1, 2), durations)

    def compute(self) -> dict[str, float]:
        """PSDS, and F-scores where the protocol has them."""
        stats = self.stats
        summary = stats.summarize()
        if self.protocol.fscores:
            summary |= best_fscores(
                stats.scores,
                stats.ground_truth,
                stats.durations,
                stats.classes,
                stats.hop_seconds,
                self.protocol.keep_empty_clips,
            )
        return summary

    def details(self) -> dict:
        """Protocol, prompts, and the numbers of each class."""
        results = self.stats.results
        return {
            "protocol": self.protocol.name,
            "prompts": self.prompts,
            "per_class": {
                label: {
                    name: result.per_class[label]
                    for name, result in results.items()
                }
                for label in next(iter(results.values())).per_class
            },
        }


class GroundingTask(AlignmentTask):
    """Find when the phrases of a clip are heard, phrase by phrase.

    As in the official evaluation, all frames of the model's window count,
    also those behind the end of a shorter clip.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Cuts with events. Events that bear `audiocap_id` and `start_index`,
        as those of AudioGrounding do, are taken for one phrase where both
        agree, others where their words agree.
    hop_seconds : float
        Distance of the model's frames, `model.spec.hop_seconds`.
    unheard : bool
        Whether phrases that the cut notes as not heard (`negatives`) count,
        too: whatever is found of them is false.
    num_jobs : int
        Threads.

    Raises
    ------
    ValueError
        If there is no event, or ids occur twice.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> barks = [
    ...     event("r", i, i / 9, i / 9 + 0.1, "a dog", "a dog") for i in (0, 1)
    ... ]
    >>> task = GroundingTask([dummy_cut(0, supervisions=barks)], 0.16)
    >>> task.phrases["dummy-mono-cut-0000"]["a dog"]
    ('a dog', [(0.0, 0.1), (0.11111111, 0.21111111)])
    """

    stats: GroundingStats

    def __init__(
        self,
        cuts: Iterable[Cut],
        hop_seconds: float,
        unheard: bool = True,
        num_jobs: int = 1,
    ):
        self.phrases, durations = {}, {}
        heard = 0
        for cut in distinct_cuts(cuts):
            phrases: dict[Any, Any] = {}
            for one in trim_events(cut):
                own = one.custom or {}
                name = one.text or label_of(one)
                if "start_index" in own:
                    name = f"{own.get('audiocap_id')}_{own['start_index']}"
                _, spans = phrases.setdefault(
                    name, (one.text or label_of(one), [])
                )
                spans.append((one.start, one.end))
            heard += len(phrases)
            if unheard:
                for text in (cut.custom or {}).get("negatives", ()):
                    phrases.setdefault(text, (text, []))
            if phrases:
                self.phrases[cut.id] = phrases
                durations[cut.id] = cut.duration
        texts = (
            text
            for phrases in self.phrases.values()
            for text, _ in phrases.values()
        )
        super().__init__(texts, durations if heard else {})
        self.refuse_nothing("an event")
        self.stats = GroundingStats(hop_seconds, num_jobs)

    def _append(self, ids, clips, frames):
        for clip, track in zip(ids, frames, strict=True):
            phrases = self.phrases[clip]
            texts = self.embedded([text for text, _ in phrases.values()])
            seconds = self.durations[clip]
            spec = self.model.spec
            self.stats.window_seconds = spec.window_seconds
            count = spec.num_frames(max(seconds, spec.window_seconds))
            scores = self.model.frame_scores(track[None, :count], texts)[0]
            self.stats.append(
                [f"{clip}/{name}" for name in phrases],
                list(scores),
                [spans for _, spans in phrases.values()],
                [seconds] * len(phrases),
            )
