"""The Brain that all recipes of this package train with.

It mends what SpeechBrain's fine-tuning users meet: every parameter group is
clipped, a non-positive `max_grad_norm` is off, a resumed run repeats dropout
and augmentation exactly, and learning-rate schedules run per optimizer step.

Authors
 * The speechbrain-opensed contributors 2026
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import speechbrain as sb
import torch
from speechbrain.utils.checkpoints import METAFNAME, Checkpointer
from speechbrain.utils.distributed import ddp_barrier
from speechbrain.utils.logger import get_logger
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from typing_extensions import Self

from speechbrain_opensed.dataio.loader import CutLoader
from speechbrain_opensed.training.optim import (
    WarmupDecay,
    parameter_groups,
    rate_in_force,
)

__all__ = ["OpenSEDBrain", "WholeCheckpointer", "unwrapped"]

logger = get_logger(__name__)

# Seconds between checkpoints whose clock stood still or went back.
_TICK = 1e-3


class WholeCheckpointer(Checkpointer):
    """Checkpointer whose checkpoints exist whole or not at all.

    SpeechBrain writes the file that makes a folder a checkpoint first, so a
    process killed while saving leaves a folder from which the next run fails
    to resume. Here that file comes last. SpeechBrain orders checkpoints by the
    clock, which may go backwards; here a later one always counts as newer.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> checkpointer = WholeCheckpointer(
    ...     folder, {"model": torch.nn.Linear(1, 1)}
    ... )
    >>> checkpoint = checkpointer.save_checkpoint(name="first")
    >>> sorted(path.name for path in checkpoint.path.iterdir())
    ['CKPT.yaml', 'model.ckpt']
    """

    def _save_checkpoint_metafile(
        self, fpath, meta_to_include=None, end_of_epoch=True
    ):
        newest = max(
            (one.meta["unixtime"] for one in self.list_checkpoints()),
            default=0.0,
        )
        meta = {
            "unixtime": max(time.time(), newest + _TICK),
            **(meta_to_include or {}),
        }
        return super()._save_checkpoint_metafile(
            fpath.with_suffix(".part"), meta, end_of_epoch
        )

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Save all recoverables; see SpeechBrain's Checkpointer."""
        checkpoint = super().save_checkpoint(*args, **kwargs)
        if checkpoint is not None:
            part = (checkpoint.path / METAFNAME).with_suffix(".part")
            part.replace(checkpoint.path / METAFNAME)
        # All ranks look for old checkpoints next and must see the same ones.
        ddp_barrier()
        return checkpoint


