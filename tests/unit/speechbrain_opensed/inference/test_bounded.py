"""What a model asks for is counted before it is made."""

import pytest
import torch

from speechbrain_opensed.inference.bounded import BoundedSizes


def test_numbers_are_counted_before_memory_is_asked_for():
    with pytest.raises(ValueError, match="more than 2000000000 numbers"):
        with BoundedSizes():
            torch.nn.Linear(10_000_000, 10_000_000)


def test_so_are_tensors():
    with pytest.raises(ValueError, match="more than 20 tensors"):
        with BoundedSizes(most_tensors=20):
            torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(20))


def test_what_fits_is_as_without():
    layers = []
    for bound in (BoundedSizes(), torch.no_grad()):
        torch.manual_seed(0)
        with bound:
            layers.append(torch.nn.Linear(3, 2))
    assert torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (lambda: torch.zeros((2, 3)), 6),
        (lambda: torch.empty(size=(2, 3), device="cpu"), 6),
        (lambda: torch.arange(2, 9, 2), 4),
        (lambda: torch.rand(3, generator=torch.Generator()), 3),
        (lambda: torch.full((4,), 1.0, dtype=torch.float64), 4),
    ],
)
def test_all_ways_to_make_one_count(make, numbers):
    with BoundedSizes() as bound:
        assert make().numel() == bound.numbers == numbers
