"""Grounding: sed_scores_eval and a loop over files as references."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from sed_scores_eval import intersection_based

from speechbrain_opensed.metrics import GroundingStats
from speechbrain_opensed.metrics.grounding import (
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


def official_psds(scores, spans, durations, variant):
    share = VARIANTS[variant]
    psds, *_ = intersection_based.psds(
        {name: frames_of(track) for name, track in scores.items()},
        labelled(spans),
        durations,
        dtc_threshold=share,
        gtc_threshold=share,
        alpha_ct=0,
        alpha_st=0,
        max_efpr=800,
    )
    return psds


@pytest.mark.parametrize("variant", VARIANTS)
def test_psds_like_sed_scores_eval(variant):
    scores, spans, durations = make_phrases(3)
    expected = official_psds(scores, spans, durations, variant)
    found = grounding_psds(scores, spans, durations, HOP, variant=variant)
    assert 0 < found < 1 and found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_frames_behind_the_end_count(variant):
    """The official code scores all 64 frames of clips of any length."""
    rng = np.random.default_rng(5)
    scores, spans, durations = make_phrases(6)
    longer = {}
    for name, track in scores.items():
        behind = rng.random(64 - len(track)) * rng.choice([0.2, 0.9])
        longer[name] = np.float32(np.append(track, behind))
    durations["clip0_0"] = 10.0
    expected = official_psds(longer, spans, durations, variant)
    found = grounding_psds(longer, spans, durations, HOP, variant=variant)
    assert 0 < found < 1 and found == pytest.approx(expected, abs=1e-9)


def test_hops_and_units_are_still_compared():
    scores, spans, durations = make_phrases(7)
    longer = {n: np.append(t, np.zeros(64 - len(t))) for n, t in scores.items()}
    tens = dict.fromkeys(durations, 10.0)
    spans = {name: some[:1] for name, some in spans.items()}
    for wrong in (
        {"hop_seconds": HOP / 2, "durations": tens},
        {"hop_seconds": 2 * HOP, "durations": tens},
        {"durations": dict.fromkeys(durations, 10000.0)},
        {"scores": {name: track[:20] for name, track in longer.items()}},
        {"durations": {**tens, "clip0_0": 0}},
        {"durations": {"clip0_0": 10.0}},
        {"scores": {**longer, "clip0_0": longer["clip0_0"][:30]}},
    ):
        settings = {"scores": longer, "durations": tens, "hop_seconds": HOP}
        with pytest.raises(ValueError, match="'clip"):
            grounding_psds(spans=spans, **{**settings, **wrong})


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
    _, strict = threshold_auc(scores, spans, 1.0, join_seconds=3.0, share=0.6)
    # The span of "a" is missed: 2 of 3 found, and of 4 detections the two
    # of "b" lie on spans that are found.
    assert strict[20] == pytest.approx(4 / 7)
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
        grounding_psds(scores, spans, durations, HOP, variant="psds3")
    with pytest.raises(ValueError, match="have no scores, such as 'b'"):
        threshold_auc({"a": [0.5]}, {"b": [(0, 1)]}, HOP)


def test_th_auc_is_the_published_one():
    """Values of the original code on random phrases."""
    path = Path(__file__).parents[3] / "fixtures/th_auc.json"
    for case in json.loads(path.read_text()):
        scores = {name: np.array(s) for name, s in case["scores"].items()}
        area, _ = threshold_auc(scores, case["spans"], case["hop_seconds"])
        assert area == pytest.approx(case["th_auc"], abs=1e-9)


def test_short_clips_in_a_long_window():
    track = np.zeros(64)
    track[:6] = 0.9
    rest = ({"a": [(0.0, 1.0)]}, {"a": 2.0}, 0.15625)
    with pytest.raises(ValueError, match="64 frames"):
        grounding_psds({"a": track}, *rest)
    assert grounding_psds({"a": track}, *rest, window_seconds=10.0) == 1.0
    with pytest.raises(ValueError, match="64 frames"):
        grounding_psds({"a": track}, *rest, window_seconds=5.0)
