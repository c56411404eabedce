"""Prompt learners have the sizes of the papers, and their layout."""

import pytest
import torch

from speechbrain_opensed.lobes.prompts import (
    PALM,
    CoCoOp,
    CoOp,
    DePT,
)
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower


class Stub(AudioLanguageModel):
    """Of any width, without an encoder."""

    max_tokens, sample_rate = 40, 8000
    start_id, end_id, pad_id = 0, 1, 2
    logit_scale = torch.tensor(100.0)

    def __init__(self, width, embed_dim):
        super().__init__(torch.nn.Embedding(128, width))
        self.width, self.embed_dim = width, embed_dim

    def token_ids(self, texts):
        return [[ord(c) for c in text] for text in texts]

    def embed_tokens(self, ids):
        return self.model(ids)

    def text_features(self, embeds, mask):
        total = (embeds * mask[..., None]).sum(dim=1)
        return total.repeat(1, 2)[:, : self.embed_dim]


PENGI, CLAP = (512, 1024), (768, 512)


@pytest.mark.parametrize(
    "make, dims, classes, expected",
    [
        (CoOp, PENGI, 10, 8_192),
        (CoOp, CLAP, 10, 12_288),
        (CoCoOp, PENGI, 10, 107_072),
        (CoCoOp, CLAP, 10, 54_048),
        (DePT, PENGI, 25, 37_913),
        (DePT, CLAP, 25, 12_288 + 2_048 + 513 * 25),
        (PALM, PENGI, 10, 10_250),
        (PALM, CLAP, 10, 5_130),
    ],
)
def test_parameter_counts_are_the_papers(make, dims, classes, expected):
    learner = make(Stub(*dims), [f"class {i}" for i in range(classes)])
    assert learner.num_trainable() == expected
    assert sum(p.numel() for p in learner.parameters()) == expected


def test_the_other_head_has_the_parameters_that_sept_counts():
    names = [f"class {i}" for i in range(50)]
    learner = DePT(Stub(*PENGI), names, head="feature")
    assert learner.num_trainable() == 114_738


def test_contexts_are_drawn_as_wide_as_in_the_paper():
    ctx = CoOp(Stub(*CLAP), ["rain"], context=16).ctx
    assert ctx.std().item() == pytest.approx(0.02, rel=0.05)
    assert PALM(Stub(*CLAP), ["rain", "dog"]).ctx.std().item() == (
        pytest.approx(0.02, rel=0.1)
    )


def test_the_ending_follows_the_name():
    tower = FineLAPTower.tiny()
    stub = Stub(8, 8)
    learner = CoOp(stub, ["Dog"], context=2)
    embeds, mask = learner.prompts(["Dog"])
    said = stub.embed_tokens(torch.tensor([ord(c) for c in " dog."]))
    assert torch.equal(embeds[0, 3:8], said)
    assert mask.tolist() == [[1] * 9]
    # Words alone count for a tokenizer that has no full stop.
    a = CoOp(tower, ["Dog"], context=2).class_embeds()
    b = CoOp(tower, ["Dog"], context=2, ending="").class_embeds()
    assert torch.equal(a, b)
