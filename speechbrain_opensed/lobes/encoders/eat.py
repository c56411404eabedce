"""EAT, an audio transformer over 16 x 16 patches of a spectrogram.

Paper: https://arxiv.org/abs/2401.03497; layout of the released weights:
https://github.com/cwx-worst-one/EAT.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor, nn

from speechbrain_opensed.core.frontends import KaldiMel
from speechbrain_opensed.lobes.transformer import Attention, Mlp

__all__ = ["EAT", "PATCH", "PostNormBlock", "sincos_positions"]

PATCH = 16
BANDS = 128
ROWS = BANDS // PATCH


def sincos_positions(dim: int, time: int, freq: int = ROWS) -> Tensor:
    """Fixed table of positions: sines and cosines of both axes.

    Arguments
    ---------
    dim : int
        Width of the tokens, a multiple of 4.
    time : int
        Patches along time.
    freq : int
        Patches along frequency.

    Returns
    -------
    torch.Tensor
        `[1, time * freq, dim]`, time outside; the first half of each row
        says where along frequency, the second where along time.

    Example
    -------
    >>> sincos_positions(8, time=2, freq=1)[0, 1].tolist()[:4]
    [0.0, 0.0, 1.0, 1.0]
    """
    if dim % 4:
        raise ValueError(f"embed_dim {dim} is not a multiple of 4")
    exponent = torch.arange(dim // 4, dtype=torch.float64) / (dim // 4)
    omega = 10000.0**-exponent
    angles = torch.cartesian_prod(
        torch.arange(time, dtype=torch.float64),
        torch.arange(freq, dtype=torch.float64),
    )
    t, f = (angle[:, None] * omega for angle in angles.unbind(1))
    table = torch.cat([f.sin(), f.cos(), t.sin(), t.cos()], dim=1)
    return table.float().unsqueeze(0)


class PostNormBlock(nn.Module):
    """Attention and MLP, each before a LayerNorm, with stochastic depth.

    Arguments
    ---------
    dim : int
        Width of the tokens.
    num_heads : int
        Number of attention heads.
    drop_path : float
        Chance, in training, that a branch is left out for a clip.

    Example
    -------
    >>> PostNormBlock(16, num_heads=2)(torch.rand(3, 10, 16)).shape
    torch.Size([3, 10, 16])
    """

    def __init__(self, dim: int, num_heads: int, drop_path: float = 0.0):
        super().__init__()
        self.drop_path = drop_path
        self.attn = Attention(dim, num_heads)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, 4 * dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Transforms x `[batch, time, dim]`; see Attention for the mask."""
        x = self.norm1(x + self._thin(self.attn(x, mask)))
        return self.norm2(x + self._thin(self.mlp(x)))

    def _thin(self, branch):
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        kept = branch.new_empty(len(branch), 1, 1).bernoulli_(keep)
        return branch * kept / keep


