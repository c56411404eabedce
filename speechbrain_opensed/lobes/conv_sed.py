"""A small detector that learns quickly from nothing.

The paper's decoder runs once for each phrase, and transformers take long to
learn what is near in time. Here the frames of a convolutional network are
compared with each phrase by one product, as FineLAP does
(https://arxiv.org/abs/2604.01155), so that a step of training asks for all
phrases at next to no cost.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.lobes.encoders.conv_stem import ConvStem
from speechbrain_opensed.lobes.encoders.dasheng import MagnitudeMel, decibels

__all__ = ["ConvSED"]

# Sounds are rare: where the bias of all phrases begins.
_PRIOR = -3.0


class _Neighbors(nn.Module):
    """Looks at frames some steps away, and keeps what was known before."""

    def __init__(self, dim: int, dilation: int, kernel: int = 5):
        super().__init__()
        self.mix = nn.Conv1d(
            *(dim, dim, kernel),
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=dim,
        )
        self.norm = nn.BatchNorm1d(dim)
        self.wide = nn.Conv1d(dim, 2 * dim, 1)
        self.narrow = nn.Conv1d(2 * dim, dim, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames `[batch, dim, time]` to the same shape."""
        return frames + self.narrow(
            self.wide(self.norm(self.mix(frames))).relu()
        )


class ConvSED(nn.Module):
    """Convolutional frames, one product for each phrase.

    Arguments
    ---------
    query_dim : int
        Width of a query.
    dim : int
        Width of the frames.
    dilations : sequence of int
        Of the convolutions over time, in frames of 40 ms, one after another.
    sample_rate : int
        Samples per second.

    Example
    -------
    >>> model = ConvSED(query_dim=8, dim=16, dilations=[1, 2])
    >>> model(torch.rand(2, 16000), torch.rand(5, 8)).shape
    torch.Size([2, 5, 25])
    """

    precisions = ("fp32",)

    def __init__(
        self,
        query_dim: int,
        dim: int = 128,
        dilations: Sequence[int] = (1, 2, 4, 8),
        sample_rate: int = 16000,
    ):
        super().__init__()
        self.mel_front_end = MagnitudeMel(sample_rate)
        self.input_norm = nn.BatchNorm1d(64)
        self.stem = ConvStem(dim)
        self.context = nn.Sequential(
            *(_Neighbors(dim, dilation) for dilation in dilations),
            nn.BatchNorm1d(dim),
        )
        # Linear, so that what is known of words adds up to what is known of
        # phrases; the last output is a phrase's bias.
        self.query = nn.Linear(query_dim, dim + 1)
        nn.init.constant_(self.query.bias[-1:], _PRIOR)

    def mel(self, wav: Tensor) -> Tensor:
        """Magnitude mel of wav `[batch, samples]`: `[batch, 64, frames]`."""
        with torch.autocast(wav.device.type, enabled=False):
            return self.mel_front_end(wav.float())

    def encode_mel(self, mel: Tensor) -> Tensor:
        """Encodes mel `[batch, 64, frames]`: `[batch, time, dim]`."""
        frames = self.stem(self.input_norm(decibels(mel))[:, None])
        return self.context(frames[:, :, 0]).transpose(1, 2)

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the model's rate.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`, one frame per 40 ms.
        """
        return self.encode_mel(self.mel(wav))

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Compares every frame with every query.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`, `[batch, time, dim]`.
        queries : torch.Tensor
            `[queries, query_dim]` for all clips, or `[batch, queries,
            query_dim]`.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.
        """
        check_precision(precision, self.precisions)
        asked = self.query(queries.to(feats.dtype))
        direction, bias = asked[..., :-1], asked[..., -1:]
        products = direction @ feats.transpose(1, 2) / feats.shape[2] ** 0.5
        return products + bias

    def forward(self, heard: Tensor, queries: Tensor) -> Tensor:
        """Encodes and decodes, the way training needs it.

        Arguments
        ---------
        heard : torch.Tensor
            Waves `[batch, samples]`, or what :meth:`mel` made of them.
        queries : torch.Tensor
            `[queries, query_dim]` or `[batch, queries, query_dim]`.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.
        """
        mel = heard if heard.ndim == 3 else self.mel(heard)
        return self.decode(self.encode_mel(mel), queries)
