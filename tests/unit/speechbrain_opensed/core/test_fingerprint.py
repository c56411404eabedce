"""Other weights and other settings are another model."""

import numpy as np
import torch

from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    TableTextEncoder,
)
from speechbrain_opensed.lobes.text.learned import LearnedPhrases


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


def test_tables_of_text_encoders_count(tmp_path):
    plain = HashTextEncoder(dim=4)
    rows = [torch.arange(4.0), torch.ones(4)]
    one, two = (LearnedPhrases(plain, {"bell": row}) for row in rows)
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) == fingerprint(
        LearnedPhrases(HashTextEncoder(dim=4), {"bell": rows[0]})
    )
    # Nor does it count what was asked before.
    before = fingerprint(one)
    one(["bell", "rain"])
    assert fingerprint(one) == before
    tables = []
    for number, row in enumerate(rows):
        path = tmp_path / f"{number}.npz"
        np.savez(path, labels=["Dog"], embeddings=[row.numpy()])
        tables.append(TableTextEncoder(path))
        tables.append(TableTextEncoder(path, {"barking": "Dog"}))
    assert len({fingerprint(table) for table in tables}) == 4
