"""An adapter on a frozen base learns to take the style from references."""

import pytest
import torch
from diffusers import UNet2DConditionModel

from speechbrain_opensed.inference.guidance import (
    guidance_weights,
    guided_predictor,
)
from speechbrain_opensed.lobes.style.adapter import StyleAdapter
from speechbrain_opensed.lobes.style.diffusion import (
    build_scheduler,
    draw_latents,
)
from speechbrain_opensed.lobes.style.reference_encoder import ReferenceEncoder
from speechbrain_opensed.lobes.style.unet import StyledUNet
from speechbrain_opensed.losses import min_snr_weights, velocity_loss

BATCH = 16
SHAPE = (2, 8, 4)


def sounds(styles, generator):
    """Sines of any pitch where the style is 0, noise where it is 1."""
    pitch = 200 + 800 * torch.rand(len(styles), 1, generator=generator)
    time = torch.arange(4000) / 16000
    sines = torch.sin(2 * torch.pi * pitch * time)
    noise = torch.randn(len(styles), 4000, generator=generator)
    return torch.where(styles[:, None] == 0, sines, noise)


def latents(styles, generator):
    """One channel is loud or the other, by the style."""
    noise = torch.randn(len(styles), *SHAPE, generator=generator)
    signs = torch.tensor([1.0, -1.0])[:, None, None]
    signs = torch.where(styles[:, None, None, None] == 0, signs, -signs)
    return 0.3 * noise + signs


def train(net, steps, styled):
    generator = torch.Generator().manual_seed(1)
    schedule = build_scheduler("ddpm", 1)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, 3e-3)
    text = torch.ones(BATCH, 1, 8)
    for _ in range(steps):
        styles = torch.randint(2, (BATCH,), generator=generator)
        clean = latents(styles, generator)
        noise = torch.randn(clean.shape, generator=generator)
        time = torch.randint(1000, (BATCH,), generator=generator)
        predicted = net(
            schedule.add_noise(clean, noise, time),
            time,
            text,
            torch.ones(BATCH, 1, dtype=torch.bool),
            sounds(styles, generator),
            torch.ones(BATCH),
            torch.full((BATCH,), styled),
        )
        loss = velocity_loss(
            predicted,
            schedule.get_velocity(clean, noise, time),
            min_snr_weights(schedule.alphas_cumprod[time], form="epsilon"),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def generated_styles(net, references):
    """The style of what is generated after each reference."""
    net.eval()
    count = len(references)
    states = torch.ones(2 * count, 1, 8)
    mask = torch.ones(2 * count, 1, dtype=torch.bool)
    style = net.adapter.style(states[:count], mask[:count], references)
    predict = guided_predictor(
        net.unet,
        net.adapter,
        (states, mask),
        style,
        guidance_weights("dual", 1.0, 2.0),
        1.0,
    )
    made = draw_latents(
        predict, SHAPE, range(count), scheduler="ddim", steps=10
    )
    return (made[:, 0].mean((1, 2)) < made[:, 1].mean((1, 2))).long()


@pytest.mark.slow
def test_generated_latents_have_the_style_of_the_reference():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=2,
        out_channels=2,
        layers_per_block=1,
        block_out_channels=(16, 16),
        attention_head_dim=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    adapter = StyleAdapter(unet, encoder, style_dim=16, num_heads=2, rank=8)
    net = StyledUNet(unet, adapter)
    net.set_trained("unet")
    train(net, 120, styled=False)
    before = {k: v.clone() for k, v in unet.state_dict().items()}
    styles = torch.arange(32) % 2
    references = sounds(styles, torch.Generator().manual_seed(2))
    # The base model knows both styles, and none of the reference.
    base = generated_styles(net, references)
    assert 0.2 < (base == styles).float().mean() < 0.8
    assert 0.1 < base.float().mean() < 0.9

    net.train()
    net.set_trained("adapter_only")
    train(net, 120, styled=True)
    after = unet.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    right = (generated_styles(net, references) == styles).float().mean()
    assert right >= 0.9
