"""Steps are the best that there are."""

from itertools import combinations

import pytest
import torch

from speechbrain_opensed.lobes.piecewise import piecewise_constant


def cost_of(x, jumps, penalty):
    edges = [0, *jumps, len(x)]
    error = 0.0
    for start, stop in zip(edges, edges[1:], strict=False):
        part = x[start:stop]
        error += (part - part.mean()).square().sum().item()
    return error + penalty * len(jumps)


@pytest.mark.parametrize("penalty", [0.3, 1.0, 4.0])
def test_no_other_steps_cost_less(penalty):
    torch.manual_seed(0)
    tracks = torch.randn(5, 8).cumsum(-1)
    steps = piecewise_constant(tracks, penalty)
    for x, y in zip(tracks, steps, strict=True):
        jumps = [i for i in range(1, 8) if y[i] != y[i - 1]]
        found = (x - y).square().sum().item() + penalty * len(jumps)
        least = min(
            cost_of(x, cut, penalty)
            for count in range(8)
            for cut in combinations(range(1, 8), count)
        )
        assert found == pytest.approx(least, abs=1e-4)


def test_shape_type_and_nothing_to_do():
    tracks = torch.rand(2, 3, 7, dtype=torch.float32)
    assert piecewise_constant(tracks, 0.0) is tracks
    steps = piecewise_constant(tracks, 1e6)
    assert steps.shape == tracks.shape and steps.dtype == tracks.dtype
    torch.testing.assert_close(
        steps, tracks.mean(-1, keepdim=True).expand_as(tracks)
    )
    with pytest.raises(ValueError, match="penalty -1"):
        piecewise_constant(tracks, -1)
