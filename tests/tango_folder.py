"""Tango's folder as it was released, around models of any size."""

import json
import re
from pathlib import Path

import torch

# What AudioLDM calls the tensors of the autoencoder, by their new names.
LDM_NAMES = (
    ("conv_shortcut", "nin_shortcut"),
    ("conv_norm_out", "norm_out"),
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
    ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
    ("mid_block.attentions.0.to_", "mid.attn_1."),
    ("down_blocks", "down"),
    ("up_blocks", "up"),
    ("downsamplers.0", "downsample"),
    ("upsamplers.0", "upsample"),
    ("resnets", "block"),
)


def vae_in_ldm(vae):
    """The state of an autoencoder as AudioLDM stores it."""
    levels = len(vae.config.block_out_channels)
    state = {}
    for name, value in vae.state_dict().items():
        if re.search(r"attentions.*weight", name) and "norm" not in name:
            value = value[:, :, None, None]
        for new, old in LDM_NAMES:
            name = name.replace(new, old)
        name = re.sub(
            r"\.up\.(\d)", lambda m: f".up.{levels - 1 - int(m[1])}", name
        )
        state[name] = value
    return state


def tango_states(models: dict) -> dict[str, dict]:
    """What the two files of weights hold, of models by their parts."""
    vocoder = {
        "vocoder." + name.replace("upsampler.", "ups."): value
        for name, value in models["vocoder"].state_dict().items()
        if name not in ("mean", "scale")
    }
    main = {
        f"{part}.{name}": value
        for part in ("unet", "text_encoder")
        for name, value in models[part].state_dict().items()
    }
    return {"vae": vae_in_ldm(models["vae"]) | vocoder, "main": main}


def write_tango(folder: Path, states: dict, scale_factor: float) -> Path:
    """Writes the files of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "vae_config.json": {"scale_factor": scale_factor},
        "stft_config.json": {},
        "main_config.json": {"text_encoder_name": "google/flan-t5-large"},
    }.items():
        (folder / name).write_text(json.dumps(content))
    for name, state in states.items():
        torch.save(state, folder / f"pytorch_model_{name}.bin")
    return folder
