"""Gates of adaptive blocks, by hand, where they are not zero."""

import math

import pytest
import torch

from speechbrain_opensed.lobes.transformer import GATES, AdaptiveBlock


@pytest.mark.parametrize(
    "gate, factor",
    [
        ("tanh_one_minus", math.tanh(0.6)),
        ("one", 1.4),
        ("zero", 0.4),
    ],
)
@torch.no_grad()
def test_the_gate_multiplies_each_branch(gate, factor):
    torch.manual_seed(0)
    block = AdaptiveBlock(8, num_heads=2, gate=gate).double()
    # No query changes the norms, all gates are 0.4.
    bias = torch.zeros(6, 8, dtype=torch.double)
    bias[[1, 4]] = 0.4
    block.adaln.bias.copy_(bias.flatten())
    x = torch.rand(2, 5, 8, dtype=torch.double)
    after = x + factor * block.attn(block.norm1(x))
    after = after + factor * block.mlp(block.norm2(after))
    out = block(x, torch.rand(2, 8, dtype=torch.double))
    torch.testing.assert_close(out, after, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_scale_and_shift_act_before_the_branch():
    torch.manual_seed(0)
    block = AdaptiveBlock(8, num_heads=2, gate="one").double()
    # scale, gate, shift of attention, then of the MLP.
    values = torch.tensor([0.5, 0.0, -0.25, -0.5, 0.0, 0.75]).double()
    block.adaln.bias.copy_(values.repeat_interleave(8))
    x = torch.rand(2, 5, 8, dtype=torch.double)
    after = x + block.attn(block.norm1(x) * 1.5 - 0.25)
    after = after + block.mlp(block.norm2(after) * 0.5 + 0.75)
    out = block(x, torch.rand(2, 8, dtype=torch.double))
    torch.testing.assert_close(out, after, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "gate, factor", [("tanh_one_minus", -0.7615942), ("one", 3), ("zero", 2)]
)
def test_gates_of_two(gate, factor):
    found = GATES[gate](torch.tensor(2.0)).item()
    assert found == pytest.approx(factor, rel=1e-6)
