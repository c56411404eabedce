"""Convolutional patch embedding for encoders that are trained from scratch.

A linear patch embedding has to learn that a sound is the same one a few mel
bands higher; convolutions know. With minutes of training and hundreds of
recordings, not thousands of hours, that shows (Xiao et al., "Early
convolutions help transformers see better", https://arxiv.org/abs/2106.14881).

Authors
 * The speechbrain-opensed contributors 2026
"""

from torch import Tensor, nn

__all__ = ["ConvStem"]


class ConvStem(nn.Module):
    """Three convolutions, then one linear map over what is left of frequency.

    Arguments
    ---------
    embed_dim : int
        Width of the tokens.
    channels : tuple of int
        Widths of the convolutions.

    Example
    -------
    >>> import torch
    >>> ConvStem(16)(torch.rand(2, 1, 64, 101)).shape
    torch.Size([2, 16, 1, 25])
    """

    def __init__(
        self, embed_dim: int, channels: tuple[int, int, int] = (24, 48, 96)
    ):
        super().__init__()
        layers, before = [], 1
        strides = ((2, 2), (2, 2), (2, 1))
        for width, stride in zip(channels, strides, strict=True):
            layers += [
                nn.Conv2d(before, width, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            before = width
        self.layers = nn.Sequential(*layers)
        self.proj = nn.Conv2d(before, embed_dim, (8, 1))

    def forward(self, mel: Tensor) -> Tensor:
        """Embeds mel `[batch, 1, 64, frames]`.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, 1, 64, frames]`; frames beyond a multiple of 4 are cut
            off, as by patches.

        Returns
        -------
        torch.Tensor
            `[batch, embed_dim, 1, frames // 4]`.
        """
        return self.proj(self.layers(mel[..., : mel.shape[-1] // 4 * 4]))
