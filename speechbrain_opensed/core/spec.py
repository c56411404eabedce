"""The time grid and vocabulary that travel with every detector and score.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from dataclasses import dataclass

from speechbrain_opensed.core.levels import LEVELS

__all__ = ["SedSpec"]


@dataclass(frozen=True)
class SedSpec:
    """What a detector hears and how its scores are laid out in time.

    Arguments
    ---------
    sample_rate : int
        Samples per second of the audio that the model takes.
    hop_seconds : float
        Distance of two score frames, in seconds.
    window_seconds : float
        Longest audio that the model takes at once, in seconds.
    classes : tuple of str
        Phrases that the model was trained on; empty where any phrase goes.
    normalize : str or None
        Level of the audio that the model was trained on: `peak`, where each
        window was brought to a peak of 1, or None, as it was recorded.

    Raises
    ------
    ValueError
        If a rate or a duration is not positive, the hop is no whole number
        of samples, or `normalize` unknown.

    Example
    -------
    >>> spec = SedSpec(sample_rate=16000, hop_seconds=0.04)
    >>> spec.num_frames(10.0), spec.num_samples, spec.hop_samples
    (250, 160000, 640)
    """

    sample_rate: int = 16000
    hop_seconds: float = 0.04
    window_seconds: float = 10.0
    classes: tuple[str, ...] = ()
    normalize: str | None = "peak"

    def __post_init__(self) -> None:
        for name in ("sample_rate", "hop_seconds", "window_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}: give a positive number"
                )
        samples = self.hop_seconds * self.sample_rate
        if round(samples) < 1 or abs(samples - round(samples)) > 1e-4:
            near = max(1, round(samples)) / self.sample_rate
            raise ValueError(
                f"hop_seconds {self.hop_seconds:g} is {samples:g} samples of "
                f"{self.sample_rate} Hz, and frames are whole samples: times "
                f"would drift. Give {near!r}, or another sample_rate"
            )
        if self.normalize not in LEVELS:
            raise ValueError(
                f"normalize is {self.normalize!r}: choose 'peak' or None"
            )
        object.__setattr__(self, "classes", tuple(self.classes))

    @property
    def num_samples(self) -> int:
        """Samples in one window."""
        return round(self.window_seconds * self.sample_rate)

    @property
    def hop_samples(self) -> int:
        """Samples from one score frame to the next."""
        return round(self.hop_seconds * self.sample_rate)

    def num_frames(self, seconds: float) -> int:
        """Frames that cover `seconds` of audio, at least one."""
        return max(1, math.ceil(round(seconds / self.hop_seconds, 6)))
