"""FlexSED's decoder on any encoder.

Paper: https://arxiv.org/abs/2509.18606, which splits Dasheng in two; here
the encoder stays whole and frozen, and the decoder starts from random
weights.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speechbrain_opensed.lobes.on_encoder import OnEncoder
from speechbrain_opensed.lobes.query_decoder import QueryDecoder, smooth

__all__ = ["QuerySED"]


class QuerySED(OnEncoder):
    """Frozen encoder that hears a clip once, decoder that looks for queries.

    Arguments
    ---------
    encoder, pool_frames, encoder_config
        See :class:`~speechbrain_opensed.lobes.on_encoder.OnEncoder`.
    cls_dim : int
        Width of a query.
    embed_dim : int
        Width of the decoder, to which frames are brought.
    depth : int
        Its blocks.
    num_heads : int
        Attention heads per block.
    fusion, gate : str
        See :class:`~speechbrain_opensed.lobes.query_decoder.QueryDecoder`.
    dropout : float
        Of frames, in training.
    smooth_frames : int
        Odd number of frames over which logits are averaged, except in
        training; 1: none.

    Raises
    ------
    ValueError
        If the encoder is none, or `smooth_frames` is even.

    Example
    -------
    >>> model = QuerySED(
    ...     "mn01",
    ...     cls_dim=8,
    ...     encoder_config={"num_tags": 5},
    ...     embed_dim=16,
    ...     depth=1,
    ...     num_heads=2,
    ... ).eval()
    >>> feats = model.encode(torch.rand(2, 32000))
    >>> feats.shape, model.decode(feats, torch.rand(3, 8)).shape
    (torch.Size([2, 13, 421]), torch.Size([2, 3, 13]))
    """

    def __init__(
        self,
        encoder: nn.Module | str,
        cls_dim: int = 512,
        pool_frames: int | None = None,
        *,
        encoder_config: Mapping | None = None,
        embed_dim: int = 128,
        depth: int = 2,
        num_heads: int = 4,
        fusion: str = "adaln",
        gate: str = "tanh_one_minus",
        dropout: float = 0.1,
        smooth_frames: int = 1,
    ):
        super().__init__(encoder, pool_frames, encoder_config)
        if smooth_frames < 1 or smooth_frames % 2 == 0:
            raise ValueError(
                f"smooth_frames {smooth_frames}: give an odd number, 1 for none"
            )
        self.smooth_frames = smooth_frames
        encoder = self.encoder
        self.inlet = nn.Sequential(
            nn.LayerNorm(encoder.dim),
            nn.Dropout(dropout),
            nn.Linear(encoder.dim, embed_dim),
        )
        # Attention has no order of its own, and the encoder's is frozen.
        frames = math.ceil(round(encoder.window_seconds / self.hop_seconds, 6))
        self.positions = nn.Parameter(torch.randn(frames, embed_dim) * 0.02)
        self.decoder = QueryDecoder(
            embed_dim,
            depth,
            num_heads,
            cls_dim=cls_dim,
            fusion=fusion,
            gate=gate,
        )

    def decode(
        self,
        feats: Tensor,
        queries: Tensor,
        precision: str = "fp32",
        memory_budget: int | None = None,
    ) -> Tensor:
        """Looks for every query in every clip.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`, `[batch, time, dim]`.
        queries : torch.Tensor
            `[queries, cls_dim]` or `[batch, queries, cls_dim]`.
        precision, memory_budget
            See :meth:`QueryDecoder.decode
            <speechbrain_opensed.lobes.query_decoder.QueryDecoder.decode>`.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            If there is no query, the shapes do not fit, or there are more
            frames than a window has.
        """
        count = feats.shape[1]
        if count > len(self.positions):
            raise ValueError(
                f"{count} frames: a window has {len(self.positions)}"
            )
        x = self.inlet(feats.float()) + self.positions[:count]
        logits = self.decoder.decode(x, queries, precision, memory_budget)
        return logits if self.training else smooth(logits, self.smooth_frames)
