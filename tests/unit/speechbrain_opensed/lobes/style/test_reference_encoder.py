"""Reference sounds become tokens that padding and level do not change."""

import pytest
import torch

from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.style.frozen_reference import FrozenReference
from speechbrain_opensed.lobes.style.reference_encoder import (
    ReferenceEncoder,
    ReferenceMel,
)


def tiny(**options):
    torch.manual_seed(0)
    return ReferenceEncoder(
        16, channels=(4, 8, 8), blocks=(1, 2, 1), **options
    ).eval()


@torch.no_grad()
@pytest.mark.parametrize("tokens", ["frames", "pooled"])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.37])
def test_padding_changes_nothing(tokens, seconds):
    encoder = tiny(tokens=tokens)
    samples = int(16000 * seconds)
    wav = torch.randn(1, 32000)
    alone, valid = encoder(wav[:, :samples])
    padded, mask = encoder(wav, torch.tensor([samples / 32000]))
    assert valid.all() and mask.sum() == valid.sum()
    torch.testing.assert_close(padded[mask], alone[valid], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_level_and_offset_of_level_change_nothing():
    mel = ReferenceMel()
    wav = torch.randn(1, 16000)
    torch.testing.assert_close(
        mel(0.1 * wav)[0], mel(wav)[0], atol=1e-3, rtol=1e-3
    )


@torch.no_grad()
def test_steady_colours_stay_apart_unless_bands_are_normalised():
    time = torch.arange(16000) / 16000
    wavs = torch.stack(
        [torch.sin(2 * torch.pi * hertz * time) for hertz in (300, 3000)]
    )

    def distance(normalise):
        low, high = ReferenceMel(normalise=normalise)(wavs)[0]
        return float((low - high).square().mean())

    assert distance("clip") > 0.1
    assert distance("band") < 0.2 * distance("clip")


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 100, 16000])
def test_silent_and_short_sounds_give_finite_tokens(samples):
    tokens, mask = tiny()(torch.zeros(2, samples), torch.tensor([1.0, 0.0]))
    assert torch.isfinite(tokens).all()
    assert mask.any(1).all()


def test_sizes_are_those_of_the_paper():
    encoder = ReferenceEncoder(tokens="pooled")
    million = sum(p.numel() for p in encoder.parameters()) / 1e6
    assert million == pytest.approx(11.31, abs=0.02)
    assert ReferenceEncoder().proj.in_features == 2560


@pytest.mark.parametrize(
    "options, said",
    [
        ({"tokens": "words"}, "choose 'frames' or 'pooled'"),
        ({"channels": (4, 8), "blocks": (1,)}, "one of each per stage"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        ReferenceEncoder(8, **options)


def test_stereo_is_refused():
    with pytest.raises(ValueError, match="mono"):
        tiny()(torch.rand(1, 2, 16000))


def test_a_pretrained_encoder_stays_frozen():
    dasheng = Dasheng(embed_dim=16, depth=1, num_heads=2)
    encoder = FrozenReference(dasheng, dim=16).train()
    tokens, mask = encoder(torch.rand(2, 16000), torch.tensor([1.0, 0.0]))
    assert tokens.shape == (2, 25, 16)
    assert mask.sum(1).tolist() == [25, 1]
    assert not tokens.requires_grad
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not any(module.training for module in dasheng.modules())
