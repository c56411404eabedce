"""Zero-shot classification: by hand, and against scikit-learn."""

import io

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    recall_score,
)

from speechbrain_opensed.metrics import ClassificationStats
from speechbrain_opensed.metrics.classification import (
    average_precisions,
    classification_scores,
)


@pytest.mark.parametrize("seed", range(4))
def test_like_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 5, 60)
    scores = rng.normal(size=(60, 5)).round(1 if seed % 2 else 9)
    scores[np.arange(60), targets] += 1
    found = classification_scores(scores, targets)
    answers = scores.argmax(axis=1)
    assert found["accuracy"] == accuracy_score(targets, answers)
    recall = recall_score(targets, answers, average=None)
    np.testing.assert_allclose(found["recall"], recall)
    assert found["mean_recall"] == pytest.approx(recall.mean())
    several = rng.random((60, 5)) < 0.3
    for column, value in enumerate(average_precisions(scores, several)):
        assert value == pytest.approx(
            average_precision_score(several[:, column], scores[:, column])
        )


def test_several_tags_by_hand():
    scores = [[0.9, 0.5, 0.1], [0.2, 0.7, 0.6], [0.8, 0.1, 0.3]]
    targets = [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    found = classification_scores(np.array(scores), np.array(targets))
    assert found["accuracy"] == pytest.approx(2 / 3)
    # Of two clips with the first class, both named it first.
    np.testing.assert_array_equal(found["recall"], [1, 0, 0])
    np.testing.assert_array_equal(found["average_precision"], [1, 0.5, 1])
    assert found["mAP"] == pytest.approx(2.5 / 3)


def test_stats():
    stats = ClassificationStats(["dog", "rain", "wind"])
    stats.append(["a"], torch.tensor([[0.9, 0.5, 0.1]]), [["dog", "rain"]])
    stats.append(["b"], [[0.9, 0.5, 0.1]], [["rain"]])
    assert stats.summarize("accuracy") == 0.5
    assert stats.summarize() == {
        "accuracy": 0.5,
        "mean_recall": 0.5,
        "mAP": 0.75,
        "clips": 2,
        "classes": 3,
    }
    assert stats.per_class["rain"] == {
        "clips": 2, "recall": 0.0, "average_precision": 1.0
    }  # fmt: skip
    text = io.StringIO()
    stats.write_stats(text)
    assert text.getvalue().splitlines()[-2:] == [
        "rain\t2\t0.0000\t1.0000",
        "wind\t0\tnan\tnan",
    ]
    with pytest.raises(ValueError, match="came twice, such as 'a'"):
        stats.append(["a"], [[0.9, 0.5, 0.1]], [["dog"]])
    with pytest.raises(ValueError, match="clip 'c' has the class 'cat'"):
        stats.append(["c"], [[0.9, 0.5, 0.1]], [["cat"]])
    stats.clear()
    with pytest.raises(ValueError, match="nothing to classify"):
        stats.summarize()


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="each clip needs one"):
        classification_scores(np.ones((2, 2)), np.array([0, 2]))
    with pytest.raises(ValueError, match="clip 1 has a score that is no"):
        classification_scores(np.array([[1, 2], [np.nan, 1]]), np.array([0, 1]))
    with pytest.raises(ValueError, match="give \\[clips, classes\\]"):
        classification_scores(np.ones((2, 2)), np.array([0]))
