"""Small towers that minutes of training are enough for, and their adapter.

With convolutions before its transformer, the audio tower learns from
thousands of clips what one of patches needs millions for.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

from lhotse_recipes.io import write_atomically
from lhotse_recipes.json_files import read_json
from speechbrain_opensed.checkpoints.reading import load_strict, read_state
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.projectors import mlp
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.text.roberta import END, PAD, START, RobertaText

SAMPLE_RATE = 16000


class SmallTowers(nn.Module):
    """Clips of one window and texts, in one space.

    Arguments
    ---------
    embed_dim, depth, num_heads : int
        Of the audio tower's transformer.
    text_dim, text_depth : int
        Of the text tower.
    embed_size : int
        Width of the space.
    window_frames : int
        Frames of 10 ms that are heard.
    vocab_size, max_tokens : int
        Numbers of the hash of words, and longest text.
    """

    def __init__(
        self,
        embed_dim=96,
        depth=1,
        num_heads=2,
        text_dim=64,
        text_depth=2,
        embed_size=96,
        window_frames=320,
        vocab_size=2000,
        max_tokens=48,
    ):
        super().__init__()
        self.num_samples = window_frames * SAMPLE_RATE // 100
        # Digital silence is nothing that mixtures teach.
        draw = torch.Generator().manual_seed(0)
        floor = 0.01 * torch.randn(self.num_samples - 1, generator=draw)
        self.register_buffer("floor", floor, persistent=False)
        self.audio = Dasheng(
            embed_dim,
            depth,
            num_heads,
            target_length=window_frames,
            stem="conv",
        )
        self.text = RobertaText(
            {
                "vocab_size": vocab_size,
                "hidden_size": text_dim,
                "num_hidden_layers": text_depth,
                "num_attention_heads": 2,
                "intermediate_size": 2 * text_dim,
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
                "initializer_range": 0.1,
            },
            "hash",
            max_tokens,
        )
        self.audio_proj = mlp(2 * embed_dim, embed_size)
        self.text_proj = mlp(text_dim, embed_size)
        self.embed_size = embed_size
        self.temperature = nn.Parameter(torch.tensor(0.1))

    def encode_audio(self, wavs):
        """Embeds waves `[batch, samples]`: `[batch, embed_size]`."""
        return F.normalize(self.project_audio(wavs), dim=-1)

    def project_audio(self, wavs):
        """The same before it is brought to norm 1."""
        wavs = wavs[:, : self.num_samples - 1]
        wavs = F.pad(wavs, (0, self.num_samples - 1 - wavs.shape[1]))
        frames = self.audio(wavs + self.floor)
        pooled = torch.cat([frames.mean(1), frames.amax(1)], dim=1)
        return self.audio_proj(pooled)

    def encode_texts(self, texts):
        """Embeds texts: `[texts, embed_size]`."""
        states = self.text(*self.text.tokenize(texts))
        return F.normalize(self.text_proj(states), dim=-1)

    @property
    def scale(self):
        """What cosines are multiplied by."""
        return 1 / self.temperature.clamp(min=0.01)

    def forward(self, wavs, texts):
        """Embeddings of clips and of texts."""
        return self.encode_audio(wavs), self.encode_texts(texts)


class SmallTower(AudioLanguageModel):
    """The towers, frozen, as prompt learners need them."""

    def __init__(self, model):
        super().__init__(model)
        self.width, self.embed_dim = model.text.dim, model.embed_size
        self.max_tokens, self.sample_rate = model.text.max_tokens, SAMPLE_RATE
        self.start_id, self.end_id, self.pad_id = START, END, PAD
        self.settings = {"num_samples": model.num_samples, "clips": "raw"}

    @property
    def logit_scale(self):
        """That of clips and texts."""
        return self.model.scale

    def token_ids(self, texts):
        """Ids of texts, without start and end."""
        return self.model.text.token_ids(texts)

    def embed_tokens(self, ids):
        """Vectors of tokens, `[..., width]`."""
        return self.model.text.embed_tokens(ids)

    def text_features(self, embeds, mask):
        """Projected states of the first token, `[texts, embed_dim]`."""
        return self.model.text_proj(self.model.text(None, mask, embeds))

    def audio_features(self, wavs, counts):
        """Clips as the projection gives them, `[batch, embed_dim]`."""
        return self.model.project_audio(wavs)


def save_towers(folder, model, sizes):
    """Writes `towers.safetensors`, and its sizes to `towers.json`."""
    folder = Path(folder)
    with write_atomically(folder / "towers.json") as file:
        json.dump(sizes, file, indent=1)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    with write_atomically(folder / "towers.safetensors", "wb") as file:
        file.write(save(state))


def new_towers(sizes):
    """Towers of random weights."""
    return SmallTowers(**sizes)


def load_towers(folder):
    """The frozen towers in a folder; None: small ones of random weights."""
    if folder is None:
        return SmallTower(SmallTowers(16, 1, 2, 16, 1, 16, vocab_size=500))
    folder = Path(folder)
    if not (folder / "towers.safetensors").is_file():
        raise FileNotFoundError(
            f"no towers.safetensors in {folder}: train towers first, by "
            "python pretrain.py hparams/pretrain.yaml"
        )
    sizes = read_json(folder / "towers.json", dict)
    state = read_state(folder / "towers.safetensors")
    return SmallTower(load_strict(SmallTowers(**sizes), state))
