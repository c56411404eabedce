"""Other weights and other settings are another model."""

import torch

from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder


class Window(torch.nn.Module):
    def __init__(self, hop, values=(1.0, 2.0)):
        super().__init__()
        self.hop = hop
        self.heard = 0
        window = torch.tensor(values)
        self.register_buffer("window", window, persistent=False)


def test_every_weight_is_seen():
    model = torch.nn.BatchNorm1d(3)
    seen = {fingerprint(model)}
    with torch.no_grad():
        model.running_mean[2] += 1e-6
    seen.add(fingerprint(model))
    seen.add(fingerprint(model.half()))
    seen.add(fingerprint(model, "settings"))
    assert len(seen) == 4


def test_settings_without_weights_are_seen():
    models = [
        Window(1),
        Window(2),
        Window(1, (1.0, 3.0)),
        torch.nn.Sequential(Window(1)),
        HashTextEncoder(dim=8),
        HashTextEncoder(dim=8, seed=1),
    ]
    assert len({fingerprint(model) for model in models}) == len(models)


def test_what_happens_to_a_model_is_no_setting():
    model = Window(1)
    before = fingerprint(model)
    model.heard = 3
    assert fingerprint(model.eval()) == before == fingerprint(Window(1))
