"""MobileNets that were trained to tag AudioSet, as encoders of frames.

Paper: Schmid, Koutini and Widmer, "Efficient Large-Scale Audio Tagging via
Transformer-to-CNN Knowledge Distillation", ICASSP 2023,
https://arxiv.org/abs/2211.04772; layout of the released weights:
https://github.com/fschmid56/EfficientAT.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.frontends import kaldi_bank

__all__ = ["MobileNet", "MobileNetMel"]

SAMPLE_RATE = 32000
HOP = 320
BANDS = 128
# Input, kernel, expanded and output channels at width 1, squeeze-excite,
# Hardswish, stride: MobileNetV3-Large (https://arxiv.org/abs/1905.02244),
# table 1.
BLOCKS = (
    (16, 3, 16, 16, False, False, 1),
    (16, 3, 64, 24, False, False, 2),
    (24, 3, 72, 24, False, False, 1),
    (24, 5, 72, 40, True, False, 2),
    (40, 5, 120, 40, True, False, 1),
    (40, 5, 120, 40, True, False, 1),
    (40, 3, 240, 80, False, True, 2),
    (80, 3, 200, 80, False, True, 1),
    (80, 3, 184, 80, False, True, 1),
    (80, 3, 184, 80, False, True, 1),
    (80, 3, 480, 112, True, True, 1),
    (112, 3, 672, 112, True, True, 1),
    (112, 5, 672, 160, True, True, 2),
    (160, 5, 960, 160, True, True, 1),
    (160, 5, 960, 160, True, True, 1),
)
# Stages whose outputs become frames: index in `features`, mel frames from
# one output to the next, mel bands left, bands that are averaged.
TAPS = ((3, 4, 32, 4), (6, 8, 16, 1), (12, 16, 8, 1), (16, 32, 4, 4))
FRAME = 4  # mel frames of 10 ms in one frame of `encode`


class MobileNetMel(nn.Module):
    """Log mel spectrogram of 32 kHz audio: 128 bands, every 10 ms.

    Example
    -------
    >>> MobileNetMel()(torch.rand(2, 32000)).shape
    torch.Size([2, 128, 100])
    """

    def __init__(self):
        super().__init__()
        self.n_fft = 1024
        bank = kaldi_bank(self.n_fft, SAMPLE_RATE, BANDS, 0.0, 15000.0)
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer(
            "window", torch.hann_window(800, periodic=False), persistent=False
        )

    def forward(self, wav: Tensor) -> Tensor:
        """Computes features in float32.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]`, at least 514 samples.

        Returns
        -------
        torch.Tensor
            `[batch, 128, frames]`, one for each 10 ms that have begun.
        """
        with torch.autocast(wav.device.type, enabled=False):
            wav = wav.float()
            spectrum = torch.stft(
                wav[:, 1:] - 0.97 * wav[:, :-1],
                self.n_fft,
                HOP,
                win_length=len(self.window),
                window=self.window,
                return_complex=True,
            )
            power = spectrum.real.square() + spectrum.imag.square()
            return ((self.bank @ power + 1e-5).log() + 4.5) / 5


class _SqueezeExcite(nn.Module):
    """Weighs channels by their means over the whole clip."""

    def __init__(self, channels: int):
        super().__init__()
        hidden = _divisible(channels // 4)
        # The names are those of the released checkpoints.
        self.conc_se_layers = nn.ModuleList(
            [
                nn.ModuleDict(
                    {
                        "fc1": nn.Linear(channels, hidden),
                        "fc2": nn.Linear(hidden, channels),
                    }
                )
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        (layers,) = self.conc_se_layers
        hidden = layers["fc1"](x.mean(dim=(2, 3))).relu()
        return x * layers["fc2"](hidden).sigmoid()[:, :, None, None]


class _InvertedResidual(nn.Module):
    def __init__(self, inner, kernel, expanded, outer, excite, hard, stride):
        super().__init__()
        act = nn.Hardswish if hard else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != inner:
            layers.append(_conv(inner, expanded, act=act))
        layers.append(
            _conv(expanded, expanded, kernel, stride, expanded, act=act)
        )
        if excite:
            layers.append(_SqueezeExcite(expanded))
        layers.append(_conv(expanded, outer))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class MobileNet(nn.Module):
    """Tagger of AudioSet's 527 classes whose inner layers serve as frames.

    Squeeze-excite weighs channels by their means over the clip, so scores
    depend a little on its length: 10 s is what was trained on.

    Arguments
    ---------
    width : float
        Factor on all numbers of channels; released are 0.4 to 4.
    num_tags : int
        Number of tags.

    Example
    -------
    >>> model = MobileNet(width=0.1, num_tags=5).eval()
    >>> wav = torch.rand(2, 32000)
    >>> model(wav).shape, model.encode(wav).shape, model.dim
    (torch.Size([2, 5]), torch.Size([2, 25, 421]), 421)
    """

    sample_rate = SAMPLE_RATE
    hop_seconds = FRAME * HOP / SAMPLE_RATE
    window_seconds = 10.0

    def __init__(self, width: float = 1.0, num_tags: int = 527):
        super().__init__()

        def wide(channels):
            return _divisible(channels * width)

        self.mel = MobileNetMel()
        blocks = [
            _InvertedResidual(
                wide(inner), kernel, wide(expanded), wide(outer), *rest
            )
            for inner, kernel, expanded, outer, *rest in BLOCKS
        ]
        first, last = wide(BLOCKS[0][0]), wide(BLOCKS[-1][3])
        self.features = nn.Sequential(
            _conv(1, first, 3, 2, act=nn.Hardswish),
            *blocks,
            _conv(last, 6 * last, act=nn.Hardswish),
        )
        # Positions 0, 1 and 4 are pooling, flattening and dropout.
        self.classifier = nn.Sequential(
            nn.Identity(),
            nn.Identity(),
            nn.Linear(6 * last, wide(1280)),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(wide(1280), num_tags),
        )
        outputs = {i: wide(block[3]) for i, block in enumerate(BLOCKS, 1)}
        outputs[len(BLOCKS) + 1] = 6 * last
        self.num_tags = num_tags
        self.dim = num_tags + sum(
            outputs[index] * bands // pooled for index, _, bands, pooled in TAPS
        )

    def embed_mel(self, mel: Tensor) -> Tensor:
        """Embeds mel `[batch, 128, frames]`: `[batch, channels]`."""
        return self.features(mel.unsqueeze(1)).mean(dim=(2, 3))

    def embed(self, wav: Tensor) -> Tensor:
        """Embeds each clip `[batch, samples]`: `[batch, channels]`."""
        return self.embed_mel(self.mel(wav))

    def forward(self, wav: Tensor) -> Tensor:
        """Tags clips.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 32 kHz.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, num_tags]`.
        """
        return self.classifier(self.embed(wav))

    def encode_mel(self, mel: Tensor) -> Tensor:
        """Encodes mel `[batch, 128, frames]`; see :meth:`encode`."""
        x = mel.unsqueeze(1)
        count = mel.shape[-1] // FRAME
        if count == 0:
            raise ValueError(
                f"{mel.shape[-1]} mel frames of 10 ms: give at least {FRAME}"
            )
        taps = {index: rest for index, *rest in TAPS}
        frames = []
        for index, stage in enumerate(self.features):
            x = stage(x)
            if index in taps:
                step, bands, pooled = taps[index]
                y = F.avg_pool2d(x, (pooled, 1)) if pooled > 1 else x
                y = y.flatten(1, 2).transpose(1, 2)
                frames.append(_at_frames(y, step, count))
                last = y
        tags = self.classifier(last)
        frames.append(_at_frames(tags, step, count))
        return torch.cat(frames, dim=-1)

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once, at four scales of time.

        The outputs of four stages, 40 to 320 ms apart, are brought to
        frames of 40 ms by interpolation; those of the first keep what they
        know of frequency. The last `num_tags` values of a frame are the
        logits of the tags there.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 32 kHz.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`, one frame for each whole 40 ms.

        Raises
        ------
        ValueError
            If the clip is shorter than a frame.
        """
        return self.encode_mel(self.mel(wav))


def _conv(inner, outer, kernel=1, stride=1, groups=1, act=None):
    layers = [
        nn.Conv2d(
            inner,
            outer,
            kernel,
            stride,
            kernel // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(outer, eps=0.001, momentum=0.01),
    ]
    if act is not None:
        layers.append(act())
    return nn.Sequential(*layers)


def _divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple, but no less than nine tenths of `channels`."""
    near = max(by, int(channels + by / 2) // by * by)
    return near if near >= 0.9 * channels else near + by


def _at_frames(x: Tensor, step: int, count: int) -> Tensor:
    """Interpolates outputs `[batch, time, dim]` to the middles of frames.

    A strided convolution's output number i looks at mel frame i * step.
    """
    middle = torch.arange(count, device=x.device) * FRAME + (FRAME - 1) / 2
    place = (middle / step).clamp(max=x.shape[1] - 1)
    low = place.long()
    high = (low + 1).clamp(max=x.shape[1] - 1)
    return torch.lerp(x[:, low], x[:, high], (place - low)[:, None].to(x.dtype))
