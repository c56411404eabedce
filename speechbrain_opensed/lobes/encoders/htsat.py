"""HTS-AT, the audio tower of CLAP, as an encoder of frames.

Paper: https://arxiv.org/abs/2202.00874. The transformers library has it as
the audio model of CLAP (https://arxiv.org/abs/2211.06687).

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel

__all__ = ["FRONT", "HTSAT"]

PATCH = 4
#: The front end of LAION's models, as in their `preprocessor_config.json`.
FRONT: Mapping[str, float] = {
    "sampling_rate": 48000,
    "hop_length": 480,
    "fft_window_size": 1024,
    "feature_size": 64,
    "frequency_min": 50,
    "frequency_max": 14000,
    "max_length_s": 10,
}


class HTSAT(nn.Module):
    """Shifted windows over a folded spectrogram of ten seconds.

    A spectrogram is folded into a square, and each stage but the last halves
    both of its sides. The last but one, with most of the blocks, has a
    column for each 156 ms, the last one for each 312 ms.

    Arguments
    ---------
    embed_dim : int
        Width of the first stage; each has twice that of the one before.
    depths : sequence of int
        Blocks of the stages, two or more.
    num_heads : sequence of int
        Their attention heads.
    window_size : int
        Side of the windows of attention, in patches of 4 x 4.
    spec_size : int
        Side of the square, a multiple of the mel bands that can be halved
        by each stage.
    front : mapping, optional
        Of :class:`~speechbrain_opensed.lobes.encoders.clap_mel.ClapMel`,
        where it differs from `FRONT`.

    Raises
    ------
    ValueError
        If the sizes do not fit each other.

    Example
    -------
    >>> encoder = HTSAT(
    ...     8,
    ...     (1, 1, 1, 1),
    ...     (1, 1, 2, 2),
    ...     window_size=2,
    ...     spec_size=64,
    ...     front={"feature_size": 32, "max_length_s": 1},
    ... ).eval()
    >>> encoder.encode(torch.rand(2, 24000)).shape, encoder.dim
    (torch.Size([2, 4, 96]), 96)
    """

    sample_rate = 48000
    hop_seconds = 10 / 64
    num_tags = 0

    def __init__(
        self,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (4, 8, 16, 32),
        *,
        window_size: int = 8,
        spec_size: int = 256,
        front: Mapping | None = None,
    ):
        super().__init__()
        from transformers import ClapAudioConfig, ClapAudioModel

        settings = {**FRONT, **(front or {}), "padding": "pad"}
        bands = int(settings["feature_size"])
        halved = len(depths) - 1
        if halved < 1 or len(num_heads) != len(depths):
            raise ValueError(
                f"{len(depths)} depths and {len(num_heads)} numbers of heads: "
                "give one of each for every stage, and at least two stages"
            )
        if spec_size % (PATCH * 2**halved) or spec_size % bands:
            raise ValueError(
                f"spec_size {spec_size}: give a multiple of "
                f"{PATCH * 2**halved} and of the {bands} mel bands"
            )
        self.sizes = {
            "embed_dim": embed_dim,
            "depths": list(depths),
            "num_heads": list(num_heads),
            "window_size": window_size,
            "spec_size": spec_size,
            "front": {k: settings[k] for k in FRONT},
        }
        self.mel = ClapMel(settings)
        self.audio_model = ClapAudioModel(
            ClapAudioConfig(
                patch_embeds_hidden_size=embed_dim,
                hidden_size=embed_dim * 2**halved,
                depths=list(depths),
                num_attention_heads=list(num_heads),
                window_size=window_size,
                spec_size=spec_size,
                num_mel_bins=bands,
                enable_fusion=False,
            )
        )
        self.folds = spec_size // bands
        columns = self.folds * spec_size // (PATCH * 2 ** (halved - 1))
        self.sample_rate = int(self.mel.sample_rate)
        self.window_seconds = self.mel.samples / self.sample_rate
        self.num_times = columns
        self.least_samples = self.mel.hop
        self.hop_seconds = self.window_seconds / columns
        self.clip_dim = embed_dim * 2**halved
        self.dim = self.clip_dim // 2 + self.clip_dim

    def forward(
        self, mel: Tensor, valid: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encodes what :meth:`log_mel` made of windows.

        Arguments
        ---------
        mel : torch.Tensor
            `[batch, mel frames, bands]`.
        valid : torch.Tensor, optional
            Has to be None: all of a window is heard.

        Returns
        -------
        torch.Tensor
            Clips `[batch, clip_dim]`.
        torch.Tensor
            Frames of the whole window, `[batch, time, dim]`: the last
            stage but one, then the last, interpolated to as many.
        """
        assert valid is None
        out = self.audio_model.audio_encoder(
            mel[:, None].to(self.audio_model.dtype),
            output_hidden_states=True,
            output_hidden_states_before_downsampling=True,
        )
        fine = self._unfolded(out.hidden_states[-2])
        coarse = out.last_hidden_state.mean(dim=2)
        coarse = F.interpolate(coarse, fine.shape[-1], mode="linear")
        frames = torch.cat([fine, coarse], dim=1).transpose(1, 2)
        return out.pooler_output, frames

    def window_mel(
        self, wav: Tensor, counts: Tensor | None, times: int
    ) -> Tensor:
        """What the encoder sees of clips of at most one window.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the encoder's rate.
        counts : torch.Tensor or None
            True number of samples of each clip, `[batch]`; None: all.
        times : int
            Frames of a window: always all of it is heard.

        Returns
        -------
        torch.Tensor
            Decibels, `[batch, mel frames, bands]`, of silence behind a
            clip's end.
        """
        if counts is not None:
            place = torch.arange(wav.shape[1], device=wav.device)
            wav = wav * (place < counts[:, None])
        return self.log_mel(wav)

    def log_mel(self, wav: Tensor) -> Tensor:
        """Decibels `[batch, mel frames, bands]` of `[batch, samples]`.

        Raises
        ------
        ValueError
            If the clips are longer than a window.
        """
        if wav.shape[1] > self.mel.samples:
            raise ValueError(
                f"{wav.shape[1]} samples: the encoder takes at most "
                f"{self.mel.samples} ({self.window_seconds:g} s); cut the "
                "audio (SoundEventDetector does it for files of any length)"
            )
        features, _ = self.mel(wav, [wav.shape[1]] * len(wav))
        return features[:, 0]

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the encoder's rate, at most one window.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`, one frame for each whole `hop_seconds`.

        Raises
        ------
        ValueError
            If the clip is longer than a window or shorter than a frame.
        """
        hop = self.hop_seconds * self.sample_rate
        count = int(wav.shape[1] / hop)
        if count == 0:
            raise ValueError(
                f"{wav.shape[1]} samples: give at least a frame of {round(hop)}"
            )
        return self(self.log_mel(wav))[1][:, :count]

    def _unfolded(self, square: Tensor) -> Tensor:
        """Mean over frequency, `[batch, dim, folds * columns]`."""
        parts = square.unflatten(2, (self.folds, -1))
        return parts.mean(dim=3).flatten(2)
