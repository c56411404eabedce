"""Closed-vocabulary baseline: an encoder and one linear track per class.

It is FlexSED's baseline (https://arxiv.org/abs/2509.18606, section 3), with
the interface of a prompted detector: a query is a row of one-hot encoding.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor, nn

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng

__all__ = ["DashengSED"]


class DashengSED(nn.Module):
    """Linear frame classifier on an audio encoder.

    Arguments
    ---------
    num_classes : int
        Size of the vocabulary, the width of a query.
    embed_dim : int
        Width of the tokens.
    depth : int
        Number of transformer blocks.
    num_heads : int
        Attention heads per block.
    target_length : int
        Longest input in mel frames of 10 ms.
    sample_rate : int
        Samples per second.

    Example
    -------
    >>> model = DashengSED(5, embed_dim=16, depth=1, num_heads=2)
    >>> model(torch.rand(2, 16000), torch.eye(5)[:3]).shape
    torch.Size([2, 3, 25])
    """

    precisions = ("fp32",)

    def __init__(
        self,
        num_classes: int,
        embed_dim: int = 768,
        depth: int = 12,
        *,
        num_heads: int = 12,
        target_length: int = 1008,
        sample_rate: int = 16000,
    ):
        super().__init__()
        self.encoder = Dasheng(
            embed_dim,
            depth,
            num_heads,
            target_length=target_length,
            sample_rate=sample_rate,
        )
        self.sed_head = nn.Linear(embed_dim, num_classes)

    def init_from(self, dasheng: Dasheng) -> "DashengSED":
        """Starts from a pretrained encoder of the same size."""
        self.encoder.load_state_dict(dasheng.state_dict())
        return self

    def mel(self, wav: Tensor) -> Tensor:
        """Magnitude mel of wav `[batch, samples]`: `[batch, 64, frames]`."""
        with torch.autocast(wav.device.type, enabled=False):
            return self.encoder.mel(wav.float())

    def encode(self, wav: Tensor) -> Tensor:
        """Encodes wav `[batch, samples]` to `[batch, time, embed_dim]`."""
        return self.encoder(wav)

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Picks the tracks that are asked for.

        Arguments
        ---------
        feats : torch.Tensor
            `[batch, time, embed_dim]`.
        queries : torch.Tensor
            One-hot, `[queries, num_classes]` or `[batch, queries,
            num_classes]`.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.
        """
        check_precision(precision, self.precisions)
        return queries @ self.sed_head(feats).transpose(1, 2).to(queries.dtype)

    def forward(self, heard: Tensor, queries: Tensor) -> Tensor:
        """Encodes waves or mel and decodes; see FlexSED."""
        mel = heard if heard.ndim == 3 else self.mel(heard)
        return self.decode(self.encoder.encode_mel(mel), queries)
