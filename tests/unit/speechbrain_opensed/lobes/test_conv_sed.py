"""The small convolutional detector."""

import torch

from speechbrain_opensed.lobes.conv_sed import ConvSED


def test_queries_are_independent_and_words_add_up():
    torch.manual_seed(0)
    model = ConvSED(query_dim=4, dim=16).eval()
    wav, queries = torch.rand(2, 16000) - 0.5, torch.randn(3, 4)
    feats = model.encode(wav)
    assert feats.shape == (2, 25, 16)
    logits = model.decode(feats, queries)
    torch.testing.assert_close(
        model.decode(feats, queries[1:2]), logits[:, 1:2]
    )
    each = model.decode(feats, queries.expand(2, 3, 4))
    torch.testing.assert_close(each, logits)
    torch.testing.assert_close(model(wav, queries), logits)
    torch.testing.assert_close(model(model.mel(wav), queries), logits)
    nothing = model.decode(feats, torch.zeros(1, 4))
    both = model.decode(feats, queries[:1] + queries[1:2])
    torch.testing.assert_close(
        both + nothing, logits[:, :1] + logits[:, 1:2], atol=1e-4, rtol=0
    )


def test_it_begins_where_sounds_are_rare():
    model = ConvSED(query_dim=4, dim=16).eval()
    logits = model(torch.zeros(1, 16000), torch.zeros(1, 4))
    assert torch.allclose(logits, torch.tensor(-3.0), atol=2)


def test_context_reaches_as_far_as_its_dilations():
    torch.manual_seed(0)
    model = ConvSED(query_dim=4, dim=16, dilations=[1]).eval()
    mel = torch.rand(1, 64, 400)
    changed = mel.clone()
    changed[..., 200] += 0.2
    moved = (model.encode_mel(mel) - model.encode_mel(changed)).abs().amax(2)
    frames = moved[0].nonzero()[:, 0]
    # Frame 50, two neighbors on either side, and the stem's own overlap.
    assert 46 <= frames.min() <= 48 and 52 <= frames.max() <= 54
