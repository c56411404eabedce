"""Dasheng, a masked-autoencoder audio transformer, at 16 kHz and 25 Hz.

Paper: https://arxiv.org/abs/2406.06992; layout of the released weights:
https://github.com/XiaoMi/dasheng.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.frontends import MelSpectrogram, mel_bank
from speechbrain_opensed.lobes.encoders.conv_stem import ConvStem
from speechbrain_opensed.lobes.transformer import Block

__all__ = ["MagnitudeMel", "decibels", "resize_positions", "Dasheng"]

HOP = 160
PATCH = 4


class MagnitudeMel(MelSpectrogram):
    """Magnitude mel spectrogram: 64 bands, 32 ms windows, every 10 ms.

    Arguments
    ---------
    sample_rate : int
        Samples per second.

    Example
    -------
    >>> MagnitudeMel()(torch.rand(2, 16000)).shape
    torch.Size([2, 64, 101])
    """

    def __init__(self, sample_rate: int = 16000):
        bank = mel_bank(512, sample_rate, 64, high=8000.0, slaney=False)
        super().__init__(bank, 512, HOP)

    def forward(self, wav: Tensor) -> Tensor:
        """Turns wav `[batch, samples]` into `[batch, 64, frames]`."""
        pad_mode = "reflect" if wav.shape[-1] > self.n_fft else "constant"
        return self.mel(wav, pad_mode=pad_mode).transpose(1, 2)


def decibels(mel: Tensor, top_db: float = 120.0) -> Tensor:
    """Magnitude to dB, no lower than `top_db` under each clip's own maximum.

    torchaudio's `AmplitudeToDB` takes the maximum of the whole batch for an
    input of three dimensions, so that a clip's features hang on its
    neighbours in the batch; here they do not.

    Arguments
    ---------
    mel : torch.Tensor
        `[batch, bands, frames]`, magnitudes.
    top_db : float
        Dynamic range in dB.

    Returns
    -------
    torch.Tensor
        `[batch, bands, frames]`, dB.

    Example
    -------
    >>> decibels(torch.tensor([[[1.0, 0.1, 0.0]]]))
    tensor([[[   0.,  -20., -120.]]])
    """
    level = 20 * torch.log10(mel.clamp(min=1e-10))
    floor = level.amax(dim=(-2, -1), keepdim=True) - top_db
    return torch.maximum(level, floor)


class Dasheng(nn.Module):
    """Audio encoder with one token per 40 ms.

    Arguments
    ---------
    embed_dim : int
        Width of the tokens.
    depth : int
        Number of transformer blocks.
    num_heads : int
        Attention heads per block.
    target_length : int
        Longest input in mel frames of 10 ms; sets the table of positions.
    sample_rate : int
        Samples per second.
    final_norm : bool
        Whether a LayerNorm ends the encoder.
    stem : str
        `patch`: one linear map per 40 ms, that of the released weights;
        `conv`: a :class:`ConvStem`.

    Raises
    ------
    ValueError
        If the stem has another name.

    Example
    -------
    >>> encoder = Dasheng(embed_dim=16, depth=1, num_heads=2)
    >>> encoder(torch.rand(2, 16000)).shape
    torch.Size([2, 25, 16])
    """

    sample_rate = 16000
    hop_seconds = PATCH * HOP / 16000

    def __init__(
        self,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        *,
        target_length: int = 1008,
        sample_rate: int = 16000,
        final_norm: bool = True,
        stem: str = "patch",
    ):
        super().__init__()
        if stem not in ("patch", "conv"):
            raise ValueError(f"unknown stem {stem!r}: choose 'patch' or 'conv'")
        self.mel = MagnitudeMel(sample_rate)
        # Position 1 of the sequence, as in the released checkpoints.
        self.init_bn = nn.Sequential(
            nn.Identity(), nn.BatchNorm1d(64, momentum=0.01)
        )
        self.patch_embed = nn.ModuleDict(
            {
                "proj": nn.Conv2d(1, embed_dim, (64, PATCH), (64, PATCH))
                if stem == "patch"
                else ConvStem(embed_dim)
            }
        )
        tokens = target_length // PATCH
        # What a detector needs to know, see `encoders.protocol.Encoder`.
        self.sample_rate = sample_rate
        self.hop_seconds = PATCH * HOP / sample_rate
        self.window_seconds = tokens * self.hop_seconds
        self.dim = embed_dim
        self.num_tags = 0
        self.time_pos_embed = nn.Parameter(
            torch.randn(1, embed_dim, 1, tokens) * 0.02
        )
        self.freq_pos_embed = nn.Parameter(
            torch.randn(1, embed_dim, 1, 1) * 0.02
        )
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads) for _ in range(depth)
        )
        self.norm = (
            nn.LayerNorm(embed_dim, eps=1e-6) if final_norm else nn.Identity()
        )

    def encode_mel(self, mel: Tensor) -> Tensor:
        """Encodes a magnitude mel spectrogram.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, 64, frames]`.

        Returns
        -------
        torch.Tensor
            `[batch, frames // 4, embed_dim]`.

        Raises
        ------
        ValueError
            If the input is longer than the table of positions, or shorter
            than one token.
        """
        # The range of these values does not fit half precision.
        with torch.autocast(mel.device.type, enabled=False):
            x = self.init_bn(decibels(mel.float()))
        limit = self.time_pos_embed.shape[-1]
        if not PATCH <= x.shape[-1] < (limit + 1) * PATCH:
            raise ValueError(
                f"{x.shape[-1]} mel frames of 10 ms: the encoder takes "
                f"{PATCH} to {(limit + 1) * PATCH - 1}; pad or cut the audio "
                "(SoundEventDetector does it for files of any length)"
            )
        x = self.patch_embed["proj"](x.unsqueeze(1))
        x = x + self.time_pos_embed[..., : x.shape[-1]] + self.freq_pos_embed
        x = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def encode(self, wav: Tensor) -> Tensor:
        """Encodes wav `[batch, samples]` to `[batch, tokens, embed_dim]`."""
        return self(wav)

    def forward(self, wav: Tensor) -> Tensor:
        """Encodes wav `[batch, samples]` to `[batch, tokens, embed_dim]`."""
        with torch.autocast(wav.device.type, enabled=False):
            mel = self.mel(wav.float())
        return self.encode_mel(mel)


def resize_positions(table: Tensor, length: int) -> Tensor:
    """Fits a table of positions to another length.

    Arguments
    ---------
    table : torch.Tensor
        `[1, dim, 1, positions]`.
    length : int
        Positions wanted: fewer are cut off, more are interpolated.

    Returns
    -------
    torch.Tensor
        `[1, dim, 1, length]`.

    Example
    -------
    >>> resize_positions(torch.rand(1, 4, 1, 10), 20).shape
    torch.Size([1, 4, 1, 20])
    """
    if length <= table.shape[-1]:
        return table[..., :length]
    return F.interpolate(table, size=(1, length), mode="bilinear")
