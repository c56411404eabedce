"""Sizes of Tango, and what its tensors are called in diffusers.

Paper: https://arxiv.org/abs/2304.13731

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["SIZES", "rename_vae", "rename_vocoder", "vae_sizes"]

#: Keyword arguments of the four models, as released.
SIZES = {
    "unet": {
        "sample_size": [32, 2],
        "in_channels": 8,
        "out_channels": 8,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        # By its old name: these are numbers of heads.
        "attention_head_dim": [5, 10, 20, 20],
        "cross_attention_dim": 1024,
        "norm_num_groups": 32,
        "use_linear_projection": True,
        "upcast_attention": True,
    },
    "vae": {
        "in_channels": 1,
        "out_channels": 1,
        "latent_channels": 8,
        "block_out_channels": [128, 256, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 3,
        "up_block_types": ["UpDecoderBlock2D"] * 3,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "act_fn": "silu",
        "scaling_factor": 0.9227914214134216,
    },
    "vocoder": {
        "model_in_dim": 64,
        "sampling_rate": 16000,
        "upsample_initial_channel": 1024,
        "upsample_rates": [5, 4, 2, 2, 2],
        "upsample_kernel_sizes": [16, 16, 8, 4, 4],
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        "leaky_relu_slope": 0.1,
        "normalize_before": False,
    },
    "text_encoder": {
        "vocab_size": 32128,
        "d_model": 1024,
        "d_kv": 64,
        "d_ff": 2816,
        "num_layers": 24,
        "num_heads": 16,
        "feed_forward_proj": "gated-gelu",
    },
}

_ATTENTION = ".mid_block.attentions.0."
_VAE_NAMES = (
    (r"\.(down|up)\.(\d+)\.block\.(\d+)\.", r".\1_blocks.\2.resnets.\3."),
    (
        r"\.(down|up)\.(\d+)\.(down|up)sample\.conv\.",
        r".\1_blocks.\2.\3samplers.0.conv.",
    ),
    (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
    (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
    (r"\.mid\.attn_1\.norm\.", f"{_ATTENTION}group_norm."),
    (r"\.mid\.attn_1\.([qkv])\.", rf"{_ATTENTION}to_\1."),
    (r"\.mid\.attn_1\.proj_out\.", f"{_ATTENTION}to_out.0."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"\.norm_out\.", ".conv_norm_out."),
)


def vae_sizes(config: Mapping) -> dict:
    """Arguments of `AutoencoderKL` that a `vae_config.json` states.

    Arguments
    ---------
    config : mapping
        Its contents.

    Returns
    -------
    dict
        What is not stated is left out.

    Example
    -------
    >>> vae_sizes({"ddconfig": {"ch": 64, "ch_mult": [1, 2]}})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'block_out_channels': [64, 128],
     'down_block_types': ['DownEncoderBlock2D', 'DownEncoderBlock2D'],
     'up_block_types': ['UpDecoderBlock2D', 'UpDecoderBlock2D']}
    """
    inner = config.get("ddconfig", {})
    names = {
        "in_channels": inner.get("in_channels"),
        "out_channels": inner.get("out_ch"),
        "layers_per_block": inner.get("num_res_blocks"),
        "latent_channels": config.get("embed_dim"),
        "scaling_factor": config.get("scale_factor"),
    }
    sizes = {name: value for name, value in names.items() if value is not None}
    if "ch" in inner and "ch_mult" in inner:
        widths = [inner["ch"] * factor for factor in inner["ch_mult"]]
        sizes["block_out_channels"] = widths
        sizes["down_block_types"] = ["DownEncoderBlock2D"] * len(widths)
        sizes["up_block_types"] = ["UpDecoderBlock2D"] * len(widths)
    return sizes


def rename_vae(state: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Tensors of AudioLDM's autoencoder under the names of diffusers.

    Arguments
    ---------
    state : mapping
        Name to tensor.
    levels : int
        Resolutions; the original counts those of the decoder from below.

    Returns
    -------
    dict
        Name to tensor. Unknown names stay as they are.

    Example
    -------
    >>> list(rename_vae({"decoder.up.2.upsample.conv.bias": None}, levels=3))
    ['decoder.up_blocks.0.upsamplers.0.conv.bias']
    """
    renamed = {}
    for name, value in state.items():
        name = re.sub(
            r"\.up\.(\d+)\.", lambda m: f".up.{levels - 1 - int(m[1])}.", name
        )
        for pattern, replacement in _VAE_NAMES:
            name = re.sub(pattern, replacement, name)
        # The attention's projections were convolutions of one pixel.
        if f"{_ATTENTION}to_" in name and value.ndim == 4:
            value = value.squeeze(-1).squeeze(-1)
        renamed[name] = value
    return renamed


def rename_vocoder(state: Mapping[str, Tensor], mels: int) -> dict[str, Tensor]:
    """Tensors of HiFi-GAN under the names of transformers.

    Arguments
    ---------
    state : mapping
        Name to tensor, without weight normalisation.
    mels : int
        Bands. Their mean and scale, which the original has not, become 0
        and 1.

    Returns
    -------
    dict
        Name to tensor.

    Example
    -------
    >>> list(rename_vocoder({"ups.0.bias": torch.zeros(4)}, mels=2))
    ['upsampler.0.bias', 'mean', 'scale']
    """
    renamed = {
        re.sub(r"^ups\.", "upsampler.", name): value
        for name, value in state.items()
    }
    return {**renamed, "mean": torch.zeros(mels), "scale": torch.ones(mels)}
