"""FlexSED: conditioning at the start, chunks, precision, frozen encoder."""

import copy

import pytest
import torch

from speechbrain_opensed.lobes.encoders.dasheng import Dasheng, decibels
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.transformer import AdaptiveBlock, Block

TINY = dict(embed_dim=32, depth=4, num_heads=4, ft_blocks=2, cls_dim=8)


def randomised(**options) -> FlexSED:
    torch.manual_seed(0)
    model = FlexSED(**{**TINY, **options}).eval()
    for block in model.decoder.blocks:
        if isinstance(block, AdaptiveBlock):
            torch.nn.init.normal_(block.adaln.weight, std=0.1)
    return model


def test_features_do_not_depend_on_the_rest_of_the_batch():
    quiet, loud = torch.rand(1, 64, 20) * 1e-9, torch.rand(1, 64, 20) * 1e3
    together = decibels(torch.cat([quiet, loud]))
    assert torch.equal(together[:1], decibels(quiet))


@pytest.mark.parametrize(
    "gate, factor", [("tanh_one_minus", 0.7615942), ("one", 1), ("zero", 0)]
)
def test_gate_at_initialisation(gate, factor):
    torch.manual_seed(0)
    adaptive = AdaptiveBlock(16, 2, gate=gate)
    plain = Block(16, 2)
    plain.load_state_dict(adaptive.state_dict(), strict=False)
    x, condition = torch.randn(2, 5, 16), torch.randn(2, 16)
    expected = x + factor * plain.attn(plain.norm1(x))
    expected = expected + factor * plain.mlp(plain.norm2(expected))
    assert torch.allclose(adaptive(x, condition), expected, atol=1e-6)


@pytest.mark.parametrize("fusion", ["adaln", "token"])
@pytest.mark.parametrize("budget", [1, 10**5, None])
def test_chunks_change_nothing(fusion, budget):
    model = randomised(fusion=fusion)
    wav, queries = torch.randn(3, 8000), torch.randn(7, 8)
    feats = model.encode(wav).detach()
    whole = model.decode(feats, queries)
    with torch.no_grad():
        parts = model.decode(feats, queries, memory_budget=budget)
        own = model.decode(feats, queries.expand(3, 7, 8))
    assert torch.allclose(parts, whole, atol=1e-5)
    assert torch.allclose(own, whole, atol=1e-5)
    assert whole.std(dim=1).min() > 1e-4


def test_bf16_is_close_and_follows_new_weights():
    model = randomised()
    feats, queries = torch.randn(2, 25, 32), 0.3 * torch.randn(5, 8)
    with torch.no_grad():
        for _ in range(2):
            exact = model.decode(feats, queries).sigmoid()
            low = model.decode(feats, queries, precision="bf16").sigmoid()
            assert 0 < (exact - low).abs().max() < 0.02
            for weight in model.decoder.parameters():
                weight.mul_(1.5)
    copy.deepcopy(model)


def test_memory_does_not_grow_with_queries():
    model = randomised()
    feats = torch.randn(1, 25, 32)
    largest = []
    model.decoder.register_forward_pre_hook(
        lambda _, inputs: largest.append(inputs[0].shape[0])
    )
    with torch.no_grad():
        for count in (50, 500):
            model.decode(feats, torch.randn(count, 8), memory_budget=10**6)
    assert 1 <= max(largest) < 50


def test_logits_are_averaged_outside_of_training():
    plain, smooth = randomised(), randomised(smooth_frames=5)
    feats, queries = torch.randn(2, 25, 32), torch.randn(2, 3, 8)
    expected = plain.decode(feats, queries)
    averaged = smooth.decode(feats, queries)
    middle, edge = expected[..., 8:13].mean(-1), expected[..., :3].mean(-1)
    torch.testing.assert_close(averaged[..., 10], middle)
    torch.testing.assert_close(averaged[..., 0], edge)
    with torch.no_grad():
        torch.testing.assert_close(smooth.decode(feats, queries), averaged)
    torch.testing.assert_close(smooth.train().decode(feats, queries), expected)


def test_frozen_encoder_stays_as_it_is():
    model = FlexSED(**TINY, freeze_encoder=True).train()
    before = copy.deepcopy(model.encoder.state_dict())
    logits = model(torch.randn(2, 8000), torch.randn(3, 8))
    logits.sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert model.decoder.sed_head.weight.grad is not None
    for key, value in model.encoder.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_pretrained_encoder_becomes_encoder_and_decoder():
    torch.manual_seed(0)
    dasheng = Dasheng(embed_dim=32, depth=4, num_heads=4).eval()
    model = FlexSED(**TINY, gate="one").init_from(dasheng).eval()
    wav = torch.randn(1, 8000)
    tokens = model.encode(wav)
    for block in model.decoder.blocks:
        tokens = block(tokens, torch.randn(1, 32))
    assert torch.allclose(model.decoder.norm(tokens), dasheng(wav), atol=1e-5)
    with pytest.raises(ValueError, match="set depth to 5"):
        model.init_from(Dasheng(embed_dim=32, depth=5, num_heads=4))


def test_errors_name_the_remedy():
    model = FlexSED(**TINY)
    feats = torch.randn(2, 25, 32)
    for queries, words in (
        (torch.randn(0, 8), "at least one phrase"),
        (torch.randn(3, 9), "give .queries, 8. or .2, queries, 8."),
        (torch.randn(3, 4, 8), "for 2 clips"),
    ):
        with pytest.raises(ValueError, match=words):
            model.decode(feats, queries)
    with pytest.raises(ValueError, match="unknown precision 'int8'"):
        model.decode(feats, torch.randn(3, 8), precision="int8")
    with pytest.raises(ValueError, match="pad or cut the audio"):
        model.encode(torch.randn(1, 16000 * 11))
    with pytest.raises(ValueError, match="name the last blocks"):
        FlexSED(**{**TINY, "ft_blocks": [0, 1]})
    with pytest.raises(ValueError, match="choose 'adaln' or 'token'"):
        FlexSED(**TINY, fusion="film")
    with pytest.raises(ValueError, match="unknown gate"):
        FlexSED(**TINY, gate="half")
    with pytest.raises(ValueError, match="smooth_frames 4: give an odd"):
        FlexSED(**TINY, smooth_frames=4)


def test_linear_layers_of_the_decoder_begin_as_published():
    torch.manual_seed(0)
    decoder = FlexSED(64, 2, 2, ft_blocks=1, cls_dim=48).decoder
    checked = 0
    for name, layer in decoder.named_modules():
        if not isinstance(layer, torch.nn.Linear):
            continue
        assert not layer.bias.any(), name
        if name.endswith("adaln"):
            assert not layer.weight.any()
            continue
        bound = (6 / sum(layer.weight.shape)) ** 0.5
        largest = layer.weight.abs().max().item()
        # Of n uniform draws the largest comes close to the bound.
        assert 0.9 * bound < largest <= bound, name
        checked += 1
    assert checked == 7
