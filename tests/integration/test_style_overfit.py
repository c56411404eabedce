"""One caption, two timbres: only the reference tells which one is meant."""

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from speechbrain_opensed.inference.diffusion import (
    NOISE_SCHEDULE,
    draw_latents,
)
from speechbrain_opensed.lobes.reference_encoder import ReferenceEncoder
from speechbrain_opensed.lobes.style_adapter import StyleAdapter

BATCH, SHAPE = 16, (2, 8, 4)


def draw():
    """Sines belong to latents around 1, noises to such around -1."""
    sine = torch.arange(BATCH) % 2 == 0
    pitch = 300 + 600 * torch.rand(BATCH, 1)
    waves = torch.sin(2 * torch.pi * pitch * torch.arange(8000) / 16000)
    references = torch.where(sine[:, None], waves, torch.randn(BATCH, 8000))
    centre = torch.where(sine, 1.0, -1.0)[:, None, None, None]
    return sine, references, centre + 0.1 * torch.randn(BATCH, *SHAPE)


@pytest.mark.slow
def test_references_decide_what_is_generated():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=2,
        out_channels=2,
        layers_per_block=1,
        block_out_channels=(16, 32),
        attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    text = torch.randn(1, 4, 8).expand(BATCH, -1, -1)
    mask = torch.ones(BATCH, 4, dtype=torch.bool)
    schedule = DDPMScheduler(**NOISE_SCHEDULE)

    def train(parameters, rate, steps, prepare):
        optimizer = torch.optim.AdamW(parameters, rate)
        for _ in range(steps):
            _, references, latents = draw()
            times = torch.randint(0, 1000, (BATCH,))
            noise = torch.randn_like(latents)
            noisy = schedule.add_noise(latents, noise, times)
            prepare(references)
            out = unet(noisy, times, text, encoder_attention_mask=mask).sample
            wanted = schedule.get_velocity(latents, noise, times)
            optimizer.zero_grad()
            (out - wanted).square().mean().backward()
            optimizer.step()

    train(unet.parameters(), 2e-3, 100, lambda references: None)
    unet.requires_grad_(False)
    encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    adapter = StyleAdapter(unet, encoder, style_dim=16, num_heads=2, rank=8)

    def prepare(references):
        adapter.set_style(adapter.style(text, mask, references))

    train(adapter.parameters(), 5e-3, 70, prepare)
    adapter.eval()
    sine, references, _ = draw()
    with torch.no_grad():
        prepare(references)
        latents = draw_latents(
            lambda z, time: (
                unet(z, time, text, encoder_attention_mask=mask).sample
            ),
            SHAPE,
            range(BATCH),
            steps=6,
        )
    assert ((latents.mean((1, 2, 3)) > 0) == sine).all()
