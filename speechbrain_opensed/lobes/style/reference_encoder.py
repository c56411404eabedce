"""Encoder of reference sounds: a residual network with frames as output.

Size and blocks are those of H/ASP (https://arxiv.org/abs/2009.14153), which
the sound-event enhanced prompt adapter (https://arxiv.org/abs/2409.09381)
takes as its reference encoder.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from speechbrain.lobes.models.ECAPA_TDNN import AttentiveStatisticsPooling
from torch import Tensor, nn

from speechbrain_opensed.lobes.style.codec import LogMel

__all__ = ["ReferenceEncoder", "ReferenceMel", "ResidualBlock"]


class ReferenceMel(nn.Module):
    """Log-mel spectrogram of sounds of several lengths, level taken out.

    Only frames whose window lies wholly inside a sound count, so that
    padding changes nothing.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    num_mels : int
        Bands.
    n_fft, hop_length : int
        Window and hop in samples.
    normalise : str
        `"clip"`: each sound has mean 0 and variance 1 over time and bands,
        which keeps its colour; `"band"`: each band over time, as in H/ASP,
        which takes a steady colour away.

    Raises
    ------
    ValueError
        If `normalise` is unknown or sounds are no `[batch, samples]`.

    Example
    -------
    >>> mel, frames = ReferenceMel()(torch.rand(2, 32000))
    >>> mel.shape, frames
    (torch.Size([2, 124, 80]), tensor([124, 124]))
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        num_mels: int = 80,
        n_fft: int = 1024,
        *,
        hop_length: int = 256,
        normalise: str = "clip",
    ):
        super().__init__()
        if normalise not in ("clip", "band"):
            raise ValueError(
                f"normalise {normalise!r}: choose 'clip' or 'band'"
            )
        #: What it is made with.
        self.sizes = {
            "sample_rate": sample_rate,
            "num_mels": num_mels,
            "n_fft": n_fft,
            "hop_length": hop_length,
            "normalise": normalise,
        }
        self.spectrogram = LogMel(sample_rate, num_mels, n_fft, hop_length)
        self.dims = (1, 2) if normalise == "clip" else (1,)

    def forward(
        self, wavs: Tensor, lens: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Spectrogram `[batch, frames, mels]` and frames per sound `[batch]`.

        Arguments
        ---------
        wavs : torch.Tensor
            `[batch, samples]`.
        lens : torch.Tensor, optional
            Relative lengths `[batch]`.
        """
        if wavs.ndim != 2:
            raise ValueError(
                f"references of shape {list(wavs.shape)}: give mono sounds, "
                "[batch, samples]"
            )
        n_fft = self.spectrogram.n_fft
        hop = self.spectrogram.hop_length
        samples = wavs.shape[1]
        if lens is None:
            lens = wavs.new_ones(len(wavs))
        lengths = (lens.double() * samples).round()
        inside = torch.arange(samples, device=wavs.device) < lengths[:, None]
        wavs = F.pad(wavs * inside, (0, max(0, n_fft - samples)))
        mel = self.spectrogram(wavs)[:, 0]
        # Windows are centred: frame i ends half a window behind i * hop.
        frames = ((lengths - n_fft // 2) / hop).floor().long() + 1
        frames = frames.clamp(min=1)
        mel = mel[:, : max(1, (wavs.shape[1] - n_fft // 2) // hop + 1)]
        mask = _mask(frames, mel.shape[1])[:, :, None].expand_as(mel)
        count = mask.sum(self.dims, keepdim=True)
        mean = (mel * mask).sum(self.dims, keepdim=True) / count
        mel = (mel - mean) * mask
        variance = mel.square().sum(self.dims, keepdim=True) / count
        return mel * torch.rsqrt(variance + 1e-5), frames


class ResidualBlock(nn.Module):
    """Two convolutions, squeeze and excitation, and a shortcut.

    Arguments
    ---------
    inputs, outputs : int
        Channels.
    stride : int
        Of time and bands.
    reduction : int
        Channels per unit in the squeeze.

    Example
    -------
    >>> block = ResidualBlock(4, 8, stride=2)
    >>> block(torch.rand(2, 4, 10, 6), torch.ones(2, 1, 5, 1)).shape
    torch.Size([2, 8, 5, 3])
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, reduction: int = 8
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        squeezed = max(1, outputs // reduction)
        self.excitation = nn.Sequential(
            nn.Linear(outputs, squeezed),
            nn.ReLU(),
            nn.Linear(squeezed, outputs),
            nn.Sigmoid(),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Run the block.

        Arguments
        ---------
        x : torch.Tensor
            `[batch, inputs, time, bands]`, zero behind each sound's end.
        mask : torch.Tensor
            1 inside the sound, `[batch, 1, time of the output, 1]`.

        Returns
        -------
        torch.Tensor
            `[batch, outputs, time / stride, bands / stride]`.
        """
        y = self.norm1(F.relu(self.conv1(x))) * mask
        y = self.norm2(self.conv2(y)) * mask
        mean = y.sum((2, 3)) / (mask.sum((2, 3)) * y.shape[3])
        y = y * self.excitation(mean)[:, :, None, None]
        return F.relu(y + self.shortcut(x)) * mask


class ReferenceEncoder(nn.Module):
    """Turns reference sounds into tokens to which text can attend.

    Any module with the attribute `dim` and the same call can take its place.

    Arguments
    ---------
    dim : int
        Width of the tokens.
    tokens : str
        `"frames"`: one token per eight frames of the spectrogram;
        `"pooled"`: one token per sound, by attentive statistics, to which
        every text token attends alike.
    channels : sequence of int
        Per stage.
    blocks : sequence of int
        Residual blocks per stage.
    mel : ReferenceMel, optional
        Front end; its default is 80 bands every 16 ms at 16 kHz.

    Raises
    ------
    ValueError
        If `tokens` is unknown or the stages do not fit.

    Example
    -------
    >>> encoder = ReferenceEncoder(32, channels=(4, 8), blocks=(1, 1)).eval()
    >>> tokens, mask = encoder(torch.rand(2, 32000), torch.tensor([1.0, 0.5]))
    >>> tokens.shape, mask.sum(1)
    (torch.Size([2, 62, 32]), tensor([62, 31]))
    """

    def __init__(
        self,
        dim: int = 1024,
        tokens: str = "frames",
        channels: Sequence[int] = (32, 64, 128, 256),
        *,
        blocks: Sequence[int] = (3, 4, 6, 3),
        mel: ReferenceMel | None = None,
    ):
        super().__init__()
        if tokens not in ("frames", "pooled"):
            raise ValueError(f"tokens {tokens!r}: choose 'frames' or 'pooled'")
        if not channels or len(channels) != len(blocks) or min(blocks) < 1:
            raise ValueError(
                f"channels {list(channels)} and blocks {list(blocks)}: give "
                "one of each per stage, and at least one block"
            )
        #: What it is made with, but for the front end.
        self.sizes = {
            "tokens": tokens,
            "channels": list(channels),
            "blocks": list(blocks),
        }
        self.dim = dim
        self.mel = ReferenceMel() if mel is None else mel
        self.stem = nn.Conv2d(1, channels[0], 3, 1, 1)
        self.norm = nn.BatchNorm2d(channels[0])
        self.stages = nn.ModuleList()
        width, bands = channels[0], self.mel.spectrogram.num_mels
        for i, (outputs, count) in enumerate(
            zip(channels, blocks, strict=True)
        ):
            stride = 1 if i == 0 else 2
            bands = -(-bands // stride)
            stage = [ResidualBlock(width, outputs, stride)]
            stage += [ResidualBlock(outputs, outputs) for _ in range(count - 1)]
            self.stages.append(nn.ModuleList(stage))
            width = outputs
        features = width * bands
        self.pool = None
        if tokens == "pooled":
            self.pool = AttentiveStatisticsPooling(
                features, global_context=False
            )
            features *= 2
        self.proj = nn.Linear(features, dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(
        self, wavs: Tensor, lens: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono sounds `[batch, samples]` at the front end's sample rate.
        lens : torch.Tensor, optional
            Relative lengths `[batch]`.

        Returns
        -------
        tuple of torch.Tensor
            Tokens `[batch, tokens, dim]` and which of them count, bool
            `[batch, tokens]`; at least one per sound.
        """
        mel, frames = self.mel(wavs, lens)
        mask = _wide(_mask(frames, mel.shape[1]))
        x = self.norm(F.relu(self.stem(mel[:, None]))) * mask
        for i, stage in enumerate(self.stages):
            if i > 0:
                frames = (frames + 1) // 2
                mask = _wide(_mask(frames, (x.shape[2] + 1) // 2))
            for block in stage:
                x = block(x, mask)
        x = x.transpose(1, 2).flatten(2)
        valid = _mask(frames, x.shape[1])
        if self.pool is not None:
            # Half a frame less, lest rounding count one more.
            shares = (frames - 0.5) / x.shape[1]
            x = self.pool(x.transpose(1, 2), shares).transpose(1, 2)
            valid = valid[:, :1]
        return self.proj(x), valid


def _mask(lengths, size):
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def _wide(mask):
    return mask[:, None, :, None].float()
