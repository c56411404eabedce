"""The objective of diffusion models that predict velocities.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor

__all__ = [
    "min_snr_weights",
    "velocity_loss",
]


def min_snr_weights(
    alpha_bar: Tensor, gamma: float | None = 5.0, form: str = "velocity"
) -> Tensor:
    """Weights of time steps that keep clean ones from dominating.

    Min-SNR (https://arxiv.org/abs/2303.09556), section 3.4.

    Arguments
    ---------
    alpha_bar : torch.Tensor
        Share of the signal's power at the steps, any shape.
    gamma : float or None
        Signal-to-noise ratio above which steps count less; None: all weights
        are 1.
    form : str
        `"velocity"`: min(SNR, gamma) / (SNR + 1), the paper's for velocities;
        `"epsilon"`: min(SNR, gamma) / SNR, its form for noise, which Tango
        puts on velocities.

    Returns
    -------
    torch.Tensor
        Shaped as `alpha_bar`.

    Raises
    ------
    ValueError
        If the form is unknown.

    Example
    -------
    >>> alpha_bar = torch.tensor([0.9, 0.5])
    >>> min_snr_weights(alpha_bar), min_snr_weights(alpha_bar, form="epsilon")
    (tensor([0.5000, 0.5000]), tensor([0.5556, 1.0000]))
    """
    if form not in ("velocity", "epsilon"):
        raise ValueError(f"form {form!r}: choose 'velocity' or 'epsilon'")
    if gamma is None:
        return torch.ones_like(alpha_bar)
    snr = alpha_bar / (1 - alpha_bar)
    least = snr.clamp(max=gamma)
    return least / (snr + 1 if form == "velocity" else snr)


def velocity_loss(
    predicted: Tensor, velocity: Tensor, weights: Tensor
) -> Tensor:
    """Squared error of each clip, weighted by its time step, averaged.

    Arguments
    ---------
    predicted, velocity : torch.Tensor
        `[batch, channels, columns, bins]`.
    weights : torch.Tensor
        `[batch]`, see :func:`min_snr_weights`.

    Returns
    -------
    torch.Tensor
        A scalar.

    Example
    -------
    >>> zeros = torch.zeros(2, 1, 1, 1)
    >>> velocity_loss(zeros, zeros + 2, torch.tensor([1.0, 0.5]))
    tensor(3.)
    """
    error = (predicted.float() - velocity.float()).square().flatten(1).mean(1)
    return (error * weights).mean()
