"""Encoders that generated sound is judged by; others are in test_stats."""

import numpy as np
import pytest
import torch

from lhotse_recipes.sound import mono_blocks
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.metrics.generation.evaluators import build_evaluator
from speechbrain_opensed.metrics.generation.stats import GenerationStats


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mn01_as_mAP_000.pt"
    torch.save(MobileNet(width=0.1, num_tags=7).state_dict(), path)
    return path


def test_a_mobilenet_embeds_and_tags(weights):
    judge = build_evaluator(f"mobilenet={weights}")
    heard = judge(torch.rand(3, 32000) - 0.5)
    torch.testing.assert_close(judge.model(torch.zeros(1, 32000)).shape[1], 7)
    assert heard.embedding.shape[0] == 3 and heard.logits.shape == (3, 7)
    tags = judge.model.classifier(heard.embedding)
    torch.testing.assert_close(heard.logits, tags)
    judge.train()
    assert not judge.model.training  # batch norm keeps its statistics
    assert judge(torch.rand(1, 9)).embedding.isfinite().all()


def test_scores_are_by_the_tags(weights):
    torch.manual_seed(1)
    stats = GenerationStats({"mn": build_evaluator(f"mobilenet={weights}")})
    ids, sounds = [str(i) for i in range(6)], torch.rand(6, 32000) - 0.5
    stats.append(ids, sounds)
    stats.append(ids, sounds, "real")
    scores = stats.summarize()
    same = [x for name, x in scores.items() if "FD" in name or "KL" in name]
    assert len(same) >= 2 and same == pytest.approx([0.0] * len(same), abs=1e-4)


def test_missing_weights_say_where_they_are():
    with pytest.raises(FileNotFoundError, match="EfficientAT/releases"):
        build_evaluator("mobilenet=mn04_nowhere.pt")


def test_a_real_tagger_tells_sounds_apart(shared_data):
    weights = shared_data.parent / "weights" / "mn04_as_mAP_432.pt"
    if not weights.is_file():
        pytest.skip("no weights of mn04 beside the recordings")
    judge = build_evaluator(f"mobilenet={weights}")
    heard = 0
    for path in sorted((shared_data / "events" / "dog_bark").iterdir())[:10]:
        wave = np.concatenate(list(mono_blocks(path, 32000)))
        tags = judge(torch.from_numpy(wave)[None]).logits[0]
        # Animal, domestic animals, dog and bark.
        heard += bool({72, 73, 74, 75} & set(tags.topk(3).indices.tolist()))
    assert heard >= 7
