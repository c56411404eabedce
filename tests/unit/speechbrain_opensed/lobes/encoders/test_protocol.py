"""A detector stands on any encoder."""

import pytest
import torch

from speechbrain_opensed.lobes.encoders.beats import BEATs
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.encoders.htsat import HTSAT
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.encoders.protocol import Encoder
from speechbrain_opensed.lobes.query_sed import QuerySED
from speechbrain_opensed.lobes.track_sed import TrackSED
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import BEATS, HTS

ENCODERS = {
    "dasheng": lambda: Dasheng(16, depth=1, num_heads=2, target_length=200),
    "eat": lambda: EAT(16, depth=1, num_heads=2, target_length=208),
    "htsat": lambda: HTSAT(**HTS),
    "beats": lambda: BEATs(num_tags=3, sizes=BEATS),
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
    count = int(encoder.window_seconds / encoder.hop_seconds + 1e-9)
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
    logits = model.eval()(torch.rand(1, 6 * hop + 5), torch.randn(4, 8))
    assert logits.shape == (1, 4, 7) and torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_the_decoder_of_flexsed_stands_on_them(name):
    torch.manual_seed(0)
    encoder = ENCODERS[name]()
    model = QuerySED(encoder, cls_dim=8, embed_dim=16, depth=1, num_heads=2)
    hop = round(model.hop_seconds * encoder.sample_rate)
    wav, queries = torch.rand(2, 5 * hop + 7), torch.randn(3, 8)
    # Adaptive blocks begin as if they were not there.
    for block in model.decoder.blocks:
        torch.nn.init.normal_(block.adaln.weight, std=0.3)
    logits = model.eval()(wav, queries)
    assert logits.shape == (2, 3, 6) and torch.isfinite(logits).all()
    # A query's track depends on neither the other queries nor clips.
    alone = model(wav[1:], queries[2:])
    torch.testing.assert_close(alone, logits[1:, 2:], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(logits[:, 0], logits[:, 1], atol=1e-3)
    assert not any(p.requires_grad for p in model.encoder.parameters())
    assert not model.train().encoder.training
