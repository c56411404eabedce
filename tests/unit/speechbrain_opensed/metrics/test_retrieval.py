"""Retrieval: hand-computed numbers, and a naive search as reference."""

import io

import numpy as np
import pytest
import torch

from speechbrain_opensed.metrics import RetrievalStats
from speechbrain_opensed.metrics.retrieval import (
    retrieval_ranks,
    retrieval_scores,
)


def naive_ranks(similarity, owners):
    """What comes before a right answer, one by one."""
    to_audio, to_text = [], []
    for caption, clip in enumerate(owners):
        own = similarity[clip, caption]
        to_audio.append(
            sum(
                other != clip and similarity[other, caption] >= own
                for other in range(len(similarity))
            )
        )
        before = 0
        for other, owner in enumerate(owners):
            value = similarity[clip, other]
            if owner != clip:
                before += value >= own
            else:
                before += value > own or (value == own and other < caption)
        to_text.append(before)
    return np.array(to_audio), np.array(to_text)


def naive_scores(similarity, owners):
    to_audio, to_text = naive_ranks(similarity, owners)
    best, precisions = [], []
    for clip in sorted(set(owners)):
        ranks = sorted(to_text[np.array(owners) == clip])
        best.append(ranks[0])
        hits = [
            (place + 1) / (rank + 1)
            for place, rank in enumerate(ranks)
            if rank < 10
        ]
        precisions.append(sum(hits) / min(10, len(ranks)))
    found = {}
    for name, ranks in (("T2A", to_audio), ("A2T", np.array(best))):
        for depth in (1, 5, 10, 50):
            found[f"{name}_R@{depth}"] = np.mean(ranks < depth)
        found[f"{name}_medR"] = np.floor(np.median(ranks)) + 1
        found[f"{name}_meanR"] = np.mean(ranks) + 1
    found["T2A_mAP10"] = np.mean([1 / (r + 1) * (r < 10) for r in to_audio])
    found["A2T_mAP10"] = np.mean(precisions)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_like_the_naive_search(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 14, 30) if seed % 2 else np.full(30, 5)
    owners = rng.permutation(np.repeat(np.arange(30), counts))
    similarity = rng.normal(size=(30, len(owners)))
    if seed > 2:  # many that are alike
        similarity = similarity.round(0)
    similarity[owners, np.arange(len(owners))] += 1
    for fast, slow in zip(
        retrieval_ranks(similarity, owners),
        naive_ranks(similarity, owners),
        strict=True,
    ):
        np.testing.assert_array_equal(fast, slow)
    expected = naive_scores(similarity, list(owners))
    assert retrieval_scores(similarity, owners) == pytest.approx(expected)


def test_by_hand():
    # Clip 0 has the captions 0 to 2, clip 1 has caption 3.
    similarity = np.array([[0.9, 0.2, 0.6, 0.7], [0.1, 0.3, 0.8, 0.5]])
    scores = retrieval_scores(similarity, np.array([0, 0, 0, 1]))
    # Right, beaten by 0.3, beaten by 0.8, beaten by 0.7.
    assert scores["T2A_R@1"] == 1 / 4 and scores["T2A_R@5"] == 1
    assert scores["T2A_medR"] == 2 and scores["T2A_meanR"] == 1.75
    assert scores["T2A_mAP10"] == (1 + 3 / 2) / 4
    # Places of clip 0: 1, 3, 4; of clip 1: 2.
    assert scores["A2T_R@1"] == 1 / 2 and scores["A2T_meanR"] == 1.5
    assert scores["A2T_medR"] == 1  # floor of the median 0.5, plus 1
    expected = ((1 + 2 / 3 + 3 / 4) / 3 + 1 / 2) / 2
    assert scores["A2T_mAP10"] == pytest.approx(expected)


def test_a_model_that_tells_nothing_apart_finds_nothing():
    stats = RetrievalStats()
    stats.append(list("abc"), torch.ones(3, 4), torch.ones(6, 4), [2, 2, 2])
    scores = stats.summarize()
    assert scores["T2A_R@1"] == scores["A2T_R@1"] == 0
    assert (scores["T2A_meanR"], scores["A2T_meanR"]) == (3, 5)


def test_batches_lengths_and_clips_without_captions():
    rng = np.random.default_rng(0)
    clips, captions = rng.normal(size=(4, 8)), rng.normal(size=(6, 8))
    stats = RetrievalStats()
    stats.append(["a", "b"], 5 * clips[:2], captions[:4], [3, 1])
    stats.append(["c", "d"], torch.tensor(clips[2:]), captions[4:], [0, 2])
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True)
            for x in (clips, captions)]  # fmt: skip
    expected = retrieval_scores(unit[0] @ unit[1].T, [0, 0, 0, 1, 3, 3])
    found = stats.summarize()
    assert (found.pop("clips"), found.pop("captions")) == (4, 6)
    assert found == pytest.approx(expected)
    text = io.StringIO()
    stats.write_stats(text)
    assert f"A2T_R@1: {expected['A2T_R@1']}\n" in text.getvalue()
    stats.clear()
    with pytest.raises(ValueError, match="nothing to retrieve"):
        stats.summarize()


def test_what_does_not_fit():
    stats = RetrievalStats()
    stats.append(["a"], np.ones((1, 2)), np.ones((1, 2)), [1])
    with pytest.raises(ValueError, match="came twice, such as 'a'"):
        stats.append(["a"], np.ones((1, 2)), np.ones((1, 2)), [1])
    with pytest.raises(ValueError, match="counts make 3"):
        stats.append(["b"], np.ones((1, 2)), np.ones((2, 2)), [3])
    with pytest.raises(ValueError, match="clip 0 and caption 1 is nan"):
        retrieval_ranks(np.array([[1.0, np.nan]]), np.array([0, 0]))
    with pytest.raises(ValueError, match="there are 1 clips"):
        retrieval_ranks(np.ones((1, 1)), np.array([1]))
