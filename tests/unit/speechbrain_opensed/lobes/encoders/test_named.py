"""Encoders are chosen by name, and their weights with them."""

import pytest
import torch

from speechbrain_opensed.checkpoints import load_encoder
from speechbrain_opensed.lobes.encoders.named import (
    ENCODERS,
    adopt,
    detector_hop,
    encoder_rate,
    make_encoder,
)
from speechbrain_opensed.lobes.query_sed import QuerySED
from speechbrain_opensed.lobes.track_sed import TrackSED
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import BEATS, HTS

SMALL = {
    "mn01": {"num_tags": 3},
    "dasheng": {"embed_dim": 16, "depth": 1, "num_heads": 2},
    "eat": {"embed_dim": 16, "depth": 1, "num_heads": 2},
    "htsat": HTS,
    "beats": {"num_tags": 0, "sizes": BEATS},
}


def test_a_name_tells_rate_and_hop():
    names = [name for name in ENCODERS if name != "mn"]
    rates = {name: encoder_rate(name) for name in ("mn10", *names)}
    assert rates == {
        "mn10": 32000,
        "dasheng": 16000,
        "eat": 16000,
        "htsat": 48000,
        "beats": 16000,
    }
    hops = {name: detector_hop(name) for name in rates}
    assert hops == {
        "mn10": 0.08,
        "dasheng": 0.08,
        "eat": 0.16,
        "htsat": 0.15625,
        "beats": 0.16,
    }
    # A window is a whole number of samples for each frame.
    for name, rate in rates.items():
        assert (rate * hops[name]).is_integer()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", [TrackSED, QuerySED])
def test_a_detector_names_its_encoder(name, kind):
    torch.manual_seed(0)
    model = kind(name, 8, encoder_config=SMALL[name])
    pretrained = make_encoder(name, SMALL[name])
    model.init_from(pretrained)
    for mine, theirs in zip(
        model.encoder.parameters(), pretrained.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match=r"choose from mn04 \(to mn40\)"):
        make_encoder("mn")
    with pytest.raises(ValueError, match="choose from mn04"):
        make_encoder("mn00")
    with pytest.raises(ValueError, match="encoder_config of eat: .*width"):
        make_encoder("eat", {"width": 2})
    beats = make_encoder("beats", SMALL["beats"])
    with pytest.raises(ValueError, match="is a BEATs, the model has a EAT"):
        adopt(make_encoder("eat", SMALL["eat"]), beats)
    # Of the same shapes, and yet another function.
    other = make_encoder(
        "beats", {"num_tags": 0, "sizes": {**BEATS, "max_distance": 99}}
    )
    with pytest.raises(ValueError, match="max_distance.*encoder_config"):
        adopt(beats, other)
    with pytest.raises(ValueError, match="weights of Dasheng, not of EAT"):
        state = make_encoder("dasheng", SMALL["dasheng"]).state_dict()
        load_encoder(state, name="eat")
