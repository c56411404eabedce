"""FineLAP's towers, frozen, as prompt learners need them.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.text.roberta import END, PAD, START

__all__ = ["FineLAPTower"]

# Weights are drawn wider than for training, so that texts differ.
TINY: dict[str, Any] = dict(
    embed_dim=16,
    depth=1,
    num_heads=2,
    embed_size=32,
    roberta=dict(
        vocab_size=997,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.3,
    ),
    tokenizer="hash",
)


class FineLAPTower(AudioLanguageModel):
    """Clips and texts of a FineLAP model.

    Audio may have any length from 25 ms: what is longer than a window is
    cut into windows, whose embeddings are averaged. Audio embeddings always
    have norm 1.

    Arguments
    ---------
    source : FineLAP
        The model, as :func:`~speechbrain_opensed.checkpoints.load_finelap`
        reads it; it is frozen.

    Example
    -------
    >>> tower = FineLAPTower.tiny()
    >>> tower.encode_text(["dog barking", "rain"]).shape
    torch.Size([2, 32])
    >>> tower.encode_audio(torch.rand(1, 16000)).shape
    torch.Size([1, 32])
    """

    def __init__(self, source: FineLAP):
        super().__init__(source)
        text = source.text_encoder
        self.width, self.embed_dim = text.dim, source.embed_size
        self.max_tokens, self.sample_rate = (
            text.max_tokens,
            source.spec.sample_rate,
        )
        self.start_id, self.end_id, self.pad_id = START, END, PAD
        self.settings = {
            "padding": source.padding,
            "hop_samples": source.hop_samples,
            "window_frames": source.window_frames,
            "clips": "raw",
        }

    @classmethod
    def tiny(cls, seed: int = 0) -> "FineLAPTower":
        """A small one of random weights, to try things out."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = FineLAP(**TINY)
            # As it is drawn for training, all sounds are alike to it.
            for parameter in model.tower.modality_encoders.parameters():
                torch.nn.init.normal_(parameter)
        return cls(model)

    @property
    def logit_scale(self) -> Tensor:
        """The inverse of the temperature of clips."""
        return 1 / self.model.clip_scale[0]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts, without start and end."""
        return self.model.text_encoder.token_ids(texts)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Vectors of tokens, `[..., width]`."""
        return self.model.text_encoder.embed_tokens(ids)

    def text_features(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Projected states of the first token, `[texts, embed_dim]`."""
        states = self.model.text_encoder(None, mask, embeds)
        return self.model.global_text_proj(states)

    def audio_features(self, wavs: Tensor, counts: list[int]) -> Tensor:
        """Clips as the projection gives them, `[batch, embed_dim]`."""
        lengths = torch.tensor(counts, dtype=torch.float64) / wavs.shape[1]
        return self.model.encode_audio(wavs, lengths, normalize=False)[0]
