"""Weights of small encoders, as the released ones are laid out."""

import torch
from transformers import ClapFeatureExtractor

from speechbrain_opensed.lobes.encoders.beats import BEATs
from speechbrain_opensed.lobes.prompts.alm_clap import TINY_FRONT, ClapTower
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import BEATS
from tests.unit.speechbrain_opensed.lobes.encoders.test_beats import published
from tests.unit.speechbrain_opensed.lobes.encoders.test_clap import save_tokens

# Ten seconds, in a hundred frames.
FRONT = TINY_FRONT | {"max_length_s": 10, "hop_length": 4800}
SIZES = {
    "htsat": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
        "spec_size": 64,
        "front": FRONT,
    },
    "beats": {"num_tags": 4, "sizes": BEATS},
}


def save_weights(name, folder):
    """Where the weights of one of `SIZES` are now, below a folder."""
    folder.mkdir()
    torch.manual_seed(0)
    if name == "beats":
        torch.save(published(BEATs(**SIZES[name])), folder / "beats.pt")
        return folder / "beats.pt"
    ClapTower.tiny(fused=False).model.save_pretrained(folder)
    save_tokens(folder)
    ClapFeatureExtractor(frequency_min=50, **FRONT).save_pretrained(folder)
    return folder
