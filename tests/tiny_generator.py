"""A generator that is there in no time: random, and small."""

import torch

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.generator import StyleTransferGenerator
from speechbrain_opensed.lobes.style.codec import MelCodec
from speechbrain_opensed.lobes.text.states import HashTextStates

__all__ = ["tiny_generator"]


def tiny_generator() -> StyleTransferGenerator:
    """Makes sound of noise."""
    from diffusers import UNet2DConditionModel

    from speechbrain_opensed.lobes.style.adapter import StyleAdapter
    from speechbrain_opensed.lobes.style.reference_encoder import (
        ReferenceEncoder,
    )

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16, 16),
        down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    adapter = StyleAdapter(unet, encoder, style_dim=16, num_heads=2)
    for parameter in adapter.blocks.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    codec = MelCodec(channels=4, num_mels=32, n_fft=512, iterations=2)
    codec.mean.fill_(-5)
    modules = {
        "unet": unet,
        "adapter": adapter,
        "text_encoder": HashTextStates(8),
        "codec": codec,
    }
    spec = SedSpec(window_seconds=0.5)
    return StyleTransferGenerator(modules, {"spec": spec, "ref_seconds": 1.0})
