"""The mel front of CLAP, the same for a clip every time.

Paper: https://arxiv.org/abs/2211.06687. The feature extractor of the
transformers library draws crops of long clips, and which clip of a batch is
called long, from NumPy's global generator; here nothing is drawn.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.frontends import MelSpectrogram

__all__ = ["ClapMel"]

FLOOR = 1e-10


class ClapMel(nn.Module):
    """Log-mels of ten seconds, or what else the settings say.

    Shorter clips are repeated and padded as the settings say. Of longer
    ones, a model without fusion gets the middle; one with fusion the whole,
    shrunk, and the middle of each third.

    Arguments
    ---------
    settings : mapping
        As in the `preprocessor_config.json` of a model; what they leave out
        is the library's: a band from 0 Hz, where published models have 50.
    fused : bool
        Whether the model takes four mels at once.

    Raises
    ------
    ValueError
        If a setting has a value that is not known.

    Example
    -------
    >>> mel = ClapMel({"max_length_s": 1}, fused=False)
    >>> features, longer = mel(torch.rand(2, 96000), [96000, 4800])
    >>> features.shape, longer.tolist()
    (torch.Size([2, 1, 101, 64]), [[True], [False]])
    """

    def __init__(self, settings: Mapping, fused: bool = False):
        super().__init__()
        from transformers import ClapFeatureExtractor

        front = ClapFeatureExtractor(**settings)
        if front.padding not in ("repeatpad", "repeat", "pad"):
            raise ValueError(
                f"padding is {front.padding!r}: choose 'repeatpad', 'repeat' "
                "or 'pad'"
            )
        self.fused = fused
        self.padding = front.padding
        self.sample_rate = front.sampling_rate
        self.samples = int(front.nb_max_samples)
        self.hop, self.size = front.hop_length, front.fft_window_size
        self.settings = {
            "fused": fused,
            "crop": "middle",
            "padding": self.padding,
            "samples": self.samples,
            "hop": self.hop,
            "fft": self.size,
            "band": [front.frequency_min, front.frequency_max],
        }
        filters = front.mel_filters if fused else front.mel_filters_slaney
        # In float32, quiet bands would be noise.
        bank = torch.from_numpy(np.asarray(filters, dtype=np.float64))
        self.mel = MelSpectrogram(bank, self.size, self.hop, power=2)

    def forward(self, wavs: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
        """Computes what the audio tower reads.

        Arguments
        ---------
        wavs : torch.Tensor
            `[batch, samples]`.
        counts : list of int
            True number of samples of each clip.

        Returns
        -------
        torch.Tensor
            `[batch, 1, frames, mels]`, with fusion `[batch, 4, frames,
            mels]`.
        torch.Tensor
            Whether a clip is longer than the tower hears at once, bool
            `[batch, 1]`.
        """
        rows = [
            self._clip(wav[:count])
            for wav, count in zip(wavs, counts, strict=True)
        ]
        features, longer = zip(*rows, strict=True)
        longer = torch.tensor(longer, device=wavs.device)[:, None]
        return torch.stack(features), longer

    def _clip(self, wav):
        excess = len(wav) - self.samples
        if excess > 0 and self.fused:
            return self._fuse(self._log_mel(wav))
        if excess > 0:
            start = excess // 2
            wav = wav[start : start + self.samples]
        elif excess < 0:
            wav = self._pad(wav)
        mel = self._log_mel(wav)
        return mel.expand(4 if self.fused else 1, -1, -1), excess > 0

    def _pad(self, wav):
        times = self.samples // len(wav)
        if self.padding == "repeat":
            return wav.repeat(times + 1)[: self.samples]
        if self.padding == "repeatpad":
            wav = wav.repeat(times)
        return F.pad(wav, (0, self.samples - len(wav)))

    def _fuse(self, mel):
        frames = self.samples // self.hop + 1
        starts = len(mel) - frames + 1
        if starts == 1:
            return mel.expand(4, -1, -1), False
        thirds = np.array_split(np.arange(starts), 3)
        middles = [t[len(t) // 2] if len(t) else 0 for t in thirds]
        whole = F.interpolate(
            mel[None, None], [frames, mel.shape[1]], mode="bilinear"
        )[0, 0]
        chunks = [mel[i : i + frames] for i in middles]
        return torch.stack([whole, *chunks]), True

    def _log_mel(self, wav):
        """Decibels `[frames, mels]`."""
        power = self.mel(wav.double())
        return (10 * power.clamp(min=FLOOR).log10()).float()
