"""Between sound and the latents in which a diffusion model works.

A codec turns waves into log-mel spectrograms, these into latents, and back.
Any module with the attributes and methods of :class:`MelCodec` is one:
`sample_rate`, `channels`, `bins`, `spectrogram` (whose `hop_length` times
`patch` are the samples of a column), `mel(wavs)`, `encode(mel)`, `decode(z)`,
`wave(mel)` and `num_columns(seconds)`. The spectrogram is that of Tango
(https://arxiv.org/abs/2304.13731) and AudioLDM.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from typing import Any

import torch
import torchaudio
from torch import Tensor, nn

from speechbrain_opensed.core.frontends import MelSpectrogram, mel_bank

__all__ = [
    "LogMel",
    "MelCodec",
    "full_scale",
    "num_columns",
    "sample_latent",
    "whole_mel",
]

_LEAST = 1e-5


def full_scale(wavs: Tensor, peak: float = 0.5) -> Tensor:
    """Take the mean out of signals and give them one peak.

    Arguments
    ---------
    wavs : torch.Tensor
        `[batch, samples]`.
    peak : float
        Largest magnitude afterwards. Silence stays silence.

    Returns
    -------
    torch.Tensor
        `[batch, samples]`.

    Example
    -------
    >>> full_scale(torch.tensor([[0.1, 0.3], [0.2, 0.2]]))
    tensor([[-0.5000,  0.5000],
            [ 0.0000,  0.0000]])
    """
    wavs = wavs - wavs.mean(dim=1, keepdim=True)
    largest = wavs.abs().amax(dim=1, keepdim=True)
    return torch.where(largest > 1e-8, wavs / (largest + 1e-8) * peak, 0.0)


def sample_latent(
    mean: Tensor, logvar: Tensor | None, generator: Any = None
) -> Tensor:
    """Draw latents from what `encode` of a codec gave.

    Arguments
    ---------
    mean : torch.Tensor
        `[batch, channels, columns, bins]`.
    logvar : torch.Tensor or None
        Logarithm of the variance; None: there is none.
    generator : torch.Generator, optional
        Source of the noise.

    Returns
    -------
    torch.Tensor
        Shaped as `mean`.

    Example
    -------
    >>> mean = torch.ones(1, 8, 4, 2)
    >>> bool((sample_latent(mean, None) == mean).all())
    True
    """
    if logvar is None:
        return mean
    noise = torch.randn(
        mean.shape, generator=generator, device=mean.device, dtype=mean.dtype
    )
    return mean + torch.exp(0.5 * logvar) * noise


class LogMel(MelSpectrogram):
    """Natural logarithm of mel magnitudes.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    num_mels : int
        Bands between 0 Hz and half the rate.
    n_fft : int
        Length of the window in samples.
    hop_length : int
        Samples from frame to frame.

    Example
    -------
    >>> LogMel()(torch.rand(2, 16000)).shape
    torch.Size([2, 1, 100, 64])
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        num_mels: int = 64,
        n_fft: int = 1024,
        hop_length: int = 160,
    ):
        bank = mel_bank(n_fft, sample_rate, num_mels)
        super().__init__(bank, n_fft, hop_length)
        self.sample_rate = sample_rate

    def forward(self, wavs: Tensor) -> Tensor:
        """Spectrogram of signals of at least half a window.

        Arguments
        ---------
        wavs : torch.Tensor
            `[batch, samples]`.

        Returns
        -------
        torch.Tensor
            `[batch, 1, frames, mels]`; one frame per whole hop.
        """
        mel = self.mel(wavs.float(), wavs.shape[1] // self.hop_length)
        return mel.clamp(min=_LEAST).log().unsqueeze(1)

    def invert(self, mel: Tensor, iterations: int = 32) -> Tensor:
        """Signals with about this spectrogram, after Griffin and Lim.

        The magnitudes behind the bands are the non-negative ones of least
        squares, by multiplicative updates.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, 1, frames, mels]`.
        iterations : int
            Of the search for phases. It begins with the same phases
            whatever the batch.

        Returns
        -------
        torch.Tensor
            `[batch, frames * hop_length]`.
        """
        bands = mel[:, 0].float().clamp(max=10.0).exp()
        weights = self.bank / self.bank.sum(1, keepdim=True).clamp(min=1e-8)
        linear = bands @ weights.T + 1e-8
        for _ in range(30):
            wanted = bands @ self.bank.T
            linear = linear * wanted / (linear @ self.bank @ self.bank.T + 1e-8)
        rows = []
        for magnitude in linear.transpose(1, 2):
            # A closing frame, as the spectrogram leaves its last one out.
            magnitude = torch.cat([magnitude, magnitude[:, -1:]], dim=1)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                rows.append(
                    torchaudio.functional.griffinlim(
                        magnitude.cpu(),
                        self.window.cpu(),
                        self.n_fft,
                        self.hop_length,
                        self.n_fft,
                        power=1.0,
                        n_iter=iterations,
                        momentum=0.99,
                        length=mel.shape[2] * self.hop_length,
                        rand_init=True,
                    )
                )
        return torch.stack(rows).to(mel.device)


class MelCodec(nn.Module):
    """Latents that are a rotated spectrogram: nothing to train or fetch.

    Patches of 4 frames by 4 bands go through a two-dimensional cosine
    transform, whose first coefficients become the channels. With all 16,
    decoding is exact. Each channel is brought to mean 0 and variance 1 as
    measured by :meth:`calibrate`.

    Arguments
    ---------
    channels : int
        Coefficients that are kept, low ones first; 1 to 16.
    num_mels : int
        Bands, a multiple of 4.
    sample_rate : int
        In Hz.
    n_fft, hop_length : int
        Window and hop of the spectrogram, in samples.
    iterations : int
        Of the search for the phases of a wave.

    Raises
    ------
    ValueError
        If the sizes do not fit.

    Example
    -------
    >>> codec = MelCodec(channels=16)
    >>> mel = codec.mel(torch.rand(2, 16000))
    >>> mean, logvar = codec.encode(mel)
    >>> mean.shape, logvar
    (torch.Size([2, 16, 25, 16]), None)
    >>> torch.allclose(codec.decode(mean), mel, atol=1e-4)
    True
    """

    PATCH = 4

    def __init__(
        self,
        channels: int = 8,
        num_mels: int = 64,
        sample_rate: int = 16000,
        *,
        n_fft: int = 1024,
        hop_length: int = 160,
        iterations: int = 32,
    ):
        super().__init__()
        if not 1 <= channels <= self.PATCH**2 or num_mels % self.PATCH:
            raise ValueError(
                f"{channels} channels and {num_mels} mels: give 1 to "
                f"{self.PATCH**2} channels and a multiple of {self.PATCH} mels"
            )
        self.spectrogram = LogMel(sample_rate, num_mels, n_fft, hop_length)
        self.sample_rate = sample_rate
        self.channels = channels
        self.patch = self.PATCH
        self.bins = num_mels // self.PATCH
        self.iterations = iterations
        self.register_buffer("basis", _basis(self.PATCH)[:channels], False)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def num_columns(self, seconds: float) -> int:
        """Length in latents of at least so many seconds."""
        return num_columns(seconds, self.spectrogram, self.PATCH)

    def mel(self, wavs: Tensor) -> Tensor:
        """Spectrogram `[batch, 1, frames, mels]` of `[batch, samples]`.

        Signals get a peak of 0.5; the frames are filled up to whole patches.
        """
        return whole_mel(wavs, self.spectrogram, self.PATCH)

    def encode(self, mel: Tensor) -> tuple[Tensor, None]:
        """Latents `[batch, channels, columns, bins]`, without variance."""
        z = self._rotate(mel)
        return (z - _wide(self.mean)) / _wide(self.std), None

    def decode(self, z: Tensor) -> Tensor:
        """Spectrogram `[batch, 1, frames, mels]` of latents."""
        z = z * _wide(self.std) + _wide(self.mean)
        return nn.functional.conv_transpose2d(z, self.basis, stride=self.PATCH)

    def wave(self, mel: Tensor) -> Tensor:
        """Signals `[batch, samples]` with about this spectrogram."""
        return self.spectrogram.invert(mel, self.iterations)

    def calibrate(self, mel: Tensor) -> None:
        """Measure mean and deviation of the channels.

        Arguments
        ---------
        mel : torch.Tensor
            Spectrograms of the training data, `[batch, 1, frames, mels]`.
        """
        z = self._rotate(mel)
        self.mean.copy_(z.mean(dim=(0, 2, 3)))
        self.std.copy_(z.std(dim=(0, 2, 3)).clamp(min=1e-3))

    def _rotate(self, mel):
        return nn.functional.conv2d(mel, self.basis, stride=self.PATCH)


def num_columns(seconds: float, spectrogram: LogMel, patch: int) -> int:
    """Length in latents of at least so many seconds.

    Arguments
    ---------
    seconds : float
        Duration.
    spectrogram : LogMel
        Rate and hop.
    patch : int
        Frames per column.

    Returns
    -------
    int
        At least 1.

    Example
    -------
    >>> num_columns(10.0, LogMel(), 4), num_columns(0.1, LogMel(), 4)
    (250, 3)
    """
    samples = round(seconds * spectrogram.sample_rate)
    return max(1, math.ceil(samples / (spectrogram.hop_length * patch)))


def whole_mel(wavs: Tensor, spectrogram: LogMel, patch: int) -> Tensor:
    """Spectrogram of signals at a peak of 0.5, filled up to whole patches.

    Arguments
    ---------
    wavs : torch.Tensor
        `[batch, samples]`.
    spectrogram : LogMel
        What to compute.
    patch : int
        Frames per column of latents.

    Returns
    -------
    torch.Tensor
        `[batch, 1, frames, mels]`.

    Example
    -------
    >>> whole_mel(torch.rand(1, 100), LogMel(), 4).shape
    torch.Size([1, 1, 4, 64])
    """
    step = patch * spectrogram.hop_length
    length = max(step, math.ceil(wavs.shape[1] / step) * step)
    padded = nn.functional.pad(full_scale(wavs), (0, length - wavs.shape[1]))
    short = spectrogram.n_fft // 2 + 1 - padded.shape[1]
    mel = spectrogram(nn.functional.pad(padded, (0, max(0, short))))
    return mel[:, :, : length // spectrogram.hop_length]


def _wide(values):
    return values[:, None, None]


def _basis(size):
    """Products of cosines, orthonormal, low frequencies first."""
    n = torch.arange(size, dtype=torch.float64)
    cosines = torch.cos(math.pi / size * (n[None] + 0.5) * n[:, None])
    cosines *= (2 / size) ** 0.5
    cosines[0] /= 2**0.5
    order = sorted(
        ((i, j) for i in range(size) for j in range(size)),
        key=lambda pair: (sum(pair), pair),
    )
    planes = [torch.outer(cosines[i], cosines[j]) for i, j in order]
    return torch.stack(planes).unsqueeze(1).float()
