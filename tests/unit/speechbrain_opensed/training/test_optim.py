"""Optimizers by name, in the training loop."""

from functools import partial

import pytest
import torch

from speechbrain_opensed.training import OpenSEDBrain
from speechbrain_opensed.training.optim import adafactor_or_adamw


class Regression(OpenSEDBrain):
    def compute_forward(self, batch, stage):
        return self.modules.model(batch[0])

    def compute_objectives(self, predictions, batch, stage):
        return (predictions - batch[1]).square().mean()


@pytest.mark.parametrize("name, change", [("adafactor", 1e-6), ("adamw", 0.01)])
def test_steps_are_of_the_optimizers_size(name, change):
    model = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(model.weight)
    brain = Regression(
        {"model": model}, partial(adafactor_or_adamw, name=name, lr=0.01)
    )
    data = [(torch.ones(4, 2), torch.zeros(4, 1))]
    brain.fit(range(1), data, progressbar=False)
    # Adafactor warms up from 1e-6, relative to the weights.
    assert (1 - model.weight).max().item() == pytest.approx(change, rel=0.2)
    assert brain.optimizer.param_groups[0]["lr"] == 0.01


def test_unknown_optimizers_are_refused():
    with pytest.raises(ValueError, match="'sgd': choose from 'adafactor' and"):
        adafactor_or_adamw([torch.nn.Parameter(torch.ones(1))], "sgd", 0.1)
