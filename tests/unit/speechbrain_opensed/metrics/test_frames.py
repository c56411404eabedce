"""Frame AUROC, with scikit-learn and sed_scores_eval as references."""

import numpy as np
import pytest
from sed_scores_eval import segment_based
from sklearn.metrics import roc_auc_score

from speechbrain_opensed.metrics.frames import frame_auroc
from tests.sed_frames import sed_frame

HOP = 0.25
CLASSES = ["cat", "dog", "owl"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 6])
def test_like_scikit_learn_and_sed_scores_eval(seed, decimals):
    rng = np.random.default_rng(seed)
    scores, truth, durations, active = {}, {}, {}, {}
    for clip in "abcd":
        frames = int(rng.integers(20, 60))
        durations[clip] = frames * HOP
        scores[clip] = rng.random((frames, 3)).round(decimals)
        scores[clip] = scores[clip].astype(np.float32)
        active[clip] = np.zeros((frames, 3), int)
        truth[clip] = []
        for column, label in enumerate(CLASSES[:2]):
            for begin in (0, durations[clip] / 2):
                onset = begin + rng.uniform(0, durations[clip] / 2 - 1.1)
                offset = onset + rng.uniform(0.05, 1)
                truth[clip].append((onset, offset, label))
                first, last = int(onset // HOP), int(-(-offset // HOP))
                active[clip][first:last, column] = 1
                scores[clip][first:last, column] += np.float32(0.125)
    found = frame_auroc(scores, truth, durations, CLASSES, HOP)
    assert list(found) == ["cat", "dog"]
    whole = np.concatenate(list(scores.values()))
    labels = np.concatenate(list(active.values()))
    for column, label in enumerate(found):
        expected = roc_auc_score(labels[:, column], whole[:, column])
        assert found[label] == pytest.approx(expected, abs=1e-12)
    theirs, _ = segment_based.auroc(
        {
            clip: sed_frame(array[:, :2], HOP, CLASSES[:2])
            for clip, array in scores.items()
        },
        truth,
        durations,
        segment_length=HOP,
        max_fpr=None,
    )
    for label, area in found.items():
        assert area == pytest.approx(theirs[label], abs=1e-6)


def test_a_class_in_all_frames_has_no_area():
    found = frame_auroc(
        {"a": np.ones((4, 1))}, {"a": [(0, 4, "dog")]}, {"a": 4.0}, ["dog"], 1.0
    )
    assert np.isnan(found["dog"])
