"""Scores and events of a set of clips, checked once for every metric.

Authors
 * The speechbrain-opensed contributors 2026
"""

import difflib
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lhotse_recipes.schema import merge_touching
from speechbrain_opensed.metrics.agreement import (
    clip_events,
    compare_durations,
)
from speechbrain_opensed.metrics.psds.events import ClassEvents

__all__ = ["Events", "Scores", "SedInputs"]

Scores = Mapping[str, np.ndarray]
Events = Mapping[str, Sequence[tuple[float, float, str]]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SedInputs:
    """Clips whose scores and events fit together, for the classes that occur.

    Made by :meth:`SedInputs.check`.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, all classes]` of each clip.
    clips : tuple[str, ...]
        The clips that count.
    lengths : np.ndarray
        Frames of each clip, `[clips]`.
    dtype : np.dtype
        Type that holds all scores exactly, float32 or float64.
    classes : tuple[str, ...]
        The classes with an event.
    columns : np.ndarray
        Where these classes are found in the scores.
    events : dict[str, list[tuple[float, float, int]]]
        Onset, offset and index among ``classes``, merged where they touch.
    skipped_classes : tuple[str, ...]
        The classes without a single event.
    dropped_clips : int
        Clips without an event that were left out.
    merged_events : int
        By how many events the merging made them fewer.
    target_known : bool
        Whether scores of classes that do not occur in a clip read as 0.
    clipped_events : int
        Events that ended behind their clip.

    Example
    -------
    >>> scores = {"a": np.array([[0.1, 0.7], [0.2, 0.8]])}
    >>> inputs = SedInputs.check(scores, {"a": [(0, 1, "dog")]}, ["cat", "dog"])
    >>> inputs.classes, inputs.num_events(), inputs.tracks()
    (('dog',), {'dog': 1}, array([[0.7, 0.8]]))
    """

    scores: Scores
    clips: tuple[str, ...]
    lengths: np.ndarray
    dtype: np.dtype
    classes: tuple[str, ...]
    columns: np.ndarray
    events: dict[str, list[tuple[float, float, int]]]
    skipped_classes: tuple[str, ...]
    dropped_clips: int
    merged_events: int
    target_known: bool
    clipped_events: int = 0

    @classmethod
    def check(
        cls,
        scores: Scores,
        ground_truth: Events,
        classes: Sequence[str],
        *,
        keep_empty_clips: bool = True,
        target_known: bool = False,
        hop_seconds: float | None = None,
        durations: Mapping[str, float] | None = None,
    ) -> "SedInputs":
        """Check scores and events, merge events, leave out empty classes.

        Arguments
        ---------
        scores : Mapping[str, np.ndarray]
            Scores `[frames, classes]` of each clip.
        ground_truth : Mapping[str, list[tuple[float, float, str]]]
            Onset and offset in seconds, and label, of each clip's events. A
            clip that is missing here counts as one without events.
        classes : list[str]
            What the columns of the scores stand for.
        keep_empty_clips : bool
            Whether clips without an event count.
        target_known : bool
            Whether to take scores of classes that do not occur in a clip
            for 0.
        hop_seconds : float, optional
            Duration of a frame. With it, events that end behind their clip
            are ended there.
        durations : Mapping[str, float], optional
            Seconds of the clips, which have to be those of their frames;
            default: taken from the frames.

        Returns
        -------
        SedInputs

        Raises
        ------
        ValueError
            If something does not fit; the message names it.

        Example
        -------
        >>> scores = {"a": np.zeros((250, 2)), "b": np.zeros((250, 2))}
        >>> events = {"a": [(0.0, 1.0, "dog"), (1.0, 2.5, "dog")]}
        >>> inputs = SedInputs.check(scores, events, ["cat", "dog"])
        >>> inputs.events["a"], inputs.skipped_classes, inputs.merged_events
        ([(0.0, 2.5, 0)], ('cat',), 1)
        """
        classes = [str(label) for label in classes]
        doubled = [c for c, count in Counter(classes).items() if count > 1]
        if doubled:
            raise ValueError(f"classes are named more than once: {doubled}")
        unscored = [clip for clip in ground_truth if clip not in scores]
        if unscored:
            raise ValueError(
                f"{len(unscored)} clips of the ground truth have no scores, "
                f"such as {unscored[0]!r}: score them, or take them out"
            )
        silent = sum(clip not in ground_truth for clip in scores)
        if silent:
            logger.warning(
                "%d of %d clips are not in the ground truth: taken for clips "
                "without events",
                silent,
                len(scores),
            )
        known = frozenset(classes)
        events = {
            clip: _events(clip, ground_truth.get(clip, ()), known)
            for clip in scores
        }
        clipped = 0
        for clip in scores:
            _layout(clip, scores[clip], len(classes))
        if hop_seconds is not None:
            kept = [c for c in scores if keep_empty_clips or events[c]]
            ends = _ends(scores, kept, durations, hop_seconds)
            events, clipped = clip_events(
                {**dict.fromkeys(scores, ()), **{c: events[c] for c in kept}},
                {**dict.fromkeys(scores, math.inf), **ends},
                hop_seconds,
            )
        merged = {clip: merge_touching(of) for clip, of in events.items()}
        before = sum(len(spans) for spans in ground_truth.values())
        after = Counter(
            label for spans in merged.values() for *_, label in spans
        )
        present = [label for label in classes if label in after]
        skipped = [label for label in classes if label not in after]
        if not present:
            raise ValueError(
                f"none of the {len(classes)} classes has an event in any of "
                f"the {len(merged)} clips: nothing to evaluate"
            )
        if skipped:
            logger.warning(
                "%d of %d classes have no event and are left out: %s",
                len(skipped),
                len(classes),
                ", ".join(skipped[:10]) + (", ..." if skipped[10:] else ""),
            )
        clips = [clip for clip in merged if keep_empty_clips or merged[clip]]
        if len(clips) < len(merged):
            logger.warning(
                "%d of %d clips have no event and are left out",
                len(merged) - len(clips),
                len(merged),
            )
        layout = [_layout(clip, scores[clip], len(classes)) for clip in clips]
        lengths, types = zip(*layout, strict=True)
        index = {label: at for at, label in enumerate(present)}
        return cls(
            scores=scores,
            clips=tuple(clips),
            lengths=np.array(lengths),
            dtype=np.result_type(np.float32, *set(types)),
            classes=tuple(present),
            columns=np.array([classes.index(label) for label in present]),
            events={
                clip: [
                    (onset, offset, index[label])
                    for onset, offset, label in merged[clip]
                ]
                for clip in clips
            },
            skipped_classes=tuple(skipped),
            dropped_clips=len(merged) - len(clips),
            merged_events=before - sum(after.values()),
            target_known=target_known,
            clipped_events=clipped,
        )

    def num_events(self) -> dict[str, int]:
        """Number of events of each class.

        Returns
        -------
        dict[str, int]

        Example
        -------
        >>> events = {"a": [(0, 1, "dog"), (2, 3, "dog")]}
        >>> inputs = SedInputs.check({"a": np.zeros((9, 1))}, events, ["dog"])
        >>> inputs.num_events()
        {'dog': 2}
        """
        number = Counter(
            label for spans in self.events.values() for *_, label in spans
        )
        return {name: number[at] for at, name in enumerate(self.classes)}

    def seconds(self, durations: Mapping[str, float]) -> dict[str, float]:
        """Durations of the clips that count, checked.

        Arguments
        ---------
        durations : Mapping[str, float]
            Seconds, for at least these clips.

        Returns
        -------
        dict[str, float]

        Raises
        ------
        ValueError
            If one is missing or not positive.
        """
        for clip in self.clips:
            if clip not in durations or not 0 < durations[clip] < math.inf:
                raise ValueError(
                    f"the duration of clip {clip!r} is "
                    f"{durations.get(clip, 'missing')}: give it in seconds"
                )
        return {clip: float(durations[clip]) for clip in self.clips}

    def class_events(self) -> list[ClassEvents]:
        """The events of each class, sorted by clip.

        Returns
        -------
        list[ClassEvents]

        Example
        -------
        >>> scores = {"a": np.zeros((9, 1)), "b": np.zeros((9, 1))}
        >>> inputs = SedInputs.check(scores, {"b": [(0, 1, "dog")]}, ["dog"])
        >>> inputs.class_events()[0].clip
        array([1])
        """
        rows: list[list[tuple[int, float, float]]]
        rows = [[] for _ in self.classes]
        for at, clip in enumerate(self.clips):
            for onset, offset, label in self.events[clip]:
                rows[label].append((at, onset, offset))
        tables = (np.array(of_class, np.float64).T for of_class in rows)
        return [
            ClassEvents(clip.astype(np.int64), onset, offset)
            for clip, onset, offset in tables
        ]

    def array(self, clip: str, part: slice = slice(None)) -> np.ndarray:
        """The scores of one clip in (a part of) the classes that count.

        Arguments
        ---------
        clip : str
            One of ``clips``.
        part : slice
            Which of ``classes``.

        Returns
        -------
        np.ndarray
            `[frames, classes]`, in the type of the given scores.

        Raises
        ------
        ValueError
            If a score is not a number, or plus infinity, or negative where
            0 should stand for absence.

        Example
        -------
        >>> scores = {"a": np.array([[0.1, 0.7], [0.2, 0.8]])}
        >>> SedInputs.check(scores, {"a": [(0, 1, "y")]}, "xy").array("a")
        array([[0.7],
               [0.8]])
        """
        every = self.columns[part]
        columns: np.ndarray | slice = every
        # A slice is a view, an index a copy.
        if every[-1] - every[0] == len(every) - 1:
            columns = slice(every[0], every[-1] + 1)
        array = np.asarray(self.scores[clip])[:, columns]
        valid = array < np.inf
        if self.target_known:
            valid &= (array >= 0) | np.isneginf(array)
        if not valid.all():
            frame, at = np.argwhere(~valid)[0]
            raise ValueError(
                f"clip {clip!r}: the score of {self.classes[part][at]!r} in "
                f"frame {frame} is {array[frame, at]}; a score must be a "
                "number (minus infinity for never), and not negative where "
                "target_known sets scores to 0"
            )
        if self.target_known:
            present = {label for _, _, label in self.events[clip]}
            labels = range(len(self.classes))[part]
            array = np.where([at in present for at in labels], array, 0)
        return array

    def tracks(self, part: slice = slice(None)) -> np.ndarray:
        """The scores of (a part of) the classes, clip after clip.

        Arguments
        ---------
        part : slice
            Which of ``classes``.

        Returns
        -------
        np.ndarray
            `[classes, frames of all clips]`, in ``dtype``.

        Example
        -------
        >>> scores = {"a": np.array([[0.1, 0.7]]), "b": np.array([[0.2, 0.8]])}
        >>> SedInputs.check(scores, {"a": [(0, 1, "y")]}, "xy").tracks()
        array([[0.7, 0.8]])
        """
        shape = len(self.classes[part]), self.lengths.sum()
        tracks = np.empty(shape, self.dtype)
        ends = np.cumsum(self.lengths)
        for clip, begin, end in zip(
            self.clips, ends - self.lengths, ends, strict=True
        ):
            tracks[:, begin:end] = self.array(clip, part).T
        return tracks


def _ends(scores, clips, durations, hop_seconds):
    """Where clips end, in seconds."""
    frames = {clip: len(np.asarray(scores[clip])) for clip in clips}
    if durations is None:
        return {clip: number * hop_seconds for clip, number in frames.items()}
    for clip in clips:
        if not 0 < durations.get(clip, 0) < math.inf:
            raise ValueError(
                f"the duration of clip {clip!r} is "
                f"{durations.get(clip, 'missing')}: give it in seconds"
            )
    compare_durations(frames, durations, hop_seconds)
    return {clip: float(durations[clip]) for clip in clips}


def _events(clip, spans, classes):
    """The events of one clip, or words on what is wrong with them."""
    try:
        spans = [(on + 0.0, off + 0.0, label) for on, off, label in spans]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the events of clip {clip!r} are {str(spans)[:80]}: give a list "
            "of (onset, offset, label), times in seconds"
        ) from error
    for onset, offset, label in spans:
        if label not in classes:
            near = difflib.get_close_matches(str(label), sorted(classes))
            raise ValueError(
                f"clip {clip!r} has an event {label!r}, which is none of the "
                f"{len(classes)} classes"
                + (f"; near names: {near}" if near else "")
                + ". Rename it, or take it out of the ground truth"
            )
        if not -math.inf < onset < offset < math.inf:
            raise ValueError(
                f"clip {clip!r} has an event {label!r} from {onset} s to "
                f"{offset} s: an event must end after it begins"
            )
    return [(float(on), float(off), label) for on, off, label in spans]


def _layout(clip, array, num_classes):
    """Frames and type of the scores of one clip."""
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != num_classes or len(array) == 0:
        raise ValueError(
            f"the scores of clip {clip!r} have shape {array.shape}, but "
            f"[frames, {num_classes} classes] is needed"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"the scores of clip {clip!r} are of type {array.dtype}: give "
            "real numbers"
        )
    return len(array), array.dtype
