"""Text-to-audio grounding: when is it that a phrase of a caption is heard.

Each phrase of each clip is a file of its own with one class. Measures of
https://github.com/wsntxxn/TextToAudioGrounding, as FineLAP
(https://arxiv.org/abs/2604.01155) uses them.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.integrate import trapezoid

from lhotse_recipes.schema import merge_touching
from speechbrain_opensed.metrics.agreement import compare_durations
from speechbrain_opensed.metrics.filters import median_filter
from speechbrain_opensed.metrics.psds.compute import compute_psds
from speechbrain_opensed.metrics.summary import Stats, as_array

__all__ = ["GroundingStats", "grounding_psds", "threshold_auc"]

#: Share of a detection, and of an event, that must be common to both.
VARIANTS = {"psds2021": 0.5, "psds1": 0.7, "psds2": 0.1}
#: False positives per hour up to which PSDS looks.
MAX_EFPR = 800.0
THRESHOLDS = np.arange(1, 100, 2) / 100
_LABEL = "phrase"
# sed_scores_eval compares durations rounded to microseconds.
_DECIMALS = 6

Spans = Mapping[str, Sequence[tuple[float, float]]]


def grounding_psds(
    scores: Mapping[str, np.ndarray],
    spans: Spans,
    durations: Mapping[str, float],
    hop_seconds: float,
    *,
    variant: str = "psds2021",
    num_jobs: int = 1,
    window_seconds: float | None = None,
) -> float:
    """PSDS over all phrases as if they were files of one class.

    Scores are taken as they are, without a median filter, and up to 800
    false positives per hour count. A clip's seconds count once for each of
    its phrases. As in the official code, scores may go on behind a clip's
    end, to the end of the model's window: what is found there is false, while
    the hours are those of the clips.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames]` of each phrase of each clip, by a name of its own:
        as many as the clip has, or as the model's window has.
    spans : Mapping[str, list[tuple[float, float]]]
        When each is heard: onsets and offsets in seconds.
    durations : Mapping[str, float]
        Seconds of the clip of each.
    hop_seconds : float
        Duration of a frame.
    variant : str
        `psds2021`, `psds1` or `psds2`: by half, 0.7 or a tenth a detection
        must lie on the phrase, and cover it.
    num_jobs : int
        Threads.
    window_seconds : float, optional
        The model's window, to which clips are padded; without it, scores
        that are twice as long as all clips are taken for those of another
        hop.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the variant is unknown, names do not agree, or durations are not
        those of the scores.

    Example
    -------
    >>> scores = {"a_0": np.array([0.9, 0.8, 0.1, 0.1])}
    >>> grounding_psds(scores, {"a_0": [(0.0, 2.0)]}, {"a_0": 4.0}, 1.0)
    1.0
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"variant {variant!r} is unknown: choose from {list(VARIANTS)}"
        )
    share = VARIANTS[variant]
    scored = _seconds_scored(scores, durations, hop_seconds, window_seconds)
    # The rate is that of the clips, which may be shorter than their scores.
    hours = sum(durations[name] for name in scores) / sum(scored.values())
    return compute_psds(
        {name: np.asarray(track)[:, None] for name, track in scores.items()},
        {
            name: [(onset, offset, _LABEL) for onset, offset in of_phrase]
            for name, of_phrase in spans.items()
        },
        scored,
        [_LABEL],
        hop_seconds,
        dtc_threshold=share,
        gtc_threshold=share,
        max_efpr=MAX_EFPR * hours,
        num_jobs=num_jobs,
    ).psds


def _seconds_scored(scores, durations, hop_seconds, window_seconds):
    """Seconds of scores of each phrase, if they can be those of its clip."""
    frames = {name: len(np.asarray(track)) for name, track in scores.items()}
    missing = [
        name for name in scores if not 0 < durations.get(name, 0) < np.inf
    ]
    if missing:
        raise ValueError(
            f"the duration of {missing[0]!r} is "
            f"{durations.get(missing[0], 'missing')}: give it in seconds"
        )
    padded = {
        name: number
        for name, number in frames.items()
        if (number - 1) * hop_seconds > durations[name] + 1e-6
    }
    if window_seconds is not None:
        padded = {
            name: number
            for name, number in padded.items()
            if abs(number * hop_seconds - window_seconds) < hop_seconds
        }
    # All are padded to one window, of which some clip fills more than half:
    # else the hop is wrong.
    elif len(set(padded.values())) == 1:
        window = hop_seconds * next(iter(padded.values()))
        if max(durations[name] for name in scores) <= window / 2 + hop_seconds:
            padded = {}
    else:
        padded = {}
    whole = {n: number for n, number in frames.items() if n not in padded}
    compare_durations(whole, durations, hop_seconds)
    return {
        name: durations[name] if name in whole else number * hop_seconds
        for name, number in frames.items()
    }


def threshold_auc(
    scores: Mapping[str, np.ndarray],
    spans: Spans,
    hop_seconds: float,
    *,
    join_seconds: float = 0.5,
    share: float = 0.5,
) -> tuple[float, np.ndarray]:
    """Area below the F-score as a function of the threshold.

    At each of the 50 thresholds 0.01, 0.03, ..., 0.99 the scores above it
    are median-filtered over 3 frames and runs joined that are at most
    `join_seconds` apart, rounded up to frames. Recall is the share of spans
    of which `share` is covered by detections that lie on spans to `share`
    or more; precision that of detections of which `share` lies on spans that
    are covered to `share` or more. The area is that of the trapezoids from
    0.01 to 0.99, so that a perfect detector gets 0.98.

    Arguments
    ---------
    scores : Mapping[str, np.ndarray]
        Scores `[frames]` of each phrase of each clip, by a name of its own.
    spans : Mapping[str, list[tuple[float, float]]]
        When each is heard: onsets and offsets in seconds.
    hop_seconds : float
        Duration of a frame.
    join_seconds : float
        See above.
    share : float
        See above.

    Returns
    -------
    float
        The area, from 0 to 1.
    np.ndarray
        The F-scores, `[50]`.

    Raises
    ------
    ValueError
        If a name has no scores, or there is nothing to find.

    Example
    -------
    >>> scores = {"a_0": np.array([0.5, 0.5, 0.5, 0.0])}
    >>> round(threshold_auc(scores, {"a_0": [(0.0, 2.0)]}, 1.0)[0], 6)
    0.49
    """
    names = list(scores)
    rows = {name: row for row, name in enumerate(names)}
    unknown = [name for name in spans if name not in rows]
    if unknown:
        raise ValueError(
            f"{len(unknown)} phrases have no scores, such as {unknown[0]!r}"
        )
    truth = [
        (rows[name], onset, offset)
        for name in sorted(spans, key=rows.__getitem__)
        for onset, offset, _ in merge_touching(
            (onset, offset, "") for onset, offset in spans[name]
        )
    ]
    if not truth:
        raise ValueError(
            f"none of the {len(names)} phrases is heard: nothing to evaluate"
        )
    columns = tuple(np.array(column) for column in zip(*truth, strict=True))
    # The median of binary values is that of the scores, cut at the threshold.
    tracks = [
        median_filter(np.asarray(scores[name])[:, None], 3)[:, 0]
        for name in names
    ]
    files = np.repeat(np.arange(len(tracks)), [len(t) for t in tracks])
    starts = np.searchsorted(files, np.arange(len(tracks)))
    track = np.concatenate(tracks)
    gap = int(np.ceil(round(join_seconds / hop_seconds, 6)))
    scored = [
        _fscore(
            _runs(track > level, files, starts, gap, hop_seconds),
            columns,
            share,
        )
        for level in THRESHOLDS
    ]
    area = trapezoid(scored, THRESHOLDS)
    return float(area), np.array(scored)


def _runs(active, files, starts, gap, hop_seconds):
    """Detections of one threshold: file, onset, offset."""
    first = np.ones(len(files), bool)
    first[1:] = files[1:] != files[:-1]
    before = np.concatenate([[False], active[:-1]]) & ~first
    after = np.concatenate([active[1:], [False]])
    after[:-1] &= ~first[1:]
    begin = np.flatnonzero(active & ~before)
    end = np.flatnonzero(active & ~after) + 1
    alone = np.ones(len(begin) + 1, bool)
    alone[1:-1] = (files[begin[1:]] != files[end[:-1] - 1]) | (
        begin[1:] - end[:-1] > gap
    )
    begin, end = begin[alone[:-1]], end[alone[1:]]
    file = files[begin]
    base = starts[file]
    return file, (begin - base) * hop_seconds, (end - base) * hop_seconds


def _fscore(found, truth, share) -> float:
    """F-score of detections, sorted by file and time, against spans."""
    file, onset, offset = found
    true_file, true_onset, true_offset = truth
    # All pairs of one file: the spans of each detection's file in turn.
    low = np.searchsorted(true_file, file, "left")
    number = np.searchsorted(true_file, file, "right") - low
    detection = np.repeat(np.arange(len(file)), number)
    within = np.arange(len(detection)) - np.repeat(
        np.cumsum(number) - number, number
    )
    span = low[detection] + within
    common = np.minimum(offset[detection], true_offset[span]) - np.maximum(
        onset[detection], true_onset[span]
    )
    common = np.maximum(common, 0.0)
    length, true_length = offset - onset, true_offset - true_onset

    def covered(pairs):
        seconds = np.bincount(span, pairs, minlength=len(true_file))
        return _at_least(seconds, share * true_length)

    def lying(pairs):
        seconds = np.bincount(detection, pairs, minlength=len(file))
        return _at_least(seconds, share * length)

    right = lying(common)
    found = covered(common * right[detection]).mean()
    # Precision asks of a detection that it lies on spans that are covered.
    exact = lying(common * covered(common)[span]).mean() if len(file) else 0.0
    return 2 * exact * found / (exact + found) if exact + found else 0.0


def _at_least(seconds, needed):
    needed = np.round(needed, _DECIMALS)
    return np.round(seconds, _DECIMALS) >= needed


class GroundingStats(Stats):
    """Collects the scores of phrases, then compares with when they are heard.

    Arguments
    ---------
    hop_seconds : float
        Duration of a frame.
    num_jobs : int
        Threads.
    window_seconds : float, optional
        The model's window, to which clips are padded.

    Example
    -------
    >>> stats = GroundingStats(1.0)
    >>> track = np.array([0.9, 0.8, 0.1, 0.1])
    >>> stats.append(["a_0"], [track], [[(0.0, 2.0)]], [4.0])
    >>> stats.summarize("psds2021"), round(stats.summarize("th_auc"), 2)
    (1.0, 0.89)
    """

    def __init__(
        self,
        hop_seconds: float,
        num_jobs: int = 1,
        window_seconds: float | None = None,
    ):
        self.hop_seconds = hop_seconds
        self.window_seconds = window_seconds
        self.num_jobs = num_jobs
        super().__init__()

    def clear(self) -> None:
        """Forget everything."""
        self.scores: dict[str, np.ndarray] = {}
        self.spans: dict[str, list[tuple[float, float]]] = {}
        self.durations: dict[str, float] = {}
        self.summary: dict[str, float] = {}

    def append(
        self,
        ids: Sequence[str],
        scores: Sequence[Any],
        spans: Sequence[Sequence[tuple[float, float]]],
        durations: Sequence[float],
    ) -> None:
        """Add phrases.

        Arguments
        ---------
        ids : Sequence[str]
            A name for each phrase of each clip.
        scores : Sequence[torch.Tensor | np.ndarray]
            Probabilities `[frames]` of each, those behind the clip's end,
            up to that of the model's window, as well.
        spans : Sequence[Sequence[tuple[float, float]]]
            When each is heard: onsets and offsets in seconds.
        durations : Sequence[float]
            Seconds of the clip of each.

        Raises
        ------
        ValueError
            If a phrase came before.
        """
        for name, track, heard, seconds in zip(
            ids, scores, spans, durations, strict=True
        ):
            if name in self.scores:
                raise ValueError(f"phrase {name!r} came twice: scored already")
            self.scores[name] = as_array(track)
            self.spans[name] = [(float(on), float(off)) for on, off in heard]
            self.durations[name] = float(seconds)

    def compute(self) -> dict[str, float]:
        """Compare.

        Returns
        -------
        dict[str, float]
            `psds2021`, `psds1`, `psds2`, `th_auc`, and `phrases`.

        Raises
        ------
        ValueError
            If no phrase is heard in any clip.
        """
        summary: dict[str, float] = {
            variant: grounding_psds(
                self.scores,
                self.spans,
                self.durations,
                self.hop_seconds,
                variant=variant,
                num_jobs=self.num_jobs,
                window_seconds=self.window_seconds,
            )
            for variant in VARIANTS
        }
        summary["th_auc"], _ = threshold_auc(
            self.scores, self.spans, self.hop_seconds
        )
        summary["phrases"] = len(self.scores)
        return summary
