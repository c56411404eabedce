"""Checkpoints are known by their tensors."""

import pytest

from speechbrain_opensed.checkpoints.recognize import recognize
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED

TINY = dict(embed_dim=16, depth=2, num_heads=2)


@pytest.mark.parametrize(
    "model, make",
    [
        ("Dasheng", lambda: Dasheng(**TINY)),
        ("FlexSED", lambda: FlexSED(**TINY, ft_blocks=1)),
        ("FineLAP", FineLAP.tiny),
        ("EAT", lambda: EAT(**TINY)),
        ("MobileNet", lambda: MobileNet(0.1)),
    ],
)
def test_our_modules_are_recognized(model, make):
    assert recognize(make().state_dict()) == model


@pytest.mark.parametrize(
    "model, file",
    [
        ("FlexSED", "flexsed_state_dict.txt"),
        ("FineLAP", "finelap_state_dict.txt"),
        ("Dasheng", "dasheng_encoder_state_dict.txt"),
        ("MobileNet", "mn04_state_dict.txt"),
    ],
)
def test_released_layouts_are_recognized(shared_data, model, file):
    text = (shared_data.parent / "parity" / file).read_text()
    names = [
        line.split()[0]
        for line in text.splitlines()
        if line and not line.startswith("#")
    ]
    assert recognize(names) == model


def test_others_are_not():
    assert recognize(["weight", "bias"]) is None
    assert recognize([]) is None
