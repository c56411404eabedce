"""Polyphonic sound detection score (PSDS) from arrays of scores.

Bilen et al., "A framework for the robust evaluation of sound event
detection", ICASSP 2020, https://arxiv.org/abs/1910.08440.

Authors
 * The speechbrain-opensed contributors 2026
"""

import contextlib
import dataclasses
import math
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from tqdm import tqdm

from speechbrain_opensed.metrics.inputs import Events, Scores, SedInputs
from speechbrain_opensed.metrics.psds.cross import other_events
from speechbrain_opensed.metrics.psds.events import Criteria
from speechbrain_opensed.metrics.psds.kernel import count_curves
from speechbrain_opensed.metrics.psds.result import PsdsResult

__all__ = ["compute_psds"]

# Scores are turned class by class in so many blocks, or fewer where blocks
# would be smaller than so many bytes.
_MAX_BLOCKS = 16
_BLOCK_BYTES = 1 << 25
_BACKENDS = ("fast", "sed_scores_eval")


def compute_psds(
    scores: Scores,
    ground_truth: Events,
    durations: Mapping[str, float],
    classes: Sequence[str],
    hop_seconds: float,
    dtc_threshold: float = 0.7,
    gtc_threshold: float = 0.7,
    alpha_st: float = 0.0,
    max_efpr: float | None = 100.0,
    target_known: bool = False,
    backend: str = "fast",
    *,
    keep_empty_clips: bool = True,
    cttc_threshold: float | None = None,
    alpha_ct: float = 0.0,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> PsdsResult:
    """Polyphonic sound detection score over all thresholds, exactly.

    The defaults are PSDS1 as the FlexSED paper has it for AudioSet-Strong:
    PSDS1_A, and with ``target_known`` PSDS1_T. Frame i of the scores lasts
    from i to i + 1 hops, also where the clip ends within the last one. The
    protocol smooths scores beforehand, see
    :func:`~speechbrain_opensed.metrics.median_filter`: without that, every
    ripple that crosses a threshold is a false positive.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames, classes]` of each clip, of any float type; a dict, or
        a :class:`~speechbrain_opensed.metrics.ScoreStore`.
    ground_truth : Mapping[str, list[tuple[float, float, str]]]
        Onset and offset in seconds, and label, of the events of each clip.
        Events of one label that overlap or touch are merged.
    durations : Mapping[str, float]
        Seconds, for at least these clips.
    classes : list[str]
        What the columns of the scores stand for. Those without a single
        event are reported and left out.
    hop_seconds : float
        Duration of a frame.
    dtc_threshold : float
        Share of a detection that must lie on events of its class.
    gtc_threshold : float
        Share of an event that such detections must cover.
    alpha_st : float
        Weight of the standard deviation between classes.
    max_efpr : float | None
        False positives per hour up to which the curve counts; None: up to
        the rate beyond which no class finds another event.
    target_known : bool
        Take scores of classes that do not occur in a clip for 0: what is left
        is localisation. Needs scores that are not negative.
    backend : str
        ``"fast"``, or ``"sed_scores_eval"`` for that package: the same
        numbers, slowly.
    keep_empty_clips : bool
        Whether clips without an event count. The FlexSED paper drops them,
        which lowers the number of hours as well as of false positives.
    cttc_threshold : float | None
        Share of a false detection that must lie on events of another class
        for it to be a cross trigger.
    alpha_ct : float
        Weight of cross triggers among the false positives. Needs
        ``cttc_threshold``.
    num_jobs : int
        Threads that share the classes (fast backend). One does 3000 clips of
        407 classes in seconds; more pay off without ``max_efpr``.
    executor : concurrent.futures.Executor | None
        Where to run these instead, ``num_jobs`` blocks of classes at a time.

    Returns
    -------
    PsdsResult

    Raises
    ------
    ValueError
        If scores, events and durations do not fit; the message says where.

    Example
    -------
    >>> import numpy as np
    >>> scores = {"a": np.zeros((250, 2)), "b": np.zeros((250, 2))}
    >>> scores["a"][25:75, 0] = 0.9
    >>> scores["b"][:10, 0] = 0.5
    >>> scores["b"][100:, 1] = 0.8
    >>> events = {
    ...     "a": [(1.0, 2.0, "dog"), (2.0, 3.0, "dog")],
    ...     "b": [(0.0, 2.0, "cat")],
    ... }
    >>> durations = {"a": 10.0, "b": 10.0}
    >>> result = compute_psds(scores, events, durations, ["dog", "cat"], 0.04)
    >>> result.psds, result.per_class
    (0.5, {'dog': 1.0, 'cat': 0.0})
    """
    criteria = {
        "dtc_threshold": dtc_threshold,
        "gtc_threshold": gtc_threshold,
        "alpha_st": alpha_st,
    }
    _check_settings(criteria, hop_seconds, max_efpr, backend, num_jobs)
    _check_cross_triggers(cttc_threshold, alpha_ct)
    if not isinstance(target_known, bool):
        raise ValueError(
            f"target_known is {target_known!r}: give True or False"
        )
    inputs = SedInputs.check(
        scores,
        ground_truth,
        classes,
        keep_empty_clips=keep_empty_clips,
        target_known=target_known,
        hop_seconds=hop_seconds,
        durations=durations,
    )
    if len(inputs.classes) == 1:
        # Cross triggers lie on events of other classes: there are none.
        alpha_ct, cttc_threshold = 0.0, None
    durations = inputs.seconds(durations)
    seconds = sum(durations.values())
    about: dict[str, Any] = {
        "num_events": inputs.num_events(),
        "skipped_classes": inputs.skipped_classes,
        "settings": {
            **criteria,
            "cttc_threshold": cttc_threshold,
            "alpha_ct": alpha_ct,
            "max_efpr": max_efpr,
            "hop_seconds": hop_seconds,
            "target_known": target_known,
            "backend": backend,
            "keep_empty_clips": keep_empty_clips,
            "clips": len(inputs.clips),
            "dropped_clips": inputs.dropped_clips,
            "merged_events": inputs.merged_events,
            "clipped_events": inputs.clipped_events,
            "hours": seconds / 3600,
        },
    }
    if backend == "sed_scores_eval":
        return _by_reference(inputs, durations, hop_seconds, about)
    limits = Criteria(
        dtc_threshold,
        gtc_threshold,
        _max_false(max_efpr, seconds),
        cttc_threshold or 0.0,
    )
    curves: dict[Any, Any] = {}
    with tqdm(
        total=len(inputs.classes), desc="PSDS", unit="class", delay=2
    ) as progress:
        weight = (seconds, alpha_ct) if alpha_ct else None
        blocks = _blocks(inputs, hop_seconds, limits, num_jobs, weight)
        for counts in _run(blocks, num_jobs, executor):
            for true, false in counts:
                label = inputs.classes[len(curves)]
                rate = false / seconds * 3600.0
                kept = slice(None) if max_efpr is None else rate <= max_efpr
                found = true / about["num_events"][label]
                curves[label] = found[kept], rate[kept]
            progress.update(len(counts))
    return PsdsResult.from_curves(curves, **about)


def _by_reference(inputs, durations, hop_seconds, about):
    """The result as sed_scores_eval has it."""
    # It brings pandas and 100 MiB, which only the reference needs.
    from speechbrain_opensed.metrics.psds.reference import reference_psds

    arrays = {clip: inputs.array(clip) for clip in inputs.clips}
    settings = about["settings"]
    areas, curve, curves = reference_psds(
        arrays,
        inputs.events,
        durations,
        hop_seconds,
        max_efpr=settings["max_efpr"],
        dtc_threshold=settings["dtc_threshold"],
        gtc_threshold=settings["gtc_threshold"],
        alpha_st=settings["alpha_st"],
        cttc_threshold=settings["cttc_threshold"],
        alpha_ct=settings["alpha_ct"],
    )
    curves = dict(zip(inputs.classes, curves, strict=True))
    result = PsdsResult.from_curves(curves, **about)
    if areas is None:
        return dataclasses.replace(result, curve=curve)
    psds, per_class = areas
    per_class = dict(zip(inputs.classes, per_class, strict=True))
    return dataclasses.replace(
        result, psds=psds, per_class=per_class, curve=curve
    )


def _blocks(inputs, hop_seconds, criteria, num_jobs, weight):
    """Arguments of `count_curves` for blocks of classes."""
    events = inputs.class_events()
    of_class = int(inputs.lengths.sum()) * inputs.dtype.itemsize
    size = max(math.ceil(len(events) / _MAX_BLOCKS), _BLOCK_BYTES // of_class)
    size = math.ceil(min(size, len(events)) / num_jobs)
    for first in range(0, len(events), size):
        part = slice(first, first + size)
        yield (
            inputs.tracks(part),
            inputs.lengths,
            hop_seconds,
            events[part],
            criteria,
            None
            if weight is None
            else [
                other_events(events, index, *weight)
                for index in range(len(events))[part]
            ],
        )


def _run(blocks, num_jobs, executor):
    """Results of `count_curves` in order, few blocks held at a time."""
    if executor is None and num_jobs == 1:
        yield from (count_curves(*block) for block in blocks)
        return
    with contextlib.ExitStack() as stack:
        if executor is None:
            # Threads share the scores, and numpy lets them run side by side.
            executor = stack.enter_context(ThreadPoolExecutor(num_jobs))
        pending = deque()
        for block in blocks:
            pending.append(executor.submit(count_curves, *block))
            if len(pending) >= num_jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _max_false(max_efpr, seconds):
    """The greatest number of false positives that is within `max_efpr`."""
    if max_efpr is None:
        return None
    number = int(max_efpr * seconds / 3600.0)
    while (number + 1) / seconds * 3600.0 <= max_efpr:
        number += 1
    while number / seconds * 3600.0 > max_efpr:
        number -= 1
    return number


def _check_settings(criteria, hop_seconds, max_efpr, backend, num_jobs):
    """Refuse settings without a meaning."""
    for name, value in {**criteria, "hop_seconds": hop_seconds}.items():
        if isinstance(value, (str, bytes)):
            raise ValueError(f"{name} is {value!r}: give a number")
    for name in ("dtc_threshold", "gtc_threshold"):
        if not 0 <= criteria[name] <= 1:
            raise ValueError(
                f"{name} is {criteria[name]}: a share lies between 0 and 1"
            )
    if not criteria["alpha_st"] >= 0:
        raise ValueError(f"alpha_st is {criteria['alpha_st']}: give 0 or more")
    if not hop_seconds > 0:
        raise ValueError(f"hop_seconds is {hop_seconds}: give a duration")
    if max_efpr is not None and not 0 < max_efpr < math.inf:
        raise ValueError(
            f"max_efpr is {max_efpr}: give false positives per hour, or None"
        )
    if backend not in _BACKENDS:
        raise ValueError(f"backend is {backend!r}: choose from {_BACKENDS}")
    if num_jobs < 1:
        raise ValueError(f"num_jobs is {num_jobs}: give 1 or more")


def _check_cross_triggers(cttc_threshold, alpha_ct):
    """Refuse a weight without a threshold."""
    if not 0 <= alpha_ct < math.inf:
        raise ValueError(f"alpha_ct is {alpha_ct}: give 0 or more")
    if cttc_threshold is not None and not 0 <= cttc_threshold <= 1:
        raise ValueError(
            f"cttc_threshold is {cttc_threshold}: a share lies between 0 and 1"
        )
    if alpha_ct and cttc_threshold is None:
        raise ValueError(
            f"alpha_ct is {alpha_ct}, but what a cross trigger is, is left "
            "open: give cttc_threshold"
        )
