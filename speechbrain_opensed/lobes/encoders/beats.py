"""BEATs as SpeechBrain keeps it, as an encoder of frames.

Paper: https://arxiv.org/abs/2212.09058; layout of the released weights:
https://github.com/microsoft/unilm/tree/master/beats.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from typing import Any

import torch
from speechbrain.lobes.models import beats
from torch import Tensor, nn

__all__ = ["BEATs"]

PATCH = 16
ROWS = 128 // PATCH
# The released models, where they differ from SpeechBrain's defaults.
RELEASED: Mapping[str, Any] = {
    "deep_norm": True,
    "gru_rel_pos": True,
    "relative_position_embedding": True,
    "max_distance": 800,
}


class BEATs(beats.BEATs):
    """Audio transformer over 16 x 16 patches, with tags if it was taught any.

    SpeechBrain's class is built from a file alone; this one from sizes, so
    that an export can hold it. What it computes is SpeechBrain's.

    Arguments
    ---------
    num_tags : int
        Classes of a model that was fine-tuned to tag; 0: none.
    sizes : mapping, optional
        Where it differs from the released models: keys of SpeechBrain's
        `BEATsConfig`, such as `encoder_layers`.

    Raises
    ------
    ValueError
        If a key of the sizes is unknown or decided otherwise.

    Example
    -------
    >>> sizes = dict(
    ...     embed_dim=8,
    ...     encoder_embed_dim=16,
    ...     encoder_ffn_embed_dim=16,
    ...     encoder_layers=1,
    ...     encoder_attention_heads=2,
    ...     conv_pos=4,
    ...     conv_pos_groups=2,
    ... )
    >>> encoder = BEATs(num_tags=5, sizes=sizes)
    >>> encoder.encode(torch.rand(2, 16000)).shape, encoder.dim
    (torch.Size([2, 6, 21]), 21)
    """

    sample_rate = 16000
    hop_seconds = PATCH / 100
    window_seconds = 10.08  # AudioSet's ten seconds in whole frames

    def __init__(self, num_tags: int = 527, sizes: Mapping | None = None):
        nn.Module.__init__(self)
        self.sizes = {**RELEASED, **(sizes or {})}
        known = vars(beats.BEATsConfig())
        fixed = ("finetuned_model", "predictor_class", "input_patch_size")
        unknown = sorted(set(self.sizes) - (set(known) - set(fixed)))
        if unknown:
            raise ValueError(
                f"sizes {unknown} of BEATs: choose from "
                f"{sorted(set(known) - set(fixed))}; num_tags says how many "
                "classes it tags"
            )
        cfg = self.cfg = beats.BEATsConfig(self.sizes)
        self.freeze, self.output_all_hiddens = False, False
        self.embed = cfg.embed_dim
        # The names are those of the released checkpoints.
        self.post_extract_proj = (
            nn.Linear(cfg.embed_dim, cfg.encoder_embed_dim)
            if cfg.embed_dim != cfg.encoder_embed_dim
            else None
        )
        self.input_patch_size = PATCH
        self.patch_embedding = nn.Conv2d(
            1, cfg.embed_dim, PATCH, PATCH, bias=cfg.conv_bias
        )
        self.dropout_input = nn.Dropout(cfg.dropout_input)
        self.encoder = beats.TransformerEncoder(cfg)
        self.layer_norm = nn.LayerNorm(cfg.embed_dim)
        # Tags are asked of each frame: SpeechBrain's answer is one per clip.
        self.predictor = None
        self.tagger = (
            nn.Linear(cfg.encoder_embed_dim, num_tags) if num_tags else None
        )
        self.num_tags = num_tags
        self.dim = cfg.encoder_embed_dim + num_tags

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 16 kHz.

        Returns
        -------
        torch.Tensor
            The mean over frequency every 160 ms and the logits of the tags
            there, `[batch, samples // 2560, dim]`.

        Raises
        ------
        ValueError
            If the clip is shorter than a frame.
        """
        count = wav.shape[1] // round(self.hop_seconds * self.sample_rate)
        if count == 0:
            raise ValueError(
                f"{wav.shape[1]} samples: give at least 2560, 160 ms"
            )
        # The last window would reach behind the end.
        wav = nn.functional.pad(wav, (0, 400))
        everything = torch.ones(len(wav), device=wav.device)
        (tokens,) = self.extract_features(wav, everything)
        frames = tokens.unflatten(1, (-1, ROWS))[:, :count]
        heard = frames.mean(dim=2)
        if self.tagger is None:
            return heard
        return torch.cat([heard, self.tagger(frames).mean(dim=2)], dim=-1)
