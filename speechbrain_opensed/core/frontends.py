"""Mel spectrograms, from which every encoder's own features are made.

Banks of filters are torchaudio's, which SpeechBrain needs as well. They and
windows are computed: they stay out of checkpoints.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks
from torchaudio.functional import melscale_fbanks

__all__ = ["KaldiMel", "MelSpectrogram", "kaldi_bank", "mel_bank"]

PREEMPHASIS = 0.97
MEAN, STD = -4.268, 4.569


def mel_bank(
    n_fft: int,
    sample_rate: int,
    num_bands: int,
    *,
    low: float = 0.0,
    high: float | None = None,
    slaney: bool = True,
) -> Tensor:
    """Triangular filters on the mel scale.

    Arguments
    ---------
    n_fft : int
        Length of the spectrum's window in samples.
    sample_rate : int
        Samples per second.
    num_bands : int
        How many.
    low, high : float
        Where they begin and end in Hz; default: half the rate.
    slaney : bool
        Slaney's scale and areas, else HTK's scale and heights of 1.

    Returns
    -------
    torch.Tensor
        `[n_fft // 2 + 1, num_bands]`.

    Example
    -------
    >>> mel_bank(512, 16000, 64).shape
    torch.Size([257, 64])
    """
    return melscale_fbanks(
        n_fft // 2 + 1,
        low,
        sample_rate / 2 if high is None else high,
        num_bands,
        sample_rate,
        norm="slaney" if slaney else None,
        mel_scale="slaney" if slaney else "htk",
    )


def kaldi_bank(
    n_fft: int, sample_rate: int, num_bands: int, low: float, high: float
) -> Tensor:
    """Filters as Kaldi makes them, which leave out the highest bin.

    Arguments
    ---------
    n_fft : int
        Length of the spectrum's window in samples.
    sample_rate : int
        Samples per second.
    num_bands : int
        How many.
    low, high : float
        Where they begin and end in Hz; 0 as the end: half the rate.

    Returns
    -------
    torch.Tensor
        `[num_bands, n_fft // 2 + 1]`.

    Example
    -------
    >>> kaldi_bank(512, 16000, 128, 20.0, 0.0).shape
    torch.Size([128, 257])
    """
    rate = float(sample_rate)
    bank, _ = get_mel_banks(
        num_bands, n_fft, rate, low, high, 100.0, -500.0, 1.0
    )
    return F.pad(bank, (0, 1))


class MelSpectrogram(nn.Module):
    """Magnitudes, or their squares, in mel bands.

    Arguments
    ---------
    bank : torch.Tensor
        `[n_fft // 2 + 1, bands]`.
    n_fft : int
        Length of the Hann window in samples.
    hop_length : int
        Samples from frame to frame.
    power : int
        1: magnitudes; 2: squares.

    Example
    -------
    >>> mel = MelSpectrogram(mel_bank(512, 16000, 64), 512, 160)
    >>> mel(torch.rand(2, 16000)).shape
    torch.Size([2, 101, 64])
    """

    def __init__(
        self, bank: Tensor, n_fft: int, hop_length: int, power: int = 1
    ):
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.power = power
        self.num_mels = bank.shape[1]
        self.register_buffer("bank", bank, persistent=False)
        window = torch.hann_window(n_fft, dtype=bank.dtype)
        self.register_buffer("window", window, persistent=False)

    def mel(
        self,
        wavs: Tensor,
        frames: int | None = None,
        pad_mode: str = "reflect",
    ) -> Tensor:
        """Computes what the class is named after.

        Arguments
        ---------
        wavs : torch.Tensor
            `[..., samples]`, more than half a window where reflected.
        frames : int, optional
            How many, from the first; default: all.
        pad_mode : str
            What is before and behind the signal, see `torch.stft`.

        Returns
        -------
        torch.Tensor
            `[..., frames, bands]`.
        """
        spectrum = torch.stft(
            wavs,
            self.n_fft,
            self.hop_length,
            window=self.window,
            pad_mode=pad_mode,
            return_complex=True,
        )
        levels = spectrum.abs()[..., :frames]
        if self.power == 2:
            levels = levels.square()
        return levels.transpose(-2, -1) @ self.bank

    def forward(self, wavs: Tensor) -> Tensor:
        """As :meth:`mel`: `[..., samples]` to `[..., frames, bands]`."""
        return self.mel(wavs)


class KaldiMel(nn.Module):
    """Normalised log mel spectrogram: 25 ms windows every 10 ms.

    It computes what `torchaudio.compliance.kaldi.fbank` does with the settings
    of EAT (https://arxiv.org/abs/2401.03497), for clips of different lengths.
    The mean of each clip is subtracted first. Frames behind a clip's end
    hold what zeros become by the normalisation, as in the released model:
    its padding is a constant of 0.467, not silence.

    Arguments
    ---------
    num_bands : int
        Mel bands between 20 Hz and half the sample rate.
    sample_rate : int
        Samples per second.

    Example
    -------
    >>> mel = KaldiMel()
    >>> mel(torch.rand(2, 16000)).shape
    torch.Size([2, 98, 128])
    >>> mel(torch.rand(2, 16000), torch.tensor([16000, 400]), 112).shape
    torch.Size([2, 112, 128])
    """

    def __init__(self, num_bands: int = 128, sample_rate: int = 16000):
        super().__init__()
        self.width = round(0.025 * sample_rate)
        self.hop = round(0.010 * sample_rate)
        self.n_fft = 2 ** (self.width - 1).bit_length()
        bank = kaldi_bank(self.n_fft, sample_rate, num_bands, 20.0, 0.0)
        self.register_buffer("bank", bank.T, persistent=False)
        self.register_buffer(
            "window",
            torch.hann_window(self.width, periodic=False),
            persistent=False,
        )

    def num_frames(self, samples: Any) -> Any:
        """Frames that fit wholly into so many samples (int or tensor)."""
        return (samples - self.width) // self.hop + 1

    def forward(
        self,
        wav: Tensor,
        lengths: Tensor | None = None,
        num_frames: int | None = None,
    ) -> Tensor:
        """Computes features in float32.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` within -1 and 1; at least one window long.
        lengths : torch.Tensor, optional
            Samples of each clip, `[batch]`; default: all.
        num_frames : int, optional
            Frames wanted: further ones are cut off or padded.

        Returns
        -------
        torch.Tensor
            `[batch, frames, num_bands]`.
        """
        with torch.autocast(wav.device.type, enabled=False):
            wav = wav.float()
            if lengths is None:
                wav = wav - wav.mean(dim=1, keepdim=True)
            else:
                lengths = lengths.to(wav.device)
                valid = _before(lengths, wav.shape[1])
                mean = (wav * valid).sum(1) / lengths
                wav = wav - mean[:, None]
            mel = self._log_mel(wav)
            if lengths is not None:
                keep = _before(self.num_frames(lengths), mel.shape[1])
                mel = mel * keep[..., None]
            if num_frames is not None:
                mel = F.pad(mel, (0, 0, 0, num_frames - mel.shape[1]))
            return (mel - MEAN) / (2 * STD)

    def _log_mel(self, wav):
        frames = wav.unfold(1, self.width, self.hop)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        # The first sample of a frame counts as its own predecessor.
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        frames = (frames - PREEMPHASIS * before) * self.window
        power = torch.fft.rfft(frames, self.n_fft).abs().square()
        floor = torch.finfo(torch.float32).eps
        return (power @ self.bank).clamp(min=floor).log()


def _before(counts, size):
    """Mask `[batch, size]` of the places before each count."""
    return torch.arange(size, device=counts.device) < counts[:, None]
