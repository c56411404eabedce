"""What detectors on a frozen encoder have in common.

Authors
 * The speechbrain-opensed contributors 2026
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speechbrain_opensed.lobes.encoders.named import (
    adopt,
    encode_window,
    make_encoder,
    pooled_frames,
)
from speechbrain_opensed.lobes.encoders.protocol import check_encoder

__all__ = ["OnEncoder"]


class OnEncoder(nn.Module, ABC):
    """Hears by a frozen encoder; what it finds in the frames is its heirs'.

    Arguments
    ---------
    encoder : Encoder or str
        Stays as it is. By name, such as `mn04`: see
        :func:`~speechbrain_opensed.lobes.encoders.named.make_encoder`.
    pool_frames : int, optional
        Frames of the encoder that are averaged to one of the detector's;
        default: those of about 80 ms.
    encoder_config : mapping, optional
        Of an encoder by name: sizes other than the released ones.

    Raises
    ------
    ValueError
        If the encoder is none.

    Example
    -------
    >>> class Likeness(OnEncoder):
    ...     def decode(self, feats, queries):
    ...         return queries @ feats.transpose(1, 2)
    >>> model = Likeness("mn01", encoder_config={"num_tags": 5})
    >>> model(torch.rand(2, 32000), torch.rand(3, 421)).shape
    torch.Size([2, 3, 13])
    >>> model.hop_seconds
    0.08
    """

    def __init__(
        self,
        encoder: nn.Module | str,
        pool_frames: int | None = None,
        encoder_config: Mapping | None = None,
    ):
        super().__init__()
        if isinstance(encoder, str):
            encoder = make_encoder(encoder, encoder_config)
        elif encoder_config:
            raise ValueError(
                "encoder_config has no effect on an encoder that is there: "
                "give its name, or make it with these sizes"
            )
        self.encoder: nn.Module = check_encoder(encoder)
        # In `eval` from the first: frames may be heard before any training,
        # and batch norm would go by the batch and forget what it knew.
        self.encoder.requires_grad_(False).eval()
        self.pool_frames = pool_frames or pooled_frames(encoder)
        self.hop_seconds = encoder.hop_seconds * self.pool_frames

    def train(self, mode: bool = True) -> "OnEncoder":
        """Sets the mode of training; the encoder stays in `eval`."""
        super().train(mode)
        self.encoder.eval()
        return self

    def init_from(self, encoder: nn.Module) -> "OnEncoder":
        """Takes over a pretrained encoder's weights, of the same size."""
        adopt(self.encoder, encoder)
        return self

    @torch.no_grad()
    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Shorter clips than a window are heard with silence behind them, as in
        training.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the encoder's rate, at most one window.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`, as many frames as cover the samples.
        """
        return encode_window(self.encoder, wav, self.pool_frames)

    @abstractmethod
    def decode(self, feats: Tensor, queries: Tensor) -> Tensor:
        """Looks for queries `[..., queries, dim]` in what `encode` gave."""

    def forward(self, heard: Tensor, queries: Tensor) -> Tensor:
        """Encodes and decodes, the way training needs it.

        Arguments
        ---------
        heard : torch.Tensor
            Waves `[batch, samples]`, or what :meth:`encode` made of them,
            `[batch, time, dim]`.
        queries : torch.Tensor
            `[queries, dim]` or `[batch, queries, dim]`.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.
        """
        feats = heard if heard.ndim == 3 else self.encode(heard)
        return self.decode(feats, queries)
