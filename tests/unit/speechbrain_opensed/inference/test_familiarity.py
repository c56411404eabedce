"""Phrases that are far from all that a detector knows."""

import pytest
import torch

from speechbrain_opensed.inference.familiarity import Familiarity
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

KNOWN = [f"{a} {b}" for a in ("low", "high") for b in ("hum", "hiss", "bell")]
KNOWN += ["mid hum", "mid bell"]


@pytest.fixture
def familiarity():
    return Familiarity(KNOWN, HashTextEncoder(dim=64))


def test_new_combinations_are_near_and_other_words_far(familiarity):
    assert familiarity.far(["mid hiss", "low hum"]) == []
    assert familiarity.far(["tax return", "mid hiss"]) == ["tax return"]


def test_too_little_is_known_to_tell():
    assert Familiarity(KNOWN[:3], HashTextEncoder(dim=64)).far(["tax"]) == []


def test_known_phrases_are_embedded_once_and_only_when_needed():
    asked = []

    def embed(phrases):
        asked.append(list(phrases))
        return torch.eye(len(KNOWN) + 1)[: len(phrases)]

    familiarity = Familiarity(KNOWN, embed)
    familiarity.far(KNOWN)
    assert not asked
    familiarity.far(["tax"])
    familiarity.far(["tax"])
    assert asked == [sorted(KNOWN), ["tax"], ["tax"]]
