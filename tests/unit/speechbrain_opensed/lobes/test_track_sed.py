"""A detector on a frozen encoder."""

import pytest
import torch

from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.track_sed import TrackSED


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    encoder = MobileNet(width=0.1, num_tags=5)
    model = TrackSED(encoder, query_dim=8, max_anchors=6, step_penalty=0.5)
    frames = torch.randn(2, 125, encoder.dim)
    targets = (torch.rand(2, 3, 125) < 0.3).float()
    tags = torch.randn(5, 8)
    tags[2] = 0
    return model.fit(
        lambda: [(frames, targets)], torch.randn(3, 8), tags
    ).eval()


@torch.no_grad()
def test_any_number_of_phrases_in_any_company(model):
    feats, queries = torch.randn(2, 20, model.encoder.dim), torch.randn(300, 8)
    together = model.decode(feats, queries)
    assert together.shape == (2, 300, 20)
    torch.testing.assert_close(
        together[:, 7:9], model.decode(feats, queries[7:9])
    )
    torch.testing.assert_close(
        together[1:, :4],
        model.decode(feats[1:], queries[None, :4]),
    )


def test_wrong_queries_are_refused(model):
    feats = torch.randn(2, 20, model.encoder.dim)
    with pytest.raises(ValueError, match=r"give \[queries, 8\]"):
        model.decode(feats, torch.randn(3, 7))
    with pytest.raises(ValueError, match="no query"):
        model.decode(feats, torch.randn(0, 8))
    with pytest.raises(ValueError, match="Linear is no encoder"):
        TrackSED(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="embeddings of tags"):
        model.fit(
            lambda: [(feats, torch.ones(2, 1, 20))],
            torch.ones(1, 8),
            torch.ones(4, 8),
        )


def test_a_short_clip_is_one_with_silence_behind_it(model):
    wav = torch.rand(1, 40000)
    padded = torch.nn.functional.pad(wav, (0, 320000 - 40000))
    short = model.encode(wav)
    assert short.shape[1] == 16
    torch.testing.assert_close(short, model.encode(padded)[:, : short.shape[1]])


def test_the_encoder_stays_and_the_rest_learns(model):
    model.train()
    assert not model.encoder.training and model.shared.training
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    wav, queries = torch.rand(2, 32000), torch.randn(4, 8)
    loss = model(wav, queries).square().mean()
    loss.backward()
    trained = {n for n, p in model.named_parameters() if p.grad is not None}
    assert trained == {
        n for n, _ in model.named_parameters() if not n.startswith("encoder.")
    }
    for name, value in model.encoder.state_dict().items():
        torch.testing.assert_close(value, before[name])
    model.zero_grad()
    model.eval()


@torch.no_grad()
def test_frames_in_place_of_audio(model):
    wav, queries = torch.rand(2, 32000), torch.randn(4, 8)
    torch.testing.assert_close(
        model(model.encode(wav), queries), model(wav, queries)
    )


def test_without_tags_and_without_names():
    class Levels(torch.nn.Module):
        sample_rate, hop_seconds, window_seconds = 16000, 0.04, 1.0
        dim, num_tags = 3, 0

        def encode(self, wav):
            return wav.unflatten(1, (-1, 640))[..., :3]

    model = TrackSED(Levels(), query_dim=8, pool_frames=1, max_anchors=2)
    frames, targets = torch.randn(1, 25, 3), torch.eye(25)[None, :2]
    model.fit(lambda: [(frames, targets)], torch.randn(2, 8)).eval()
    assert model(torch.rand(1, 16000), torch.randn(5, 8)).shape == (1, 5, 25)
