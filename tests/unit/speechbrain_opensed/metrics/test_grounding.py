"""Grounding: sed_scores_eval and a loop over files as references."""

import io

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.ndimage import median_filter as scipy_median
from sed_scores_eval import intersection_based

from speechbrain_opensed.metrics import GroundingStats
from speechbrain_opensed.metrics.grounding import (
    THRESHOLDS,
    VARIANTS,
    grounding_psds,
    threshold_auc,
)
from tests.sed_frames import sed_frame

HOP = 10 / 64


def make_phrases(seed, number=25):
    """Noisy scores around random spans; some phrases are not heard."""
    rng = np.random.default_rng(seed)
    scores, spans, durations = {}, {}, {}
    for index in range(number):
        name = f"clip{index // 3}_{index}"
        frames = int(rng.integers(1, 64))
        durations[name] = frames * HOP
        edges = np.sort(rng.uniform(0, frames * HOP, 2 * rng.integers(0, 4)))
        spans[name] = [tuple(pair) for pair in edges.reshape(-1, 2).tolist()]
        track = rng.random(frames)
        for onset, offset in spans[name]:
            track[int(onset / HOP) : int(offset / HOP) + 1] += 0.6
        scores[name] = (track / 1.6).astype(np.float32)
    return scores, spans, durations


def frames_of(binary):
    return sed_frame(np.asarray(binary)[:, None], HOP, ["phrase"])


def labelled(spans):
    return {
        name: [(onset, offset, "phrase") for onset, offset in of_phrase]
        for name, of_phrase in spans.items()
    }


def naive_detections(track, level):
    """Runs above a threshold, filtered and joined, one frame at a time."""
    active = scipy_median((track > level).astype(int), 3)
    runs = []
    for frame, value in enumerate(active):
        if not value:
            continue
        if runs and frame - runs[-1][1] <= 4:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    return runs


@pytest.mark.parametrize("seed", range(2))
def test_threshold_auc_like_sed_scores_eval(seed):
    scores, spans, _ = make_phrases(seed, number=15)
    area, curve = threshold_auc(scores, spans, HOP)
    expected = []
    for level in THRESHOLDS[seed::7]:
        tracks = {}
        for name, track in scores.items():
            binary = np.zeros(len(track))
            for first, end in naive_detections(track, level):
                binary[first:end] = 1
            tracks[name] = frames_of(binary)
        fscore, *_ = intersection_based.fscore(
            tracks,
            labelled(spans),
            0.5,
            dtc_threshold=0.5,
            gtc_threshold=0.5,
        )
        expected.append(fscore["phrase"])
    np.testing.assert_allclose(curve[seed::7], expected, atol=1e-12)
    # Constant beyond its ends, the curve has that area over [0, 1].
    points = np.concatenate([[0], THRESHOLDS, [1]])
    values = np.concatenate([curve[:1], curve, curve[-1:]])
    assert 0 < area < 1 and area == pytest.approx(trapezoid(values, points))


@pytest.mark.parametrize("variant", VARIANTS)
def test_psds_like_sed_scores_eval(variant):
    scores, spans, durations = make_phrases(3)
    share = VARIANTS[variant]
    expected, *_ = intersection_based.psds(
        {name: frames_of(track) for name, track in scores.items()},
        labelled(spans),
        durations,
        dtc_threshold=share,
        gtc_threshold=share,
        alpha_ct=0,
        alpha_st=0,
        max_efpr=800,
    )
    found = grounding_psds(scores, spans, durations, HOP, variant)
    assert 0 < found < 1 and found == pytest.approx(expected, abs=1e-9)


def test_gaps_and_files_by_hand():
    # Two runs four frames apart are joined, and nothing across files.
    track = np.array([0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9])
    spans = {"a": [(0.0, 8.0)], "b": [(0.0, 2.0), (6.0, 8.0)]}
    scores = {"a": track, "b": track}
    _, joined = threshold_auc(scores, spans, 1.0, join_seconds=4.0)
    # One detection in each file is right; it finds all.
    assert joined[20] == 1.0
    _, apart = threshold_auc(scores, spans, 1.0, join_seconds=3.0)
    # All detections are right; in "a" they cover exactly half.
    assert apart[20] == 1.0
    _, strict = threshold_auc(scores, spans, 1.0, 3.0, share=0.6)
    # The span of "a" is missed: 2 of 3 found, nothing false.
    assert strict[20] == pytest.approx(4 / 5)
    assert joined[-1] == 0.0


def test_stats():
    scores, spans, durations = make_phrases(4)
    names = list(scores)
    stats = GroundingStats(HOP)
    for part in (names[:10], names[10:]):
        stats.append(
            part,
            [scores[name] for name in part],
            [spans[name] for name in part],
            [durations[name] for name in part],
        )
    found = stats.summarize()
    assert found["phrases"] == len(names)
    assert found["th_auc"] == threshold_auc(scores, spans, HOP)[0]
    assert found["psds2021"] == grounding_psds(scores, spans, durations, HOP)
    assert found["psds2"] >= found["psds2021"] >= found["psds1"]
    text = io.StringIO()
    stats.write_stats(text)
    assert f"psds2021: {found['psds2021']}\n" in text.getvalue()
    with pytest.raises(ValueError, match="came twice: scored already"):
        stats.append(names[:1], [[0.5]], [[]], [1.0])
    stats.clear()
    stats.append(["a"], [[0.5]], [[]], [HOP])
    with pytest.raises(ValueError, match="nothing to evaluate"):
        stats.summarize()
    with pytest.raises(ValueError, match="choose from"):
        grounding_psds(scores, spans, durations, HOP, "psds3")
    with pytest.raises(ValueError, match="have no scores, such as 'b'"):
        threshold_auc({"a": [0.5]}, {"b": [(0, 1)]}, HOP)
