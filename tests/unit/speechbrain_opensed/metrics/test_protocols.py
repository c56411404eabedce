"""The named settings, against sed_scores_eval with the same numbers."""

import numpy as np
import pytest
from sed_scores_eval import intersection_based

from speechbrain_opensed.metrics import (
    PROTOCOLS,
    PsdsStats,
    compute_psds,
    get_protocol,
    median_filter,
)
from speechbrain_opensed.metrics.protocols import best_fscores
from tests.sed_frames import sed_frame

HOP = 10 / 64
CLASSES = ["cat", "dog", "horn"]
DURATIONS = {f"clip{index}": 10.0 for index in range(8)}
# dtc and gtc, cttc, alpha_ct, alpha_st of FineLAP's evaluation.
TABLE = {
    ("desed", "PSDS1"): (0.7, None, 0.0, 1.0),
    ("urbansed", "PSDS1"): (0.7, None, 0.0, 1.0),
    ("audioset-strong", "PSDS1"): (0.7, None, 0.0, 0.0),
    ("desed", "PSDS2"): (0.1, 0.3, 0.5, 1.0),
    ("urbansed", "PSDS2"): (0.1, 0.3, 0.5, 1.0),
}


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    scores, truth = {}, {}
    for index, clip in enumerate(DURATIONS):
        track, truth[clip] = rng.random((64, 3)) / 2, []
        # The last two clips hold nothing.
        for column, label in enumerate(CLASSES if index < 6 else ()):
            onset, offset = np.sort(rng.uniform(0, 10, 2)).tolist()
            truth[clip].append((onset, offset, label))
            track[int(onset / HOP) : int(offset / HOP) + 1, column] += 0.25
        scores[clip] = median_filter(track.astype(np.float32), 3)
    return scores, truth


@pytest.mark.parametrize("name, variant", TABLE)
def test_settings_of_the_table(clips, name, variant):
    scores, truth = clips
    share, cttc, alpha_ct, alpha_st = TABLE[name, variant]
    heard = [clip for clip in scores if truth[clip]]
    expected, *_ = intersection_based.psds(
        {clip: sed_frame(scores[clip], HOP, CLASSES) for clip in heard},
        {clip: truth[clip] for clip in heard},
        {clip: DURATIONS[clip] for clip in heard},
        dtc_threshold=share,
        gtc_threshold=share,
        cttc_threshold=cttc,
        alpha_ct=alpha_ct,
        alpha_st=alpha_st,
        max_efpr=100,
    )
    settings = get_protocol(name)[variant]
    found = compute_psds(scores, truth, DURATIONS, CLASSES, HOP, **settings)
    assert 0 < found.psds < 1 and found.psds == pytest.approx(expected)
    assert found.settings["clips"] == 6


def test_psds2_is_only_where_the_table_has_it():
    assert list(PROTOCOLS["audioset-strong"].variants) == ["PSDS1"]
    with pytest.raises(ValueError, match="has no 'PSDS2': choose from"):
        PROTOCOLS["audioset-strong"]["PSDS2"]
    with pytest.raises(ValueError, match="'dcase' is unknown: choose from"):
        get_protocol("dcase")


def test_median_of_three_frames():
    frames = PROTOCOLS["desed"].median_frames
    assert (frames(10 / 64), frames(0.16)) == (3, 3)
    # FlexSED's frames last 40 ms: nine of them, and about 0.47 s.
    assert PROTOCOLS["flexsed"].median_frames(0.04) == 9
    assert frames(0.04) == 11


def test_stats_of_a_protocol(clips):
    scores, truth = clips
    protocol = get_protocol("desed")
    stats = PsdsStats(
        CLASSES,
        truth,
        HOP,
        groups={"pets": ["cat", "dog"]},
        median_frames=1,
        variants=protocol.settings(),
    )
    stats.append(list(scores), np.stack(list(scores.values())), [10.0] * 8)
    found = stats.summarize()
    for variant in ("PSDS1", "PSDS2"):
        result = compute_psds(
            scores, truth, DURATIONS, CLASSES, HOP, **protocol[variant]
        )
        assert found[variant] == result.psds
        group = result.group(["cat", "dog"]).psds
        assert found[f"{variant}_pets"] == group
    assert (found["clips"], found["classes"]) == (8, 3)


def test_best_fscores_leave_out_clips_without_events(clips):
    scores, truth = clips
    found = best_fscores(scores, truth, DURATIONS, CLASSES, HOP)
    kept = best_fscores(scores, truth, DURATIONS, CLASSES, HOP, True)
    assert 0 < kept["segment_F1"] <= found["segment_F1"] < 1
    perfect = {
        clip: np.array(
            [
                [
                    any(
                        label == name
                        and onset < (i + 1) * HOP
                        and offset > i * HOP
                        for onset, offset, label in truth[clip]
                    )
                    for name in CLASSES
                ]
                for i in range(64)
            ],
            np.float32,
        )
        for clip in scores
    }
    best = best_fscores(perfect, truth, DURATIONS, CLASSES, HOP)
    assert best["collar_F1"] == 1.0


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"alpha_ct": 0.5}, "give cttc_threshold"),
        ({"alpha_ct": -1}, "alpha_ct is -1: give 0 or more"),
        ({"cttc_threshold": 2}, "a share lies between 0 and 1"),
    ],
)
def test_cross_triggers_that_make_no_sense(clips, settings, words):
    scores, truth = clips
    with pytest.raises(ValueError, match=words):
        compute_psds(scores, truth, DURATIONS, CLASSES, HOP, **settings)
