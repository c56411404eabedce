"""Draw latents from a diffusion model that predicts the velocity.

The noise schedule is that of Tango (https://arxiv.org/abs/2304.13731), which
has it from Stable Diffusion 2.1. The solvers are those of diffusers.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["NOISE_SCHEDULE", "SCHEDULERS", "build_scheduler", "draw_latents"]

NOISE_SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}
# diffusers' own spacings differ between the solvers, so each is named. All
# begin at the last training step, however few steps there are; "leading",
# which Tango has from its scheduler's file, begins up to 1000 / steps lower.
_TRAILING = {"clip_sample": False, "timestep_spacing": "trailing"}
#: Class in diffusers and its settings, by the name of the scheduler.
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "timestep_spacing": "linspace"},
    ),
    "ddpm": ("DDPMScheduler", {"variance_type": "fixed_small", **_TRAILING}),
    "ddim": ("DDIMScheduler", {"set_alpha_to_one": True, **_TRAILING}),
    "unipc": ("UniPCMultistepScheduler", {"timestep_spacing": "linspace"}),
}


def build_scheduler(
    name: str = "dpm", steps: int = 20, **overrides: Any
) -> Any:
    """A solver of diffusers with Tango's noise schedule.

    Arguments
    ---------
    name : str
        `dpm` (DPM-Solver++, multistep), `unipc`, `ddim` or `ddpm`; the last
        adds noise at each step and wants 100 to 200 of them.
    steps : int
        How often the model is asked, 1 to 1000.
    **overrides
        Other settings of the solver's class or of the schedule.

    Returns
    -------
    diffusers.SchedulerMixin
        With its time steps set.

    Raises
    ------
    ValueError
        If the name is unknown or the steps are out of range.

    Example
    -------
    >>> build_scheduler("ddim", 4).timesteps.tolist()
    [999, 749, 499, 249]
    """
    if name not in SCHEDULERS:
        raise ValueError(
            f"scheduler {name!r}: choose from {', '.join(SCHEDULERS)}"
        )
    most = {**NOISE_SCHEDULE, **overrides}["num_train_timesteps"]
    if not (isinstance(steps, int) and 1 <= steps <= most):
        raise ValueError(f"{steps!r} steps: give a whole number, 1 to {most}")
    import diffusers

    kind, settings = SCHEDULERS[name]
    scheduler = getattr(diffusers, kind)(
        **{**NOISE_SCHEDULE, **settings, **overrides}
    )
    scheduler.set_timesteps(steps)
    return scheduler


def draw_latents(
    predict: Callable[[Tensor, Tensor], Tensor],
    shape: Sequence[int],
    seeds: Sequence[int],
    *,
    scheduler: str = "dpm",
    steps: int = 20,
    device: str | torch.device = "cpu",
    progress: Callable[[], object] = lambda: None,
    begin: Tensor | None = None,
    strength: float = 1.0,
    keep: Tensor | None = None,
    **overrides: Any,
) -> Tensor:
    """Turn noise into latents, step by step.

    Each latent has a random generator of its own, on the CPU: what is drawn
    depends on its seed, but neither on the batch nor on the device.

    It may begin with something: noise is put on it, and taken away again, as
    SDEdit does (https://arxiv.org/abs/2108.01073); or a part of it is kept
    and the rest drawn to it, the kept part having in every step the noise
    that belongs there (https://arxiv.org/abs/2201.09865, equation 8, without
    its going back and forth).

    Arguments
    ---------
    predict : callable
        From noisy latents `[batch, channels, columns, bins]` and a time step
        to the predicted velocity of the same shape.
    shape : sequence of int
        Of one latent, `[channels, columns, bins]`.
    seeds : sequence of int
        One per latent.
    scheduler, steps, **overrides
        See :func:`build_scheduler`.
    device : str or torch.device
        Where to compute.
    progress : callable
        Called after each step.
    begin : torch.Tensor, optional
        Latents without noise, shaped as the result.
    strength : float
        Share of the steps that are done, of the last ones, above 0. At 1
        nothing of `begin` is left but what is kept.
    keep : torch.Tensor, optional
        Columns that stay as in `begin`, bool `[columns]`.

    Returns
    -------
    torch.Tensor
        `[batch, channels, columns, bins]`, float32.

    Raises
    ------
    ValueError
        If the strength is out of range, or makes no sense without `begin`.

    Example
    -------
    >>> def predict(z, time):
    ...     return torch.zeros_like(z)
    >>> draw_latents(predict, (8, 4, 2), seeds=[0, 1], steps=2).shape
    torch.Size([2, 8, 4, 2])
    """
    solver = build_scheduler(scheduler, steps, **overrides)
    if not 0 < strength <= 1:
        raise ValueError(
            f"strength {strength:g}: give more than 0 and at most 1"
        )
    if begin is None and (strength < 1 or keep is not None):
        raise ValueError("nothing to begin with: give begin")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = [torch.randn(tuple(shape), generator=g) for g in generators]
    drawn = torch.stack(noise).to(device)
    z = drawn * solver.init_noise_sigma
    times = solver.timesteps[-max(1, round(strength * steps)) :]

    def noisy(time):
        share = solver.alphas_cumprod[int(time)]
        return share.sqrt() * begin + (1 - share).sqrt() * drawn

    if begin is not None and strength < 1:
        z = noisy(times[0])
    if keep is not None:
        keep = keep.to(device)[None, None, :, None]
    # Only the ancestral sampler takes random numbers on its way.
    extra = {"generator": generators} if scheduler == "ddpm" else {}
    for time in times:
        if keep is not None:
            z = torch.where(keep, noisy(time), z)
        velocity = predict(solver.scale_model_input(z, time), time.to(device))
        z = solver.step(velocity.float(), time, z, **extra).prev_sample
        progress()
    return z if keep is None else torch.where(keep, begin, z)
