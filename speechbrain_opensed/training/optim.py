"""What an optimizer is given: groups of parameters and a schedule.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

__all__ = [
    "WarmupDecay",
    "adafactor_or_adamw",
    "parameter_groups",
    "rate_in_force",
]


@dataclass(frozen=True)
class WarmupDecay:
    """Learning-rate factor: linear warm-up, then linear or cosine decay.

    A pure function of the number of optimizer steps done, so it has nothing
    to save: the Brain's step count is in every checkpoint. How long training
    is follows from data, processes and epochs, so `OpenSEDBrain.fit` fills
    it in.

    Arguments
    ---------
    warmup_steps : int
        Steps until the factor is 1; the first step already has a share.
    total_steps : int, optional
        Step at which the decay, which begins after the warm-up, is over.
        None: to be filled in by `over`.
    final_factor : float
        Factor from then on.
    shape : str
        `"linear"` or `"cosine"`.

    Raises
    ------
    ValueError
        If the shape is unknown or warm-up takes longer than the training.

    Example
    -------
    >>> schedule = WarmupDecay(4, 104, final_factor=0.01)
    >>> [round(schedule(step), 4) for step in (0, 3, 4, 54, 104, 1000)]
    [0.25, 1.0, 1.0, 0.505, 0.01, 0.01]
    >>> WarmupDecay(500).over(40).warmup_steps
    8
    """

    warmup_steps: int
    total_steps: int | None = None
    final_factor: float = 0.0
    shape: str = "linear"

    def __post_init__(self) -> None:
        if self.shape not in ("linear", "cosine"):
            raise ValueError(
                f"shape {self.shape!r} is unknown: use 'linear' or 'cosine'"
            )
        if self.warmup_steps < 0 or (
            self.total_steps is not None
            and self.warmup_steps >= self.total_steps
        ):
            raise ValueError(
                f"warmup_steps {self.warmup_steps} must be less than "
                f"total_steps {self.total_steps}"
            )

    def over(self, total_steps: int) -> "WarmupDecay":
        """The same schedule for a training of so many steps.

        Arguments
        ---------
        total_steps : int
            Steps of the optimizer.

        Returns
        -------
        WarmupDecay
            With at most a fifth of the steps for the warm-up.

        Raises
        ------
        ValueError
            If it was made for another number of steps.
        """
        if self.total_steps is None:
            warmup = min(self.warmup_steps, total_steps // 5)
            return replace(self, warmup_steps=warmup, total_steps=total_steps)
        if self.total_steps != total_steps:
            raise ValueError(
                f"the schedule is made for {self.total_steps} steps, but "
                f"training has {total_steps}: leave out total_steps"
            )
        return self

    def __call__(self, step: int) -> float:
        """Factor for the step after `step` steps."""
        if self.total_steps is None:
            raise ValueError(
                "nobody said how many steps training has: call over() first, "
                "as OpenSEDBrain.fit does"
            )
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / (
            self.total_steps - self.warmup_steps
        )
        left = max(0.0, 1.0 - done)
        if self.shape == "cosine":
            left = (1.0 - math.cos(math.pi * left)) / 2.0
        return self.final_factor + (1.0 - self.final_factor) * left


def parameter_groups(
    modules: torch.nn.Module,
    factors: Mapping[str, float] | None = None,
    decay_vectors: bool = True,
) -> list[dict]:
    """Trainable parameters by what the optimizer does with them.

    Arguments
    ---------
    modules : torch.nn.Module
        The modules, wrapped for distributed training or not.
    factors : mapping from str to float
        Dotted prefix of parameter names, e.g. `"model.encoder"`, to the
        factor on the learning rate; the longest prefix holds, without one
        the factor is 1.
    decay_vectors : bool
        Whether parameters of fewer than two dimensions (biases, norms) decay
        like the others.

    Returns
    -------
    list of dict
        Groups `{"params": [...], "lr_factor": float}`, largest factor first,
        with `"weight_decay": 0.0` where it shall not decay.

    Raises
    ------
    ValueError
        If a prefix fits no parameter, frozen or not.

    Example
    -------
    >>> modules = torch.nn.ModuleDict(
    ...     {"encoder": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)}
    ... )
    >>> groups = parameter_groups(modules, {"encoder": 0.1})
    >>> [(group["lr_factor"], len(group["params"])) for group in groups]
    [(1.0, 2), (0.1, 2)]
    """
    factors = dict(factors or {})
    groups: dict[tuple[float, bool], list] = {}
    unused = set(factors)
    for name, parameter in modules.named_parameters():
        # DistributedDataParallel and torch.compile put names in between.
        path = [p for p in name.split(".") if p not in ("module", "_orig_mod")]
        prefixes = (".".join(path[:n]) for n in range(len(path), 0, -1))
        prefix = next((p for p in prefixes if p in factors), "")
        # Also where what it names is frozen.
        unused.discard(prefix)
        if not parameter.requires_grad:
            continue
        decays = decay_vectors or parameter.ndim > 1
        key = float(factors.get(prefix, 1.0)), decays
        groups.setdefault(key, []).append(parameter)
    if unused:
        raise ValueError(
            "no parameter is named after "
            f"{', '.join(sorted(unused))}: check the learning-rate factors "
            "against the names of model.named_parameters()"
        )
    return [
        {"params": groups[factor, decays], "lr_factor": factor}
        | ({} if decays else {"weight_decay": 0.0})
        for factor, decays in sorted(groups, reverse=True)
    ]


def adafactor_or_adamw(
    groups: list, name: str, lr: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Adafactor that sets its own learning rates, or AdamW.

    Adafactor (https://arxiv.org/abs/1804.04235) is the one of the library
    transformers, with steps relative to the size of a tensor and warm-up.
    Tensors that begin as zero grow slowly with it.

    Arguments
    ---------
    groups : list
        Parameters or groups of them.
    name : str
        `"adafactor"` or `"adamw"`.
    lr : float
        Of AdamW; Adafactor does not use it.
    weight_decay : float
        Of AdamW.

    Returns
    -------
    torch.optim.Optimizer
        The optimizer.

    Raises
    ------
    ValueError
        If the name is unknown.

    Example
    -------
    >>> weight = torch.nn.Parameter(torch.ones(2, 2))
    >>> type(adafactor_or_adamw([weight], "adamw", 1e-3)).__name__
    'AdamW'
    """
    if name == "adamw":
        return torch.optim.AdamW(groups, lr, weight_decay=weight_decay)
    if name != "adafactor":
        raise ValueError(
            f"optimizer {name!r}: choose from 'adafactor' and 'adamw'"
        )
    from transformers.optimization import Adafactor

    optimizer = Adafactor(
        groups,
        lr=None,
        scale_parameter=True,
        relative_step=True,
        warmup_init=True,
    )
    for group in optimizer.param_groups:
        # Nothing reads it but logs and schedules, which want a number.
        group["lr"] = lr
    return optimizer


def rate_in_force(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate of the last step, for logs.

    Adafactor (https://arxiv.org/abs/1804.04235, algorithm 4) has one for each
    tensor; this is their mean.

    Arguments
    ---------
    optimizer : torch.optim.Optimizer
        The optimizer; of several groups the one with the largest rate counts.

    Returns
    -------
    float
        The rate; of an Adafactor that has not stepped yet, 0.

    Example
    -------
    >>> weight = torch.nn.Parameter(torch.full((2, 2), 0.5))
    >>> optimizer = adafactor_or_adamw([weight], "adafactor", lr=1.0)
    >>> weight.grad = torch.ones(2, 2)
    >>> optimizer.step()
    >>> f"{rate_in_force(optimizer):.1e}"
    '5.0e-07'
    """
    rates = []
    for group in optimizer.param_groups:
        if not group.get("relative_step"):
            return max(float(g["lr"]) for g in optimizer.param_groups)
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if not state:
                continue
            most = 1e-6 * state["step"] if group["warmup_init"] else 1e-2
            rate = min(most, state["step"] ** -0.5)
            if group["scale_parameter"]:
                rate *= max(group["eps"][1], float(state["RMS"]))
            rates.append(rate)
    return sum(rates) / len(rates) if rates else 0.0
