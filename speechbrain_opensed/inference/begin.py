"""Sound to begin with, where generation does not begin with mere noise.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from speechbrain_opensed.inference.references import load_reference
from speechbrain_opensed.inference.waves import guard_peak
from speechbrain_opensed.lobes.style.codec import full_scale

__all__ = ["STRENGTH", "Begin", "read_begin"]

#: How far to go from a sound where it is not said.
STRENGTH = 0.6
# The ends of what is filled in are blended over so many seconds.
_FADE = 0.01
_PEAK = 0.5


@dataclass(frozen=True)
class Begin:
    """A sound, and what is to be made of it.

    Arguments
    ---------
    wave : torch.Tensor
        `[time]` at the model's rate.
    rate : int
        In Hz.
    latents : torch.Tensor
        `[1, channels, columns, bins]` without noise.
    strength : float
        How far to go from it.
    gap : tuple of int, optional
        First sample of what is to be filled, and the one after its last.
    keep : torch.Tensor, optional
        Columns outside of the gap, bool `[columns]`.

    Example
    -------
    >>> begin = Begin(torch.rand(800), 8000, torch.zeros(1, 2, 4, 2), 0.5)
    >>> begin.seconds, begin.options(3)["begin"].shape
    (0.1, torch.Size([3, 2, 4, 2]))
    """

    wave: Tensor
    rate: int
    latents: Tensor
    strength: float
    gap: tuple[int, int] | None = None
    keep: Tensor | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.wave) / self.rate

    def options(self, batch: int) -> dict[str, Any]:
        """What `draw_latents` has to know."""
        return {
            "begin": self.latents.expand(batch, -1, -1, -1),
            "strength": self.strength,
            "keep": self.keep,
        }

    def restore(self, wave: Tensor) -> Tensor:
        """What was generated, or the recording with its gap filled.

        Outside of the gap it is the recording, sample by sample; in the gap
        what was generated, at the recording's level.

        Arguments
        ---------
        wave : torch.Tensor
            `[time]`, as the codec gave it.

        Returns
        -------
        torch.Tensor
            `[time]`.
        """
        if self.gap is None:
            return wave
        start, end = self.gap
        known = self.wave.clone()
        known[start:end] = 0
        mean = known.mean()
        wave = wave * ((known - mean).abs().max() / _PEAK) + mean
        fade = max(1, min(round(_FADE * self.rate), (end - start) // 2))
        share = torch.ones(end - start)
        slope = torch.linspace(0, 1, fade + 2)[1:-1]
        # No blending at the ends of the recording: there is nothing beyond.
        if start > 0:
            share[:fade] = slope
        if end < len(known):
            share[len(share) - fade :] = slope.flip(0)
        # Brought down by itself, or the recording would be, too.
        made = guard_peak(wave[start:end], "what fills the gap")
        result = self.wave.clone()
        result[start:end] = share * made + (1 - share) * self.wave[start:end]
        return result


def read_begin(
    audio: Any,
    codec: Any,
    *,
    duration_s: float | None = None,
    strength: float | None = None,
    fill: tuple[float, float] | None = None,
    device: str | torch.device = "cpu",
) -> Begin | None:
    """Reads and encodes what generation begins with.

    Arguments
    ---------
    audio : str, Path, torch.Tensor, np.ndarray, tuple or None
        See :func:`~speechbrain_opensed.inference.references.load_reference`.
    codec : nn.Module
        Such as :class:`~speechbrain_opensed.lobes.style.codec.MelCodec`.
    duration_s : float, optional
        Seconds that are asked for: refused, the sound has its own.
    strength : float, optional
        How far to go from it, above 0 and at most 1; default: 0.6.
    fill : tuple of float, optional
        Begin and end of a gap in seconds. It is filled from noise.
    device : str or torch.device
        Where to encode.

    Returns
    -------
    Begin or None
        None if there is no sound.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the sound is unfit, the gap is not inside it, nothing is heard
        outside of the gap, or an option has no effect.

    Example
    -------
    >>> from speechbrain_opensed.lobes.style.codec import MelCodec
    >>> begin = read_begin(torch.rand(16000), MelCodec(), fill=(0.2, 0.5))
    >>> begin.latents.shape, int(begin.keep.sum())
    (torch.Size([1, 8, 25, 16]), 17)
    """
    if audio is None:
        for name, value in (("init_strength", strength), ("fill", fill)):
            if value is not None:
                raise ValueError(f"{name} has no effect without init_audio")
        return None
    if duration_s is not None:
        raise ValueError(
            "a duration has no effect beside init_audio, which has its own: "
            "leave it out, or cut the sound"
        )
    wave = load_reference(audio, codec.sample_rate, kind="init_audio")
    gap, keep, heard = None, None, wave
    if fill is None:
        strength = STRENGTH if strength is None else strength
        if not 0 < strength <= 1:
            raise ValueError(
                f"init_strength {strength:g}: give more than 0 and at most 1"
            )
    else:
        if strength is not None:
            raise ValueError(
                "init_strength has no effect with fill: the gap is filled "
                "from noise"
            )
        strength = 1.0
        gap = _gap(fill, len(wave), codec.sample_rate)
        heard = wave.clone()
        heard[gap[0] : gap[1]] = 0
        if full_scale(heard[None]).square().mean().sqrt() < 1e-4:
            raise ValueError(
                f"nothing is heard outside of the gap from {fill[0]:g} to "
                f"{fill[1]:g} s: there is nothing to fill it from"
            )
    with torch.no_grad():
        latents, _ = codec.encode(codec.mel(heard[None].to(device)))
    if gap is not None:
        # A column is generated if any of its samples is in the gap.
        columns = latents.shape[2]
        hop = codec.spectrogram.hop_length * codec.patch
        first = torch.arange(columns) * hop
        keep = (first + hop <= gap[0]) | (first >= gap[1])
    return Begin(
        wave, codec.sample_rate, latents.float(), strength, gap=gap, keep=keep
    )


def _gap(fill, samples, rate):
    start, end = fill
    seconds = samples / rate
    if not 0 <= start < end <= seconds + 0.5 / rate:
        raise ValueError(
            f"a gap from {start:g} to {end:g} s in a sound of {seconds:.2f} s: "
            "give begin and end inside of it"
        )
    gap = round(start * rate), min(round(end * rate), samples)
    if gap[0] == gap[1]:
        raise ValueError(f"the gap from {start:g} to {end:g} s is empty")
    if gap == (0, samples):
        raise ValueError(
            "the gap is the whole sound: generate without init_audio"
        )
    return gap
