"""Checkpoints are known by their tensors."""

import pytest
import torch

from speechbrain_opensed.checkpoints import (
    load_dasheng,
    load_eat,
    load_finelap,
    load_flexsed,
    load_mobilenet,
    load_strict,
)
from speechbrain_opensed.checkpoints.recognize import recognize
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED

TINY = dict(embed_dim=16, depth=2, num_heads=2)
MAKE = {
    "Dasheng": lambda: Dasheng(**TINY),
    "FlexSED": lambda: FlexSED(**TINY, ft_blocks=1),
    "FineLAP": FineLAP.tiny,
    "EAT": lambda: EAT(**TINY),
    "MobileNet": lambda: MobileNet(0.1),
}
LOAD = {
    "Dasheng": load_dasheng,
    "FlexSED": load_flexsed,
    "FineLAP": load_finelap,
    "EAT": load_eat,
    "MobileNet": load_mobilenet,
}


@pytest.mark.parametrize("model, make", MAKE.items())
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


@pytest.mark.parametrize("wanted", LOAD)
@pytest.mark.parametrize("given", MAKE)
def test_another_model_is_called_by_its_name(given, wanted):
    state = MAKE[given]().state_dict()
    if given == wanted:
        return
    words = f"weights of {given}, not of {wanted}: .* load_{given.lower()}"
    with pytest.raises(ValueError, match=words):
        LOAD[wanted](state)
    # As do recipes, which have a model of their own sizes already.
    with pytest.raises(ValueError, match=words):
        load_strict(MAKE[wanted](), state)


@pytest.mark.parametrize("wanted", LOAD)
@pytest.mark.parametrize(
    "names",
    [
        ["unet.down_blocks.0.conv.weight", "text_encoder.block.0.q.weight"],
        ["encoder.down.0.conv.weight", "quant_conv.weight", "vocoder.bias"],
    ],
    ids=["main", "vae"],
)
def test_files_of_tango_are_called_so(names, wanted):
    state = dict.fromkeys(names, torch.ones(1))
    with pytest.raises(ValueError, match=f"weights of Tango, not of {wanted}"):
        LOAD[wanted](state)
