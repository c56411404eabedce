"""Batches from several corpora, each with its share.

Lhotse mixes lazily opened sets by weights too (`CutSet.infinite_mux`), but
then an epoch has no end, and every epoch begins with the same cuts. Here an
epoch has a fixed number of cuts, each corpus goes round by itself, and the
position within an epoch restores exactly what comes next.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.dataset import SimpleCutSampler
from lhotse.dataset.sampling.data_source import DataSource
from torch.utils.data import Dataset

from lhotse_recipes.captioning import source_of
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.manifests import read_cuts
from lhotse_recipes.schema import trim_events
from speechbrain_opensed.dataio.audio import with_audio
from speechbrain_opensed.dataio.loader import CutLoader

__all__ = ["CorpusSampler", "mixed_loader", "read_corpora"]

logger = logging.getLogger(__name__)


class CorpusSampler(SimpleCutSampler):
    """Draws each epoch anew from corpora, by weights.

    A corpus is heard in one random order after the other: no cut comes for
    the third time before all have come twice. Small corpora with a large
    share are thus heard more often than others.

    Arguments
    ---------
    corpora : mapping from str to lhotse.CutSet
        Name to cuts, in memory.
    weights : mapping from str to float, optional
        Name to the share of an epoch, in any unit. None: all clips of all
        corpora count alike, as FineLAP is published.
    epoch_cuts : int, optional
        Cuts in an epoch, over all ranks; default: as many as there are.
    max_cuts : int
        Batch size, on each rank.
    seed : int
        Of all orders.
    **options
        Of Lhotse's `SimpleCutSampler`: rank, world_size.

    Raises
    ------
    ValueError
        If the weights are for other corpora, negative or all 0, or an epoch
        has no batch.

    Example
    -------
    >>> from lhotse.testing.dummies import DummyManifest
    >>> corpora = {
    ...     "large": DummyManifest(CutSet, begin_id=0, end_id=90),
    ...     "small": DummyManifest(CutSet, begin_id=90, end_id=92),
    ... }
    >>> weights = {"large": 1, "small": 1}
    >>> sampler = CorpusSampler(corpora, weights, epoch_cuts=8, max_cuts=8)
    >>> (batch,) = sampler
    >>> sum(int(cut.id[-2:]) >= 90 for cut in batch)
    4
    """

    def __init__(
        self,
        corpora: Mapping[str, CutSet],
        weights: Mapping[str, float] | None = None,
        epoch_cuts: int | None = None,
        *,
        max_cuts: int = 16,
        seed: int = 0,
        **options: Any,
    ):
        self.corpora = {name: list(cuts) for name, cuts in corpora.items()}
        sizes = {name: len(cuts) for name, cuts in self.corpora.items()}
        self.shares = _shares(sizes, weights)
        self.epoch_cuts = epoch_cuts or sum(
            sizes[name] for name, share in self.shares.items() if share
        )
        super().__init__(
            CutSet.from_cuts([]),
            max_cuts=max_cuts,
            drop_last=True,
            seed=seed,
            **options,
        )
        self.num_batches = self.epoch_cuts // (max_cuts * self.world_size)
        if not self.num_batches:
            raise ValueError(
                f"{self.epoch_cuts} cuts make no batch of {max_cuts} on "
                f"{self.world_size} ranks: give more data or smaller batches"
            )

    def __iter__(self) -> Any:
        self.data_source = DataSource(CutSet.from_cuts(self._drawn()))
        return super().__iter__()

    def _drawn(self) -> list[Cut]:
        """The cuts of this epoch in their order."""
        drawn = []
        for name, share in self.shares.items():
            # Rounded as a running sum: over the epochs nothing is lost.
            first = round(self.epoch * self.epoch_cuts * share)
            after = round((self.epoch + 1) * self.epoch_cuts * share)
            drawn += self._walk(name, first, after)
        rng = np.random.default_rng((self.seed, self.epoch))
        return [drawn[i] for i in rng.permutation(len(drawn))]

    def _walk(self, name, first, after):
        """Cuts number first to after of a corpus that goes round for ever."""
        cuts, walked = self.corpora[name], []
        while first < after:
            lap, place = divmod(first, len(cuts))
            key = (self.seed, crc32(name.encode()), lap)
            order = np.random.default_rng(key).permutation(len(cuts))
            chosen = order[place : place + after - first]
            walked += [cuts[i] for i in chosen]
            first += len(chosen)
        return walked


def _shares(sizes, weights):
    empty = [name for name, size in sizes.items() if not size]
    if empty or not sizes:
        raise ValueError(
            f"no cuts in {', '.join(empty) or 'any corpus'}: leave it out"
        )
    if weights is None:
        weights = sizes
    strange = sorted(set(weights) ^ set(sizes))
    if strange:
        raise ValueError(
            f"weights and corpora differ in {', '.join(strange)}: give each "
            "corpus its weight"
        )
    total = sum(weights.values())
    if min(weights.values()) < 0 or not total > 0:
        raise ValueError(
            f"weights {dict(weights)}: none may be negative, nor all be 0"
        )
    return {name: weights[name] / total for name in sizes}


def mixed_loader(
    dataset: Dataset,
    corpora: Mapping[str, CutSet],
    weights: Mapping[str, float] | None,
    epoch_cuts: int | None,
    batch_size: int,
    *,
    num_workers: int = 0,
    seed: int = 0,
    **dataloader_kwargs: Any,
) -> CutLoader:
    """A loader over corpora, each with its share.

    Arguments
    ---------
    dataset : torch.utils.data.Dataset
        Indexed with a `BatchKey`, e.g. `SedDataset`.
    corpora, weights, epoch_cuts : mapping, mapping, int
        See :class:`CorpusSampler`; of no weight all count alike.
    batch_size : int
        Cuts in a batch, on each process.
    num_workers, seed, **dataloader_kwargs
        See :class:`~speechbrain_opensed.dataio.loader.CutLoader`.

    Returns
    -------
    CutLoader
        The loader, which knows its length.

    Raises
    ------
    ValueError
        As the sampler does.

    Example
    -------
    >>> from lhotse.testing.dummies import DummyManifest
    >>> class Size(Dataset):
    ...     def __getitem__(self, key):
    ...         return len(key.cuts)
    >>> corpora = {"a": DummyManifest(CutSet, begin_id=0, end_id=6)}
    >>> list(mixed_loader(Size(), corpora, None, None, 3))
    [3, 3]
    """
    sampler = CorpusSampler(
        corpora, weights or None, epoch_cuts, max_cuts=batch_size, seed=seed
    )
    return CutLoader(
        dataset,
        sampler,
        num_workers=num_workers,
        seed=seed,
        num_batches=sampler.num_batches,
        **dataloader_kwargs,
    )


def read_corpora(
    manifests: Mapping[str, str | Path],
    leave_out: Collection[str] | str = (),
    missing: str = "error",
    output_folder: str | Path | None = None,
    *,
    kept_out: Collection[str] = (),
    annotated_only: bool = False,
) -> dict[str, CutSet]:
    """Opens the cut sets that a model is trained on.

    Arguments
    ---------
    manifests : mapping from str to str or Path
        Name of each corpus to its manifest of cuts.
    leave_out : collection of str, or str
        Corpora that are not read, or the one.
    missing : str
        See `audio.with_audio`.
    output_folder : str or Path, optional
        Where to write what was left out, `<name>_report_audio.json`.
    kept_out : collection of str
        Sources of clips that are tested, see
        :func:`~lhotse_recipes.captioning.source_of`: clips of these videos
        and recordings are left out.
    annotated_only : bool
        Leave out clips without annotated events, for a training that looks
        at nothing else. A corpus of which nothing is left is left out.

    Returns
    -------
    dict
        Name to CutSet.

    Raises
    ------
    FileNotFoundError
        If a manifest or audio is missing.
    ValueError
        If a corpus to leave out is unknown, or none is left.

    Example
    -------
    >>> read_corpora({"audiocaps": "nowhere.jsonl.gz"})
    Traceback (most recent call last):
    FileNotFoundError: no manifest nowhere.jsonl.gz; check the path
    """
    if isinstance(leave_out, str):
        leave_out = [leave_out]
    unknown = sorted(set(leave_out) - set(manifests))
    if unknown:
        raise ValueError(
            f"no corpus {', '.join(unknown)} to leave out: there are "
            f"{', '.join(manifests)}"
        )
    corpora = {}
    for name, path in manifests.items():
        if name in leave_out:
            continue
        report = PrepareReport(name, "audio")
        kept = []
        for cut in read_cuts(path):
            if source_of(cut) in kept_out:
                report.drop("of a source that is tested", cut.id)
            elif annotated_only and not _annotated(cut):
                report.drop("without annotated events", cut.id)
            else:
                kept.append(cut)
        if report.dropped:
            logger.warning(report.summary())
        if kept:
            corpora[name] = with_audio(kept, missing, report)
        elif not report.dropped:
            raise ValueError(f"{path} has no cut: leave out {name}")
        report.count("cuts", len(corpora.get(name, ())))
        if output_folder is not None:
            report.save(output_folder)
    if set(manifests) <= set(leave_out):
        raise ValueError("all corpora are left out: keep one")
    if not corpora:
        raise ValueError(
            "no clip is left of any corpus: keep one that is not all tested"
            + (" and has events" if annotated_only else "")
        )
    return corpora


def _annotated(cut: Cut) -> bool:
    """Whether a frame loss can look at a cut."""
    complete = cut.has_custom("events_complete") and cut.events_complete
    return bool(complete or trim_events(cut))
