"""U-Net and adapter as one module: what is trained, and copies."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel

from speechbrain_opensed.lobes.style.adapter import StyleAdapter
from speechbrain_opensed.lobes.style.reference_encoder import ReferenceEncoder
from speechbrain_opensed.lobes.style.unet import StyledUNet


@pytest.fixture
def net():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        attention_head_dim=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    adapter = StyleAdapter(unet, encoder, style_dim=16, num_heads=2)
    for parameter in adapter.blocks.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return StyledUNet(unet, adapter).eval()


def run(net, keep=(True, True, False)):
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(3, 4, 8, 4, generator=generator)
    states = torch.randn(3, 5, 8, generator=generator)
    references = torch.randn(3, 8000, generator=generator)
    with torch.no_grad():
        return net(
            latents,
            torch.tensor([3, 700, 500]),
            states,
            torch.ones(3, 5, dtype=torch.bool),
            references,
            torch.tensor([1.0, 0.5, 1.0]),
            torch.tensor(keep),
        )


def test_rows_without_style_are_those_of_the_unet(net):
    styled, plain = run(net), run(net, (False,) * 3)
    assert (styled[:2] - plain[:2]).abs().amax((1, 2, 3)).min() > 1e-3
    assert torch.equal(styled[2], plain[2])
    net.adapter.detach()
    assert torch.equal(run(net, (False,) * 3), plain)


def test_copies_have_an_adapter_of_their_own(net):
    before = run(net)
    other = copy.deepcopy(net)
    assert not other.training
    assert torch.equal(run(other), before)
    with torch.no_grad():
        for parameter in other.adapter.parameters():
            parameter.mul_(2)
    assert (run(other) - before).abs().max() > 1e-3
    assert torch.equal(run(net), before)
    with torch.no_grad():
        for parameter in net.adapter.blocks.parameters():
            parameter.zero_()
    assert torch.equal(run(net), run(net, (False,) * 3))
    norm = other.unet.mid_block.resnets[0].norm1
    assert len(norm._forward_hooks) == 1


@pytest.mark.parametrize(
    "trained, unet, norms, adapter",
    [
        ("adapter_only", False, False, True),
        ("adapter+norms", False, True, True),
        ("full", True, True, True),
        ("unet", True, True, False),
    ],
)
def test_what_is_trained(net, trained, unet, norms, adapter):
    net.set_trained(trained)
    assert net.unet.conv_in.weight.requires_grad is unet
    assert net.unet.conv_norm_out.weight.requires_grad is norms
    assert all(p.requires_grad is adapter for p in net.adapter.parameters())
    transformer = net.unet.down_blocks[0].attentions[0].transformer_blocks[0]
    assert transformer.norm1.weight.requires_grad is norms
    assert transformer.attn1.to_q.weight.requires_grad is unet


def test_unknown_modes_are_refused(net):
    with pytest.raises(ValueError, match="trained 'all': choose from adapter_"):
        net.set_trained("all")
