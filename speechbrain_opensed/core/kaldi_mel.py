"""Kaldi's log mel spectrogram for batches of clips of different lengths.

It computes what `torchaudio.compliance.kaldi.fbank` does with the settings
of EAT (https://arxiv.org/abs/2401.03497), on a whole batch at once.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks

__all__ = ["KaldiMel"]

PREEMPHASIS = 0.97
MEAN, STD = -4.268, 4.569


class KaldiMel(nn.Module):
    """Normalised log mel spectrogram: 25 ms windows every 10 ms.

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
        bank, _ = get_mel_banks(
            num_bands,
            self.n_fft,
            float(sample_rate),
            20.0,
            0.0,
            100.0,
            -500.0,
            1.0,
        )
        # Kaldi's banks leave out the highest bin. Both are computed: they
        # stay out of checkpoints.
        self.register_buffer("bank", F.pad(bank, (0, 1)).T, persistent=False)
        self.register_buffer(
            "window",
            torch.hann_window(self.width, periodic=False),
            persistent=False,
        )

    def num_frames(self, samples):
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
