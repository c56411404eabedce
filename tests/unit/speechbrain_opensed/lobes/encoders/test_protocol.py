"""A detector stands on any encoder."""

import pytest
import torch

from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.encoders.protocol import Encoder
from speechbrain_opensed.lobes.track_sed import TrackSED

ENCODERS = {
    "dasheng": lambda: Dasheng(16, depth=1, num_heads=2, target_length=200),
    "eat": lambda: EAT(16, depth=1, num_heads=2, target_length=208),
    "mobilenet": lambda: MobileNet(width=0.1, num_tags=3),
}


@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_frames_are_where_the_encoder_says(name):
    torch.manual_seed(0)
    encoder = ENCODERS[name]().eval()
    assert isinstance(encoder, Encoder)
    samples = round(encoder.window_seconds * encoder.sample_rate)
    frames = encoder.encode(torch.rand(2, samples))
    count = round(encoder.window_seconds / encoder.hop_seconds)
    assert frames.shape == (2, count, encoder.dim)


@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_detectors_stand_on_them(name):
    torch.manual_seed(0)
    encoder = ENCODERS[name]()
    model = TrackSED(encoder, query_dim=8, pool_frames=1, max_anchors=2)
    hop = round(encoder.hop_seconds * encoder.sample_rate)
    frames = torch.randn(1, 30, encoder.dim)
    model.fit(lambda: [(frames, torch.eye(30)[None, :2])], torch.randn(2, 8))
    logits = model.eval()(torch.rand(1, 12 * hop + 5), torch.randn(4, 8))
    assert logits.shape == (1, 4, 12) and torch.isfinite(logits).all()