class OpenSEDBrain(sb.Brain):
    """Brain with whole clipping, exact resume, schedules and averaging.

    Differences to `speechbrain.Brain`:

    - Gradients of *all* parameter groups of an optimizer are clipped to
      `max_grad_norm`, by their common norm; 0 or less means no clipping.
    - `fit` registers a `CutLoader` itself.
    - PyTorch's generators are seeded before each batch from (seed, rank,
      epoch, step), so dropout is the same after a resume; `step_generator`
      gives a generator of the same kind to augmentation.
    - On CPU, distributed training keeps BatchNorm: PyTorch's SyncBatchNorm,
      which SpeechBrain puts in its place, needs a GPU.
    - A `WarmupDecay` gets its length from data, processes, accumulation and
      epochs; an epoch in which the optimizer would not step is an error.
    - Checkpoints within an epoch wait until no gradient is left over from
      gradient accumulation.
    - A loss or gradients that are not finite end the training before the
      weights are touched, and name the clips; with `skip_nonfinite_grads`
      SpeechBrain passes over them, up to `nonfinite_patience`.
    - An epoch without any batch is an error with every sampler.

    Arguments
    ---------
    modules : dict of str to torch.nn.Module
        The modules.
    opt_class : callable
        Takes parameter groups, gives the optimizer.
    hparams : dict
        Hyperparameters.
    run_opts : dict or RunOptions
        Run options, see SpeechBrain.
    checkpointer : Checkpointer
        Best a `WholeCheckpointer`.
    seed : int
        Seed of everything that is random in a step.
    lr_schedule : callable
        Number of optimizer steps done to the factor on all learning rates,
        e.g. `optim.WarmupDecay`. None: constant.
    lr_factors : mapping from str to float
        See `optim.parameter_groups`.
    ema_decay : float
        Decay of the moving average of the weights with which validation and
        test are run, e.g. 0.999. None: they run with the weights themselves.

    Example
    -------
    >>> class Regression(OpenSEDBrain):
    ...     def compute_forward(self, batch, stage):
    ...         return self.modules.model(batch[0])
    ...
    ...     def compute_objectives(self, predictions, batch, stage):
    ...         return (predictions - batch[1]).square().mean()
    >>> from speechbrain_opensed.training.optim import WarmupDecay
    >>> brain = Regression(
    ...     {"model": torch.nn.Linear(2, 1)},
    ...     lambda groups: torch.optim.SGD(groups, lr=0.1),
    ...     run_opts={"max_grad_norm": -1},
    ...     lr_schedule=WarmupDecay(1),
    ... )
    >>> data = [(torch.ones(4, 2), torch.zeros(4, 1))]
    >>> brain.fit(range(1, 3), data, progressbar=False)
    >>> brain.optimizer_step
    2
    """

    modules: torch.nn.ModuleDict

    def __init__(
        self,
        modules: Mapping[str, Any] | None = None,
        opt_class: Callable | None = None,
        hparams: dict | None = None,
        run_opts: Any = None,
        checkpointer: Checkpointer | None = None,
        *,
        seed: int = 0,
        lr_schedule: Callable[[int], float] | None = None,
        lr_factors: Mapping[str, float] | None = None,
        ema_decay: float | None = None,
    ):
        super().__init__(modules, opt_class, hparams, run_opts, checkpointer)
        self.seed = seed
        self.epoch = 0
        self.lr_schedule = lr_schedule
        self.lr_factors = lr_factors
        self.ema = None
        self._heard: list[str] = []
        if ema_decay is not None:
            self.ema = _weight_average(self.modules, ema_decay)
            if checkpointer is not None:
                checkpointer.add_recoverable("ema", self.ema)

    @classmethod
    def from_hparams(
        cls, hparams: dict[str, Any], run_opts: Any = None, **instead: Any
    ) -> Self:
        """Build the Brain that a recipe's YAML describes.

        Arguments
        ---------
        hparams : dict
            With `modules`, `opt_class` and `seed`, and `checkpointer`,
            `lr_schedule`, `lr_factors` and `ema_decay` where there are any.
        run_opts : dict or RunOptions
            Run options, see SpeechBrain.
        **instead : Any
            What is taken in place of the YAML's, by name.

        Returns
        -------
        OpenSEDBrain
            The Brain, of the class on which this is called.

        Raises
        ------
        ValueError
            If the YAML lacks one that is needed.
        """
        given = {
            "modules": hparams.get("modules"),
            "opt_class": hparams.get("opt_class"),
            "checkpointer": hparams.get("checkpointer"),
            "seed": hparams.get("seed"),
            "lr_schedule": hparams.get("lr_schedule"),
            "lr_factors": hparams.get("lr_factors"),
            "ema_decay": hparams.get("ema_decay"),
            **instead,
        }
        needed = ("modules", "opt_class", "seed")
        if missing := [name for name in needed if given[name] is None]:
            raise ValueError(
                f"the YAML has no {', '.join(missing)}: a Brain needs them"
            )
        return cls(hparams=hparams, run_opts=run_opts, **given)

    def fit(
        self, epoch_counter: Any, train_set: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Train; see SpeechBrain's Brain."""
        if isinstance(train_set, CutLoader):
            train_set.register(self)
        self._num_epochs = _number_of_epochs(epoch_counter)
        super().fit(
            self._note_epochs(epoch_counter), train_set, *args, **kwargs
        )

    def _note_epochs(self, epoch_counter):
        for self.epoch in epoch_counter:
            yield self.epoch

    def _fit_train(self, train_set, epoch, enable):
        self._settle_schedule(train_set)
        self._heard = []
        done, resumed = self.optimizer_step, self.step > 0
        super()._fit_train(train_set, epoch, enable)
        if not (
            self.optimizer_step > done
            or resumed
            or self._optimizer_step_limit_exceeded
        ):
            raise ValueError(
                f"epoch {epoch} had no batch after which the optimizer "
                "steps: nothing was trained; give more data, smaller batches "
                "or a smaller grad_accumulation_factor"
            )

    def _settle_schedule(self, train_set):
        """Has the schedule end where training ends."""
        epochs = self._num_epochs
        try:
            batches = len(train_set)
        except TypeError:
            # With bucketing it is open; the schedule must know by itself.
            return
        if self.debug:
            batches = min(batches, self.debug_batches)
            epochs = epochs and min(epochs, self.debug_epochs)
        steps = batches // self.grad_accumulation_factor
        if not steps:
            raise ValueError(
                f"an epoch has {len(train_set)} batches and the optimizer "
                f"steps after {self.grad_accumulation_factor}: nothing would "
                "be trained; give more data, smaller batches or a smaller "
                "grad_accumulation_factor"
            )
        if not isinstance(self.lr_schedule, WarmupDecay) or epochs is None:
            return
        schedule = self.lr_schedule.over(steps * epochs)
        if schedule != self.lr_schedule:
            logger.info(f"{steps} steps in each of {epochs} epochs: {schedule}")
        self.lr_schedule = schedule

    @property
    def learning_rate(self) -> float:
        """The rate of the last step, see `optim.rate_in_force`."""
        return rate_in_force(self.optimizer)

    def step_seed(self) -> int:
        """A number that is another one in every step of every rank."""
        rank = self.rank if self.distributed_launch else 0
        key = (self.seed, rank, self.epoch, self.step)
        return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])

    def step_generator(self) -> torch.Generator:
        """A CPU generator for the random choices of this step.

        Each call gives it anew: draw all of a step's choices from one.
        """
        # Another stream than that of the global generators.
        return torch.Generator().manual_seed(self.step_seed() ^ 1)

    def fit_batch(self, batch: Any) -> Any:
        """Train on one batch, reproducibly."""
        torch.manual_seed(self.step_seed())
        self._heard.append(_names(batch, self.step))
        return super().fit_batch(batch)

    def check_loss_isfinite(self, loss: torch.Tensor) -> None:
        """Ends the training where a loss is not finite."""
        if self.skip_nonfinite_grads:
            super().check_loss_isfinite(loss)
        elif not torch.isfinite(loss):
            raise ValueError(self._not_finite("the loss", self._heard[-1:]))

    def _not_finite(self, what: str, clips: list[str]) -> str:
        kept = "there is no checkpoint"
        found = self.checkpointer and self.checkpointer.list_checkpoints()
        if found:
            newest = max(found, key=lambda one: one.meta["unixtime"])
            kept = f"the last checkpoint is {newest.path}"
        return (
            f"{what} of epoch {self.epoch}, step {self.step} is not finite. "
            f"It came from {', '.join(clips)}: look for broken audio or "
            "labels among them, or try a smaller lr or --precision bf16. "
            f"Nothing was learned from them; {kept}"
        )

    def init_optimizers(self) -> None:
        """One optimizer over the parameter groups of all modules."""
        if self.opt_class is None:
            return
        groups = parameter_groups(
            self.modules,
            self.lr_factors,
            decay_vectors=not self.remove_vector_weight_decay,
        )
        self.optimizer = self.opt_class(groups)
        for group in self.optimizer.param_groups:
            group["lr"] *= group["lr_factor"]
        self.optimizers_dict = {"opt_class": self.optimizer}
        if self.checkpointer is not None:
            self.checkpointer.add_recoverable("optimizer", self.optimizer)

    def optimizers_step(self) -> None:
        """Clip, step and schedule all optimizers that are not frozen."""
        if self.optimizers_dict is None:
            return
        optimizers = self.freeze_optimizers(self.optimizers_dict).values()
        for optimizer in optimizers:
            self.scaler.unscale_(optimizer)
        # In fp16 the scaler itself leaves out steps that are not finite.
        stop = not (self.scaler.is_enabled() or self.skip_nonfinite_grads)
        for optimizer in optimizers:
            norm = _clip(optimizer, self.max_grad_norm, needed=stop)
            if stop and not torch.isfinite(norm):
                raise ValueError(self._not_finite("the gradient", self._heard))
        self._heard = []
        if not self.scaler.is_enabled() and self.skip_nonfinite_grads:
            self.check_gradients()
        for optimizer in optimizers:
            if self.lr_schedule is not None:
                factor = self.lr_schedule(self.optimizer_step)
                for group in optimizer.param_groups:
                    # Kept in the group, it is in checkpoints as well.
                    peak = group.setdefault("initial_lr", group["lr"])
                    group["lr"] = peak * factor
            self.scaler.step(optimizer)
        self.scaler.update()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update_parameters(_trained(self.modules))
        self.optimizer_step += 1

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate with the averaged weights, if there are any."""
        with self.averaged():
            return super().evaluate(*args, **kwargs)

    def _fit_valid(self, *args, **kwargs):
        with self.averaged():
            super()._fit_valid(*args, **kwargs)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Have the averaged modules in `self.modules`."""
        trained = self.modules
        if self.ema is not None:
            averaged = dict(self.ema.module.items())
            self.modules = torch.nn.ModuleDict({**trained, **averaged})
        try:
            yield
        finally:
            self.modules = trained

    def _should_save_intra_epoch_ckpt(self, *args):
        due = super()._should_save_intra_epoch_ckpt(*args)
        return due and self.step % self.grad_accumulation_factor == 0

    def _wrap_distributed(self):
        if not (self.distributed_launch and self.device_type == "cpu"):
            super()._wrap_distributed()
            return
        for name, module in _trained(self.modules).items():
            self.modules[name] = DistributedDataParallel(
                module, find_unused_parameters=self.find_unused_parameters
            )


def unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """A module's own self, which distribution and compilation wrap.

    Arguments
    ---------
    module : torch.nn.Module
        One of a Brain's modules.

    Returns
    -------
    torch.nn.Module
        With its methods and attributes.

    Example
    -------
    >>> unwrapped(torch.nn.Linear(2, 1)).in_features
    2
    """
    while True:
        if isinstance(module, DistributedDataParallel):
            module = module.module
        elif isinstance(module, torch._dynamo.OptimizedModule):
            module = module._orig_mod
        else:
            return module


def _names(batch, step) -> str:
    ids = getattr(batch, "ids", None)
    return ", ".join(map(str, ids)) if ids else f"batch {step}"


def _clip(optimizer, max_norm, needed):
    """The norm of all gradients, which are clipped if one is given."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    if max_norm > 0:
        return torch.nn.utils.clip_grad_norm_(params, max_norm)
    if not needed:
        return torch.zeros(())
    grads = [p.grad for p in params if p.grad is not None]
    return torch.nn.utils.get_total_norm(grads)


def _number_of_epochs(epoch_counter):
    """How many there are, also where some are already done; None: open."""
    limit = getattr(epoch_counter, "limit", None)
    if limit is None and hasattr(epoch_counter, "__len__"):
        limit = len(epoch_counter)
    return limit


def _trained(modules):
    """The modules that have anything to train."""
    return torch.nn.ModuleDict(
        {
            name: module
            for name, module in modules.items()
            if any(p.requires_grad for p in module.parameters())
        }
    )


def _weight_average(modules, decay):
    """Moving average that forgets the start: its decay grows to `decay`."""

    @torch.no_grad()
    def update(averages, values, num_averaged):
        count = float(num_averaged)
        weight = 1.0 - min(decay, (1.0 + count) / (10.0 + count))
        torch._foreach_lerp_(list(averages), list(values), weight)

    return AveragedModel(_trained(modules), multi_avg_fn=update)
