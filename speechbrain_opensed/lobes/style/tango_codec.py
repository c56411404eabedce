"""The codec of Tango: AudioLDM's variational autoencoder and HiFi-GAN.

Paper: https://arxiv.org/abs/2304.13731

Authors
 * The speechbrain-opensed contributors 2026
"""

import math

from torch import Tensor, nn

from speechbrain_opensed.lobes.style.codec import (
    LogMel,
    num_columns,
    whole_mel,
)

__all__ = ["TangoCodec"]

# The U-Net halves the length three times: ten seconds, 250 columns of 40 ms,
# are 256 as published (1024 frames), and no level has an odd length.
_WHOLE = 8


class TangoCodec(nn.Module):
    """Latents of a trained autoencoder, waves of a trained vocoder.

    Both compute in float32, whatever the precision around them: vocoders
    are heard to suffer from less.

    Arguments
    ---------
    vae : diffusers.AutoencoderKL
        From spectrograms `[batch, 1, frames, mels]` to latents.
    vocoder : transformers.SpeechT5HifiGan
        From spectrograms `[batch, frames, mels]` to waves.

    Example
    -------
    >>> import torch
    >>> from diffusers import AutoencoderKL
    >>> from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig
    >>> vae = AutoencoderKL(
    ...     1, 1, ("DownEncoderBlock2D",) * 3, ("UpDecoderBlock2D",) * 3,
    ...     (8, 8, 8), latent_channels=8, norm_num_groups=4,
    ... )
    >>> config = SpeechT5HifiGanConfig(
    ...     model_in_dim=64, upsample_initial_channel=32,
    ...     upsample_rates=[5, 4, 2, 2, 2],
    ...     upsample_kernel_sizes=[16, 16, 8, 4, 4], normalize_before=False,
    ... )
    >>> codec = TangoCodec(vae, SpeechT5HifiGan(config)).eval()
    >>> with torch.no_grad():
    ...     mean, logvar = codec.encode(codec.mel(torch.rand(1, 2560)))
    ...     mean.shape, codec.wave(codec.decode(mean)).shape
    (torch.Size([1, 8, 8, 16]), torch.Size([1, 5120]))
    """  # fmt: skip

    def __init__(self, vae: nn.Module, vocoder: nn.Module):
        super().__init__()
        self.vae = vae
        self.vocoder = vocoder
        self.scale = float(vae.config.scaling_factor)
        self.channels = vae.config.latent_channels
        self.patch = 2 ** (len(vae.config.block_out_channels) - 1)
        hop = math.prod(vocoder.config.upsample_rates)
        mels = vocoder.config.model_in_dim
        self.bins = mels // self.patch
        self.sample_rate = vocoder.config.sampling_rate
        self.spectrogram = LogMel(self.sample_rate, mels, 1024, hop)

    def num_columns(self, seconds: float) -> int:
        """Length in latents of at least so many seconds, 256 of 10 s."""
        whole = num_columns(seconds, self.spectrogram, self.patch * _WHOLE)
        return _WHOLE * whole

    def mel(self, wavs: Tensor) -> Tensor:
        """Spectrogram `[batch, 1, frames, mels]` of `[batch, samples]`.

        Signals get a peak of 0.5; silence makes it whole, a multiple of 32
        frames.
        """
        return whole_mel(wavs, self.spectrogram, self.patch * _WHOLE)

    def encode(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance `[batch, channels, columns, bins]`."""
        posterior = self.vae.encode(mel.float()).latent_dist
        logvar = posterior.logvar + 2 * math.log(self.scale)
        return posterior.mean * self.scale, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Spectrogram `[batch, 1, frames, mels]` of latents."""
        return self.vae.decode(z.float() / self.scale).sample

    def wave(self, mel: Tensor) -> Tensor:
        """Signals `[batch, frames * hop]` of spectrograms."""
        wavs = self.vocoder(mel[:, 0].float())
        # Its kernels add some samples to the end.
        return wavs[:, : mel.shape[2] * self.spectrogram.hop_length]
