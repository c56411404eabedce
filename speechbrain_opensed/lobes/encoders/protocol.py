"""What a detector needs of the network that hears for it.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

__all__ = ["Encoder", "check_encoder"]


@runtime_checkable
class Encoder(Protocol):
    """Turns audio into frames, once per clip, whatever is asked later.

    Attributes
    ----------
    sample_rate : int
        Samples per second of the audio.
    hop_seconds : float
        Distance of two frames.
    window_seconds : float
        Length of the clips that it was trained on.
    dim : int
        Width of a frame.
    num_tags : int
        How many of a frame's last values are logits of the encoder's own
        tags; 0 if it has none.

    Example
    -------
    >>> from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
    >>> isinstance(MobileNet(width=0.1), Encoder)
    True
    """

    sample_rate: int
    hop_seconds: float
    window_seconds: float
    dim: int
    num_tags: int

    def encode(self, wav: Tensor) -> Tensor:
        """Encodes wav `[batch, samples]`: `[batch, time, dim]`."""
        ...


def check_encoder(encoder: nn.Module) -> nn.Module:
    """Refuses what is no encoder.

    Arguments
    ---------
    encoder : torch.nn.Module
        What should be one.

    Returns
    -------
    torch.nn.Module
        The same.

    Raises
    ------
    ValueError
        Says what it lacks.

    Example
    -------
    >>> check_encoder(nn.Linear(2, 2))
    Traceback (most recent call last):
    ValueError: Linear is no encoder: it needs encode(), sample_rate, ...
    """
    if not isinstance(encoder, Encoder):
        raise ValueError(
            f"{type(encoder).__name__} is no encoder: it needs encode(), "
            "sample_rate, hop_seconds, window_seconds, dim and num_tags"
        )
    return encoder
