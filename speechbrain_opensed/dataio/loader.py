"""From cuts to batches in SpeechBrain's training loop, resumable anywhere.

Lhotse's samplers shard themselves over ranks and know no length; SpeechBrain
restores a loader by its position in the sampler. `CutLoader` joins the two:
the position counts batches that training has received, whatever the workers
have read ahead, and on resume only metadata is skipped.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import torch
from lhotse import CutSet
from lhotse.dataset import SimpleCutSampler
from lhotse.dataset.sampling.base import CutSampler
from speechbrain.dataio.dataloader import SaveableDataLoader
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from torch.utils.data import DataLoader, Dataset

from lhotse_recipes.json_files import read_json
from speechbrain_opensed.dataio.batches import BatchKey

__all__ = ["CutLoader", "evaluation_loader", "training_loader"]

logger = logging.getLogger(__name__)


class _KeyedSampler:
    """Hands the dataset (epoch, batch number) along with the cuts."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self) -> Iterator[BatchKey]:
        for index, cuts in enumerate(self.sampler):
            yield BatchKey(self.sampler.epoch, index, cuts)

    def set_epoch(self, epoch):
        self.sampler.set_epoch(epoch)


@register_checkpoint_hooks
class CutLoader(SaveableDataLoader):
    """DataLoader over a Lhotse sampler whose position lies in checkpoints.

    `OpenSEDBrain.fit` registers the loader; with another Brain call
    `register` before `fit`, which is when checkpoints are recovered.

    Arguments
    ---------
    dataset : torch.utils.data.Dataset
        Indexed with a `BatchKey` (epoch, number, cuts), e.g. `SedDataset`.
    sampler : lhotse.dataset.sampling.base.CutSampler
        Any Lhotse sampler with an integer seed. It shards itself by the
        environment of torchrun.
    num_workers : int
        Processes that read ahead; batches do not depend on it.
    seed : int
        Seed of the workers' own generators.
    num_batches : int or None
        What `len` says, for progress bars only: with bucketing the number
        differs from epoch to epoch.
    **dataloader_kwargs
        Passed to DataLoader: persistent_workers, prefetch_factor, pin_memory.

    Raises
    ------
    ValueError
        If the sampler's seed is drawn at random; on resume within an epoch,
        if the number of processes, a seed or the epoch is another one.

    Example
    -------
    >>> from lhotse.testing.dummies import DummyManifest
    >>> cuts = DummyManifest(CutSet, begin_id=0, end_id=6)
    >>> class Ids(Dataset):
    ...     def __getitem__(self, key):
    ...         return [cut.id[-1] for cut in key.cuts]
    >>> loader = CutLoader(Ids(), SimpleCutSampler(cuts, max_cuts=4))
    >>> list(loader)
    [['0', '1', '2', '3'], ['4', '5']]
    """

    def __init__(
        self,
        dataset: Dataset,
        sampler: CutSampler,
        num_workers: int = 0,
        *,
        seed: int = 0,
        num_batches: int | None = None,
        **dataloader_kwargs: Any,
    ):
        if not isinstance(sampler.seed, int):
            raise ValueError(
                f"the sampler's seed is {sampler.seed!r}: give it an integer, "
                "or training cannot be resumed where it stopped"
            )
        super().__init__(
            dataset,
            sampler=_KeyedSampler(sampler),
            batch_size=None,
            num_workers=num_workers,
            generator=torch.Generator().manual_seed(seed),
            **dataloader_kwargs,
        )
        self.seed = seed
        self.num_batches = num_batches
        self._resumed_epoch = None

    def __len__(self) -> int:
        if self.num_batches is None:
            raise TypeError("the number of batches of this CutLoader is open")
        return self.num_batches

    def __iter__(self) -> Iterator[Any]:
        epoch, self._resumed_epoch = self._resumed_epoch, None
        if epoch is not None and epoch != self.sampler.sampler.epoch:
            raise ValueError(
                f"the checkpoint was saved within epoch {epoch}, but training "
                f"goes on with epoch {self.sampler.sampler.epoch}: have the "
                "epoch counter among the checkpointer's recoverables, and "
                "register the loader before fit()"
            )
        return super().__iter__()

    def register(self, brain: Any) -> None:
        """Let a Brain set the epoch and keep the position in checkpoints.

        Arguments
        ---------
        brain : speechbrain.Brain
            The Brain, before its `fit`.
        """
        brain.train_sampler = self.sampler
        if brain.checkpointer is not None:
            brain.checkpointer.add_recoverable("dataloader-TRAIN", self)

    def _identity(self):
        sampler = self.sampler.sampler
        return {
            "world_size": sampler.world_size,
            "seed": self.seed,
            "sampler_seed": sampler.seed,
        }

    @mark_as_saver
    def _save(self, path):
        iterator = self._speechbrain_iterator
        state = {
            "yielded": None if iterator is None else iterator._num_yielded,
            "epoch": self.sampler.sampler.epoch,
            **self._identity(),
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(state, file)

    @mark_as_loader
    def _load(self, path, end_of_epoch):
        # Once training runs, checkpoints are loaded for evaluation only.
        if end_of_epoch or self._speechbrain_iterator is not None:
            return
        state = read_json(path, dict)
        if state["yielded"] is None:
            return
        for name, value in self._identity().items():
            if state[name] != value:
                raise ValueError(
                    f"the checkpoint was saved within an epoch with {name} "
                    f"{state[name]}, now it is {value}: the batches would be "
                    f"others. Resume with {name} {state[name]}, or remove "
                    f"{path.parent} to go on from the last whole epoch"
                )
        self._speechbrain_recovery_skip_to = state["yielded"]
        self._resumed_epoch = state["epoch"]


def training_loader(
    dataset: Dataset,
    cuts: CutSet,
    batch_size: int,
    *,
    num_workers: int = 0,
    seed: int = 0,
    **dataloader_kwargs: Any,
) -> CutLoader:
    """A loader that shuffles cuts anew in each epoch, in whole batches.

    Fewer cuts than all processes would take at once, as in few-shot
    training, make smaller batches instead of none.

    Arguments
    ---------
    dataset : torch.utils.data.Dataset
        Indexed with a `BatchKey`, e.g. `SedDataset`.
    cuts : lhotse.CutSet
        The cuts, in memory.
    batch_size : int
        Cuts in a batch, on each process.
    num_workers : int
        Processes that read ahead.
    seed : int
        Of the order.
    **dataloader_kwargs
        Passed to DataLoader.

    Returns
    -------
    CutLoader
        The loader.

    Raises
    ------
    ValueError
        If there are fewer cuts than processes.

    Example
    -------
    >>> from lhotse.testing.dummies import DummyManifest
    >>> cuts = DummyManifest(CutSet, begin_id=0, end_id=6)
    >>> class Size(Dataset):
    ...     def __getitem__(self, key):
    ...         return len(key.cuts)
    >>> list(training_loader(Size(), cuts, 4))
    [4]
    >>> list(training_loader(Size(), cuts, 16))
    [6]
    """
    ranks = SimpleCutSampler(cuts, max_cuts=1).world_size
    size = min(batch_size, len(cuts) // ranks)
    if not size:
        raise ValueError(
            f"{len(cuts)} training clips for {ranks} processes make no batch: "
            "give more data, or use fewer processes"
        )
    if size < batch_size:
        logger.warning(
            "%d clips on %d processes: batches of %d instead of %d",
            *(len(cuts), ranks, size, batch_size),
        )
    sampler = SimpleCutSampler(
        cuts, max_cuts=size, shuffle=True, drop_last=True, seed=seed
    )
    return CutLoader(
        dataset,
        sampler,
        num_workers=num_workers,
        seed=seed,
        num_batches=len(cuts) // (size * ranks),
        **dataloader_kwargs,
    )


def evaluation_loader(
    dataset: Dataset,
    cuts: CutSet,
    max_cuts: int,
    num_workers: int = 0,
    **dataloader_kwargs: Any,
) -> DataLoader:
    """A loader that reads every cut once, in order, on every rank.

    Lhotse's samplers see only a share of the cuts under torchrun unless told
    otherwise, and a metric of rank 0 would silently be that of its share.

    Arguments
    ---------
    dataset : torch.utils.data.Dataset
        Indexed with CutSets, e.g. `SedDataset`.
    cuts : lhotse.CutSet
        The cuts.
    max_cuts : int
        Batch size.
    num_workers : int
        Processes that read ahead.
    **dataloader_kwargs
        Passed to DataLoader.

    Returns
    -------
    torch.utils.data.DataLoader
        The loader.

    Example
    -------
    >>> from lhotse.testing.dummies import DummyManifest
    >>> cuts = DummyManifest(CutSet, begin_id=0, end_id=3)
    >>> class Ids(Dataset):
    ...     def __getitem__(self, cuts):
    ...         return [cut.id[-1] for cut in cuts]
    >>> list(evaluation_loader(Ids(), cuts, max_cuts=2))
    [['0', '1'], ['2']]
    """
    sampler = SimpleCutSampler(
        cuts, max_cuts=max_cuts, shuffle=False, rank=0, world_size=1
    )
    return DataLoader(
        dataset,
        sampler=sampler,
        batch_size=None,
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(0),
        **dataloader_kwargs,
    )
