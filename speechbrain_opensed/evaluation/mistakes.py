"""What a detector gets wrong, in counts and in words.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speechbrain_opensed.dataio.targets import frame_span

__all__ = ["ClassCounts", "Mistake", "Mistakes", "find_mistakes"]


@dataclass(frozen=True)
class Mistake:
    """An event that was missed, or one that is none.

    Arguments
    ---------
    clip : str
        Where.
    label : str
        The class that was missed or wrongly found.
    onset, offset : float
        Seconds.
    score : float
        The highest score of the class there.
    missed : bool
        Whether an event was missed; else nothing of the class was there.
    other : str or None
        What was taken for it: the class of a true event under a false alarm.

    Example
    -------
    >>> Mistake("a", "dog", 1.0, 2.0, 0.9, False, "wolf").severity
    0.9
    """

    clip: str
    label: str
    onset: float
    offset: float
    score: float
    missed: bool
    other: str | None = None

    @property
    def severity(self) -> float:
        """From 0 to 1: how sure the detector was."""
        return 1 - self.score if self.missed else self.score

    def __str__(self) -> str:
        span = f"{self.onset:.2f} to {self.offset:.2f} s"
        if self.missed:
            return f"'{self.label}' is missed, {span}: score {self.score:.2f}"
        instead = f", where '{self.other}' is" if self.other else ""
        return (
            f"'{self.label}' is heard{instead}, {span}: score {self.score:.2f}"
        )


@dataclass
class ClassCounts:
    """What became of the events of one class.

    Arguments
    ---------
    events : int
        True ones.
    found : int
        Those of which at least half was detected.
    false_alarms : int
        Detections of which less than half lies on true events.

    Example
    -------
    >>> ClassCounts(3, 2).missed
    1
    """

    events: int = 0
    found: int = 0
    false_alarms: int = 0

    @property
    def missed(self) -> int:
        """True events that were not found."""
        return self.events - self.found


@dataclass
class Mistakes:
    """All mistakes of an evaluation.

    Arguments
    ---------
    threshold : float
        Score above which a frame belongs to an event.
    counts : dict of str to ClassCounts
        Of each class.
    every : list of Mistake
        In the order of the clips.

    Example
    -------
    >>> Mistakes(0.5).confusions()
    []
    """

    threshold: float
    counts: dict[str, ClassCounts] = field(default_factory=dict)
    every: list[Mistake] = field(default_factory=list)

    def confusions(self) -> list[tuple[str, str, int]]:
        """(true class, what it is taken for, how often), most often first."""
        pairs = Counter(
            (mistake.other, mistake.label)
            for mistake in self.every
            if mistake.other is not None
        )
        ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
        return [(true, taken, n) for (true, taken), n in ordered if true]

    def worst(self, most: int = 10) -> list[Mistake]:
        """The mistakes that the detector was surest of, one of each clip."""
        chosen: dict[str, Mistake] = {}
        for mistake in sorted(self.every, key=lambda x: -x.severity):
            if len(chosen) == most:
                break
            chosen.setdefault(mistake.clip, mistake)
        return list(chosen.values())


def find_mistakes(
    scores: Mapping[str, np.ndarray],
    truth: Mapping[str, Sequence[tuple[float, float, str]]],
    classes: Sequence[str],
    hop_seconds: float,
    threshold: float = 0.5,
) -> Mistakes:
    """Compare detections with true events.

    An event is found if at least half of its frames are above the threshold;
    a run of such frames is a false alarm if less than half of it lies on
    true events of its class. A true event of another class that covers at
    least half of a false alarm is what was taken for it.

    Arguments
    ---------
    scores : mapping of str to np.ndarray
        Clip to `[frames, classes]`.
    truth : mapping of str to sequence
        Clip to (onset, offset, label), seconds.
    classes : sequence of str
        Names of the columns.
    hop_seconds : float
        Duration of a frame.
    threshold : float
        See above.

    Returns
    -------
    Mistakes
        Counts of each class, and each mistake.

    Example
    -------
    >>> scores = {"a": np.array([[0.9, 0.1]] * 5 + [[0.1, 0.1]] * 5)}
    >>> found = find_mistakes(scores, {"a": [(0, 0.5, "b")]}, ["a", "b"], 0.1)
    >>> found.confusions()
    [('b', 'a', 1)]
    >>> print(found.every[0])
    'b' is missed, 0.00 to 0.50 s: score 0.10
    """
    result = Mistakes(threshold, {label: ClassCounts() for label in classes})
    column = {label: at for at, label in enumerate(classes)}
    for clip, tracks in scores.items():
        true = np.zeros(tracks.shape, bool)
        spans = []
        for onset, offset, label in truth[clip]:
            if label in column:
                first, last = frame_span(onset, offset, hop_seconds, len(true))
                true[first:last, column[label]] = True
                spans.append((onset, offset, label, slice(first, last)))
        above = tracks > threshold
        for onset, offset, label, frames in spans:
            counts = result.counts[label]
            counts.events += 1
            if above[frames, column[label]].mean() >= 0.5:
                counts.found += 1
                continue
            peak = float(tracks[frames, column[label]].max())
            result.every.append(
                Mistake(clip, label, onset, offset, peak, missed=True)
            )
        for at, first, last in _runs(above):
            if true[first:last, at].mean() >= 0.5:
                continue
            result.counts[classes[at]].false_alarms += 1
            covered = true[first:last].mean(0)
            covered[at] = 0
            other = int(covered.argmax())
            result.every.append(
                Mistake(
                    clip,
                    classes[at],
                    first * hop_seconds,
                    last * hop_seconds,
                    float(tracks[first:last, at].max()),
                    missed=False,
                    other=classes[other] if covered[other] >= 0.5 else None,
                )
            )
    return result


def _runs(above: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(column, first frame, frame behind the last) of all runs."""
    edges = np.diff(np.pad(above.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    for at in np.flatnonzero(above.any(0)):
        starts = np.flatnonzero(edges[:, at] == 1)
        ends = np.flatnonzero(edges[:, at] == -1)
        for first, last in zip(starts, ends, strict=True):
            yield int(at), int(first), int(last)
