"""The adapter changes nothing until trained, and only what it shall then."""

import copy
import pickle

import pytest
import torch
from diffusers import UNet2DConditionModel

from speechbrain_opensed.checkpoints.tango_layout import SIZES
from speechbrain_opensed.lobes.style.adapter import StyleAdapter
from speechbrain_opensed.lobes.style.fusion import shares_of
from speechbrain_opensed.lobes.style.reference_encoder import ReferenceEncoder
from speechbrain_opensed.lobes.style.sites import find_sites

BATCH = 3


def build_unet():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    return unet.eval().requires_grad_(False)


def build(unet, tokens="frames", **options):
    torch.manual_seed(1)
    encoder = ReferenceEncoder(12, tokens, channels=(4, 8), blocks=(1, 1))
    options = {"style_dim": 16, "num_heads": 2, "rank": 4, **options}
    return StyleAdapter(unet, encoder, **options).eval()


def train_a_bit(adapter):
    """Weights as if trained: none is zero."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return adapter


@pytest.fixture(scope="module")
def unet():
    return build_unet()


@pytest.fixture(autouse=True)
def bare(unet):
    """Each test puts its own adapter on the U-Net that all share."""
    yield
    for module in unet.modules():
        module._forward_hooks.clear()


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    mask = torch.ones(BATCH, 5, dtype=torch.bool)
    mask[1, 3:] = False
    return {
        "latents": draw(BATCH, 4, 8, 4),
        "text": draw(BATCH, 5, 8),
        "mask": mask,
        "references": draw(BATCH, 4000),
    }


def predict(unet, inputs, time=5):
    return unet(
        inputs["latents"],
        time,
        encoder_hidden_states=inputs["text"],
        encoder_attention_mask=inputs["mask"],
    ).sample


def style_of(adapter, inputs, **options):
    return adapter.style(
        inputs["text"], inputs["mask"], inputs["references"], **options
    )


VARIANTS = [
    {},
    {"rank": None},
    {"fusion": "concatenation"},
    {"modulation": "shift"},
    {"tokens": "pooled"},
]


@torch.no_grad()
@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("time", [5, torch.tensor([1, 500, 999])])
def test_untrained_it_is_exactly_the_base_model(unet, inputs, options, time):
    base = predict(unet, inputs, time)
    names = list(unet.state_dict())
    adapter = build(unet, **options)
    with adapter.styled(style_of(adapter, inputs)):
        assert (predict(unet, inputs, time) - base).abs().max() == 0
    assert list(unet.state_dict()) == names


@torch.no_grad()
@pytest.mark.parametrize("options", VARIANTS)
def test_trained_it_changes_the_rows_that_are_kept(unet, inputs, options):
    base = predict(unet, inputs)
    adapter = train_a_bit(build(unet, **options))
    style = style_of(adapter, inputs)
    assert style.shape == (BATCH, 16)
    keep = torch.tensor([True, False, True])
    with adapter.styled(style, keep):
        some = predict(unet, inputs)
    with adapter.styled(style):
        every = predict(unet, inputs)
    assert torch.equal(some[1], base[1])
    assert torch.equal(some[keep], every[keep])
    assert ((every - base).abs().amax((1, 2, 3)) > 1e-4).all()
    assert torch.equal(predict(unet, inputs), base)
    with adapter.styled(style, strength=0.0):
        assert torch.equal(predict(unet, inputs), base)
    with adapter.styled(style, strength=0.5):
        half = predict(unet, inputs)
    assert 0 < (half - base).norm() < (every - base).norm()
    with adapter.styled(None):
        assert torch.equal(predict(unet, inputs), base)


@torch.no_grad()
def test_one_style_serves_a_whole_batch_with_and_without(unet, inputs):
    adapter = train_a_bit(build(unet))
    style = style_of(adapter, inputs)[:1]
    with adapter.styled(style.expand(BATCH, -1)):
        expected = predict(unet, inputs)
    base = predict(unet, inputs)
    with adapter.styled(style, torch.tensor([True, True, False])):
        out = predict(unet, inputs)
    torch.testing.assert_close(out[:2], expected[:2], atol=1e-5, rtol=1e-4)
    assert torch.equal(out[2], base[2])


def loss_of(adapter, unet, inputs):
    adapter.set_style(style_of(adapter, inputs))
    return predict(unet, inputs).square().mean()


def test_two_steps_train_all_parameters_and_none_of_the_unet(inputs):
    unet = build_unet()
    before = copy.deepcopy(unet.state_dict())
    adapter = build(unet).train()
    start = copy.deepcopy(adapter.state_dict())
    optimizer = torch.optim.AdamW(adapter.parameters(), 1e-3)
    trained = {id(p) for g in optimizer.param_groups for p in g["params"]}
    assert trained == {id(p) for p in adapter.parameters()}
    assert not any(name.startswith("unet") for name in start)
    for step in range(2):
        optimizer.zero_grad()
        loss_of(adapter, unet, inputs).backward()
        # The zero heads let nothing through to the style at first.
        assert bool(adapter.proj.weight.grad.any()) == (step == 1)
        optimizer.step()
    assert adapter.encoder.stem.weight.grad.any()
    end = adapter.state_dict()
    parameters = dict(adapter.named_parameters())
    still = [n for n in parameters if torch.equal(start[n], end[n])]
    assert still == []
    assert parameters.keys() <= start.keys()
    for name, value in unet.state_dict().items():
        assert torch.equal(value, before[name])
    again = build(unet)
    again.load_state_dict(end)
    assert torch.equal(again.proj.weight, adapter.proj.weight)


@pytest.mark.parametrize("tokens", ["frames", "pooled"])
def test_attention_to_one_token_is_none(unet, inputs, tokens):
    adapter = train_a_bit(build(unet, tokens))
    loss_of(adapter, unet, inputs).backward()
    for layer in (adapter.fusion.query, adapter.fusion.key):
        assert bool(layer.weight.grad.abs().max() > 1e-9) == (
            tokens == "frames"
        )
    assert adapter.fusion.value.weight.grad.any()


def test_gradient_checkpointing_gives_the_same_gradients(inputs):
    gradients = []
    for checkpointed in (False, True):
        unet = build_unet().train()
        if checkpointed:
            unet.enable_gradient_checkpointing()
        adapter = train_a_bit(build(unet))
        loss_of(adapter, unet, inputs).backward()
        gradients.append([p.grad for p in adapter.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow
@torch.no_grad()
def test_compiled_it_follows_the_style(inputs):
    unet = build_unet()
    adapter = train_a_bit(build(unet))
    compiled = torch.compile(unet, backend="aot_eager")
    style = style_of(adapter, inputs)
    for one in (style, -style):
        with adapter.styled(one):
            torch.testing.assert_close(
                predict(compiled, inputs),
                predict(unet, inputs),
                atol=1e-5,
                rtol=1e-4,
            )


@torch.no_grad()
def test_masked_text_and_padded_references_do_not_count(unet, inputs):
    adapter = train_a_bit(build(unet))
    reference = style_of(adapter, inputs)
    other = dict(inputs, text=inputs["text"].clone())
    other["text"][1, 3:] = 100.0
    other["references"] = torch.cat(
        [inputs["references"], torch.full((BATCH, 4000), 9.0)], dim=1
    )
    lens = torch.full((BATCH,), 0.5)
    torch.testing.assert_close(
        style_of(adapter, other, lens=lens), reference, atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
@pytest.mark.parametrize("fusion", ["attention", "concatenation"])
def test_references_count_by_their_weights(unet, inputs, fusion):
    adapter = train_a_bit(build(unet, fusion=fusion))
    one = inputs["references"]
    two = torch.stack([one, one.flip(0)], dim=1)

    def style(references, weights=None):
        return adapter.style(
            inputs["text"], inputs["mask"], references, weights=weights
        )

    def close(a, b):
        return torch.allclose(a, b, atol=1e-5)

    first, second = style(one), style(one.flip(0))
    assert close(style(two, [2.0, 0.0]), first)
    assert close(style(two, [0.0, 0.1]), second)
    assert close(style(two, [3.0, 3.0]), style(two))
    assert not close(style(two, [3.0, 1.0]), style(two))
    # The same sound twice is that sound.
    assert close(style(torch.stack([one, one], 1), [5.0, 1.0]), first)
    each = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]])
    assert close(style(two, each), torch.cat([first[:2], second[2:]]))


@pytest.mark.parametrize(
    "weights, said",
    [
        ([1.0, -1.0], "at least 0"),
        ([0.0, 0.0], "all zero"),
        ([float("nan"), 1.0], "at least 0"),
        ([1.0], "for 2 clips with 2 references"),
        ([[1.0, 0.0], [0.0, 0.0]], "all zero"),
    ],
)
def test_weights_that_are_none_are_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        shares_of(weights, 2, 2)


def test_wrong_shapes_and_options_are_named(unet, inputs):
    adapter = build(unet)
    style = torch.zeros(2, 16)
    with pytest.raises(ValueError, match="give \\[batch, 16\\]"):
        adapter.set_style(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="keep of shape"):
        adapter.set_style(style, torch.ones(3))
    adapter.set_style(style)
    with pytest.raises(ValueError, match="style has 2 rows.*batch 3"):
        predict(unet, inputs)
    with pytest.raises(ValueError, match="for 3 texts"):
        style_of(adapter, dict(inputs, references=torch.zeros(2, 4000)))
    for options in ({"fusion": "sum"}, {"modulation": "gate"}):
        with pytest.raises(ValueError, match="choose"):
            build(unet, **options)
    with pytest.raises(ValueError, match="no ResNet blocks"):
        build(torch.nn.Linear(1, 1))


@torch.no_grad()
def test_it_moves_to_another_unet_and_leaves_the_first(unet, inputs):
    adapter = train_a_bit(build(unet))
    style = style_of(adapter, inputs)
    with adapter.styled(style):
        styled = predict(unet, inputs)
    other = build_unet()
    adapter.attach(other)
    with adapter.styled(style):
        assert torch.equal(predict(other, inputs), styled)
        assert not torch.equal(predict(unet, inputs), styled)
    adapter.detach()
    with adapter.styled(style):
        assert torch.equal(predict(other, inputs), predict(unet, inputs))


def test_a_copy_is_on_no_unet_until_attached(inputs):
    unet, other = build_unet(), build_unet()
    adapter = train_a_bit(build(unet))
    loss_of(adapter, unet, inputs)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(adapter)))
    with torch.no_grad():
        expected = predict(unet, inputs)
        style = style_of(twin, inputs)
        twin.detach()
        assert torch.equal(predict(unet, inputs), expected)
        twin.attach(other)
        with twin.styled(style):
            assert torch.equal(predict(other, inputs), expected)


@torch.no_grad()
@pytest.mark.parametrize("whole", [False, True])
def test_half_precision_stays_close(inputs, whole):
    unet = build_unet()
    adapter = train_a_bit(build(unet))
    with adapter.styled(style_of(adapter, inputs)):
        expected = predict(unet, inputs)
    if whole:
        # The adapter stays in float32.
        style = style_of(adapter, inputs)
        unet.bfloat16()
        halves = {
            key: value.bfloat16() if value.is_floating_point() else value
            for key, value in inputs.items()
        }
        with adapter.styled(style):
            out = predict(unet, halves)
    else:
        with torch.autocast("cpu", torch.bfloat16):
            with adapter.styled(style_of(adapter, inputs)):
                out = predict(unet, inputs)
    assert out.dtype == torch.bfloat16
    assert (out.float() - expected).abs().max() < 0.05


@torch.no_grad()
@pytest.mark.parametrize(
    "rank, million", [(32, 5.097), (64, 10.094), (None, 255.690)]
)
def test_sizes_on_the_released_unet(rank, million):
    encoder = ReferenceEncoder()
    with torch.device("meta"):
        full = UNet2DConditionModel(**SIZES["unet"])
        adapter = StyleAdapter(full, encoder, rank=rank)
    assert len(adapter.blocks) == 22
    size = sum(p.numel() for p in adapter.blocks.parameters()) / 1e6
    assert size == pytest.approx(million, abs=1e-3)


@torch.no_grad()
def test_norms_are_scaled_and_shifted_by_hand(unet, inputs):
    adapter = build(unet)
    for up in adapter.blocks[0].up:
        width = len(up.bias) // 2
        up.bias[:width], up.bias[width:] = 0.5, 3.0
    norm, heard = find_sites(unet).blocks[0][0], []
    handle = norm.register_forward_hook(lambda *args: heard.append(args[2]))
    style = style_of(adapter, inputs)
    predict(unet, inputs)
    with adapter.styled(style):
        predict(unet, inputs)
    handle.remove()
    plain, styled = heard
    torch.testing.assert_close(styled, 1.5 * plain + 3.0)


@torch.no_grad()
def test_a_long_reference_counts_no_more_than_a_short_one(unet, inputs):
    adapter, noted = build(unet), []

    class Noting(torch.nn.Module):
        def forward(self, text, text_mask, tokens, shares):
            noted.append(shares)
            return tokens.new_zeros(len(text), adapter.style_dim)

    adapter.fusion = Noting()
    texts = torch.rand(1, 3, adapter.encoder.dim)
    references = torch.rand(1, 2, 8000)
    lens = torch.tensor([[1.0, 0.25]])
    adapter.style(texts, None, references, lens=lens, weights=[3.0, 1.0])
    shares = noted[0].unflatten(1, (2, -1))[0]
    counted = (shares > 0).sum(1)
    assert counted[0] > 2 * counted[1] > 0
    assert shares.sum(1).tolist() == pytest.approx([0.75, 0.25])
    assert shares[1].max().item() == pytest.approx(0.25 / counted[1].item())