class EAT(nn.Module):
    """Audio encoder with one summarising token and 8 patches per 160 ms.

    Arguments
    ---------
    embed_dim : int
        Width of the tokens.
    depth : int
        Number of transformer blocks.
    num_heads : int
        Attention heads per block.
    target_length : int
        Longest input in mel frames of 10 ms, a multiple of 16.
    drop_path : float
        Chance of leaving out a branch in training, in the last block; it
        rises from 0 in the first.

    Raises
    ------
    ValueError
        If a size is not a multiple of what it has to be.

    Example
    -------
    >>> encoder = EAT(embed_dim=16, depth=1, num_heads=2)
    >>> mel = encoder.mel(torch.rand(2, 16000), num_frames=96)
    >>> clip, frames = encoder(mel)
    >>> clip.shape, frames.shape
    (torch.Size([2, 16]), torch.Size([2, 6, 16]))
    """

    sample_rate = 16000
    hop_seconds = PATCH / 100

    def __init__(
        self,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        *,
        target_length: int = 1024,
        drop_path: float = 0.1,
    ):
        super().__init__()
        if target_length < PATCH or target_length % PATCH:
            raise ValueError(
                f"target_length {target_length} is not a multiple of {PATCH}"
            )
        self.mel = KaldiMel(BANDS)
        # The names are those of the released checkpoints.
        self.modality_encoders = nn.ModuleDict({"IMAGE": _Patches(embed_dim)})
        self.blocks = nn.ModuleList(
            PostNormBlock(
                embed_dim, num_heads, drop_path * i / max(1, depth - 1)
            )
            for i in range(depth)
        )
        self.num_times = target_length // PATCH
        # What a detector needs to know, see `encoders.protocol.Encoder`.
        self.window_seconds = self.num_times * self.hop_seconds
        self.least_samples = self.mel.width
        self.dim = self.clip_dim = embed_dim
        self.num_tags = 0
        self.register_buffer(
            "positions",
            sincos_positions(embed_dim, self.num_times),
            persistent=False,
        )

    def tokens(self, mel: Tensor, valid: Tensor | None = None) -> Tensor:
        """Encodes normalised mel frames to all tokens.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, frames, 128]` from `self.mel`; a last part of a patch
            is left out.
        valid : torch.Tensor, optional
            How many patches along time each clip has, `[batch]`: no token
            attends to those behind. Default: all count.

        Returns
        -------
        torch.Tensor
            `[batch, 1 + frames // 16 * 8, embed_dim]`: the summary, then
            patches, frequency by frequency within each time.

        Raises
        ------
        ValueError
            If the input is longer than `target_length`, or shorter than one
            patch.
        """
        times = mel.shape[1] // PATCH
        if not 0 < times <= self.num_times:
            raise ValueError(
                f"{mel.shape[1]} mel frames of 10 ms: the encoder takes "
                f"{PATCH} to {self.num_times * PATCH}; pad or cut the audio "
                "(FineLAP.encode_audio does it for any length)"
            )
        x = self.modality_encoders["IMAGE"](mel, self.positions)
        mask = None
        if valid is not None:
            place = torch.arange(x.shape[1] - 1, device=x.device) // ROWS
            mask = place < valid.to(x.device)[:, None]
            # The summary is always there.
            mask = nn.functional.pad(mask, (1, 0), value=True)
            mask = mask[:, None, None]
        for block in self.blocks:
            x = block(x, mask)
        return x

    def forward(
        self, mel: Tensor, valid: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encodes mel frames to what other modules build on.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, frames, 128]`.
        valid : torch.Tensor, optional
            See :meth:`tokens`.

        Returns
        -------
        torch.Tensor
            The summary `[batch, embed_dim]`.
        torch.Tensor
            The mean over frequency at each time, `[batch, frames // 16,
            embed_dim]`.
        """
        x = self.tokens(mel, valid)
        return x[:, 0], x[:, 1:].unflatten(1, (-1, ROWS)).mean(dim=2)

    def window_mel(
        self, wav: Tensor, counts: Tensor | None, times: int
    ) -> Tensor:
        """What the encoder sees of clips of at most one window.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 16 kHz.
        counts : torch.Tensor or None
            True number of samples of each clip, `[batch]`; None: all.
        times : int
            Patches along time that are wanted.

        Returns
        -------
        torch.Tensor
            `[batch, 16 * times, 128]`, see :class:`KaldiMel`.
        """
        return self.mel(wav, counts, times * PATCH)

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 16 kHz, at least one window of 25 ms.

        Returns
        -------
        torch.Tensor
            The mean over frequency every 160 ms, `[batch, samples // 2560,
            embed_dim]`.
        """
        times = wav.shape[1] // round(self.hop_seconds * self.sample_rate)
        # The last window would reach behind the end: it is padding.
        return self(self.mel(wav, num_frames=times * PATCH))[1]


class _Patches(nn.Module):
    """Cuts a spectrogram into patches and puts the summary before them."""

    def __init__(self, dim: int):
        super().__init__()
        self.extra_tokens = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.local_encoder = nn.ModuleDict(
            {"proj": nn.Conv2d(1, dim, PATCH, PATCH)}
        )
        self.context_encoder = nn.ModuleDict(
            {"norm": nn.LayerNorm(dim, eps=1e-6)}
        )

    def forward(self, mel, positions):
        x = self.local_encoder["proj"](mel.unsqueeze(1))
        x = x.flatten(2).transpose(1, 2)
        x = x + positions[:, : x.shape[1]]
        x = torch.cat([self.extra_tokens.expand(len(x), -1, -1), x], dim=1)
        return self.context_encoder["norm"](x)
