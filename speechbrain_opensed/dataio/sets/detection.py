"""Cuts to training batches: audio, queries and frame targets.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from lhotse import CutSet
from lhotse.cut import Cut

from speechbrain_opensed.core.levels import check_level
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import (
    BatchKey,
    TensorBatch,
    cut_generator,
    load_waves,
)
from speechbrain_opensed.dataio.queries import QuerySet
from speechbrain_opensed.dataio.targets import frame_targets

__all__ = ["SedBatch", "SedDataset"]


@dataclass
class SedBatch(TensorBatch):
    """A batch for detectors that are conditioned on queries.

    Arguments
    ---------
    ids : list of str
        Ids of the cuts.
    wavs : torch.Tensor
        Audio `[batch, samples]`, zeros behind shorter clips; or frames of a
        frozen encoder, `[batch, time, dim]`.
    wav_lens : torch.Tensor
        Length of each clip relative to `samples`, `[batch]`.
    phrases : list of str
        The phrases of the whole batch, each once, so that each is embedded
        once.
    query_index : torch.Tensor
        Which phrase each query is, int64 `[batch, queries]`.
    targets : torch.Tensor
        0 or 1, `[batch, queries, frames]`.
    mask : torch.Tensor
        Queries that count, bool `[batch, queries]`; the others are padding,
        or classes of which nobody knows whether they are in the clip.
    frame_mask : torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.
    asked : torch.Tensor
        Queries that are not padding, bool `[batch, queries]`.
    clip_targets : torch.Tensor
        Whether it sounds anywhere in the clip, 0 or 1, `[batch, queries]`.
    clip_mask : torch.Tensor
        Where that is known, by events or by tags, bool `[batch, queries]`.

    Example
    -------
    >>> batch = SedBatch(
    ...     ids=["a"],
    ...     wavs=torch.zeros(1, 8),
    ...     wav_lens=torch.ones(1),
    ...     phrases=["rain"],
    ...     query_index=torch.zeros(1, 1, dtype=torch.long),
    ...     targets=torch.zeros(1, 1, 2),
    ...     mask=torch.ones(1, 1, dtype=torch.bool),
    ...     frame_mask=torch.tensor([[True, False]]),
    ...     asked=torch.ones(1, 1, dtype=torch.bool),
    ...     clip_targets=torch.zeros(1, 1),
    ...     clip_mask=torch.ones(1, 1, dtype=torch.bool),
    ... )
    >>> len(batch), batch.to("cpu").loss_mask.tolist()
    (1, [[[True, False]]])
    """

    wavs: torch.Tensor
    wav_lens: torch.Tensor
    phrases: list[str]
    query_index: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    frame_mask: torch.Tensor
    asked: torch.Tensor
    clip_targets: torch.Tensor
    clip_mask: torch.Tensor

    @property
    def loss_mask(self) -> torch.Tensor:
        """What a loss may look at, bool `[batch, queries, frames]`."""
        return self.mask[:, :, None] & self.frame_mask[:, None]


class SedDataset(torch.utils.data.Dataset):
    """Turns a batch of cuts into audio, queries and targets.

    Lhotse's way: the sampler decides what is in a batch, the dataset is
    indexed with whole CutSets (`DataLoader(..., batch_size=None)`).

    Arguments
    ---------
    spec : SedSpec
        Sample rate, frame hop and window of the model. All batches are one
        window long; shorter clips are padded with zeros.
    query_sampler : callable
        (cut, numpy Generator) to `QuerySet`, see `dataio.queries`.
    phrases : mapping from str to str
        Label to the phrase that is put to the model. A clip's queries come in
        the order of this mapping.
    seed : int
        Seed of the draws of queries.
    normalize : str or None
        `"spec"`: what the spec says. `"peak"`: divide each clip by its largest
        absolute sample. None: leave
        the level as it is.
    rounding : str
        See `targets.frame_span`.
    frames : mapping, optional
        From a cut's id to what a frozen encoder makes of it, `[time, dim]`,
        see :class:`~speechbrain_opensed.dataio.frame_cache.FrameCache`.
        Batches then hold these in place of audio, which is not read.

    Raises
    ------
    ValueError
        If `normalize` is unknown; when indexed, if a cut is longer than the
        window, its audio is unreadable or not finite, or a label has no
        phrase.
    FileNotFoundError
        When indexed, if audio is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> from speechbrain_opensed.dataio.queries import AllQueries
    >>> bark = event("r", 0, 0.1, 0.2, "dog barking", "Bark")
    >>> cut = dummy_cut(0, supervisions=[bark], with_data=True)
    >>> cut.events_complete = True
    >>> phrases = {"Bark": "dog barking", "Rain": "rain falling"}
    >>> dataset = SedDataset(SedSpec(), AllQueries(phrases), phrases)
    >>> batch = dataset[CutSet.from_cuts([cut])]
    >>> batch.phrases, batch.query_index.tolist()
    (['dog barking', 'rain falling'], [[0, 1]])
    >>> batch.wavs.shape, batch.targets.sum(2).tolist()
    (torch.Size([1, 160000]), [[3.0, 0.0]])
    """

    def __init__(
        self,
        spec: SedSpec,
        query_sampler: Callable[[Cut, np.random.Generator], QuerySet],
        phrases: Mapping[str, str],
        *,
        seed: int = 0,
        normalize: str | None = "spec",
        rounding: str = "cover",
        frames: Mapping[str, torch.Tensor] | None = None,
    ):
        self.spec = spec
        self.frames = frames
        self.query_sampler = query_sampler
        self.phrases = dict(phrases)
        self.seed = seed
        self.normalize = check_level(normalize)
        self.rounding = rounding
        self._rank = {label: i for i, label in enumerate(self.phrases)}

    def __getitem__(self, batch: BatchKey | CutSet) -> SedBatch:
        key = BatchKey.of(batch)
        cuts = list(key.cuts)
        spec = self.spec
        num_frames = spec.num_frames(spec.window_seconds)
        asked = [self._queries(cut, key) for cut in cuts]
        width = max(1, *(len(query_set.labels) for query_set, _ in asked))
        rows: dict[str, int] = {}

        wavs, wav_lens, frame_mask = self._heard(cuts)
        query_index = torch.zeros(len(cuts), width, dtype=torch.long)
        targets = torch.zeros(len(cuts), width, num_frames)
        mask = torch.zeros(len(cuts), width, dtype=torch.bool)
        asked_for, clip_mask = mask.clone(), mask.clone()
        clip_targets = torch.zeros(len(cuts), width)
        for i, cut in enumerate(cuts):
            query_set, labels = asked[i]
            targets[i, : len(labels)] = torch.from_numpy(
                frame_targets(
                    cut, labels, spec.hop_seconds, num_frames, self.rounding
                )
            )
            unknown, weak = set(query_set.unknown), set(query_set.weak)
            phrases = [self.phrases[label] for label in labels]
            query_index[i, : len(labels)] = torch.tensor(
                [rows.setdefault(phrase, len(rows)) for phrase in phrases]
            )
            there = weak.union(query_set.positives)
            rows_of_clip = slice(0, len(labels))
            asked_for[i, rows_of_clip] = True
            for rows_known, values in (
                (mask, [x not in unknown | weak for x in labels]),
                (clip_mask, [x not in unknown for x in labels]),
                (clip_targets, [float(x in there) for x in labels]),
            ):
                rows_known[i, rows_of_clip] = torch.tensor(
                    values, dtype=rows_known.dtype
                )
        return SedBatch(
            ids=[cut.id for cut in cuts],
            wavs=wavs,
            wav_lens=wav_lens,
            # Where nothing is known of any clip: one query that is masked.
            phrases=list(rows) or list(self.phrases.values())[:1],
            query_index=query_index,
            targets=targets,
            mask=mask,
            frame_mask=frame_mask,
            asked=asked_for,
            clip_targets=clip_targets,
            clip_mask=clip_mask,
        )

    def _heard(self, cuts):
        """Audio or frames, relative lengths, and which frames hold audio."""
        if self.frames is None:
            return load_waves(cuts, self.spec, self.normalize)
        heard = torch.stack([self.frames[cut.id] for cut in cuts])
        window = self.spec.window_seconds
        seconds = torch.tensor([min(cut.duration, window) for cut in cuts])
        counts = torch.tensor(
            [self.spec.num_frames(x) for x in seconds.tolist()]
        )
        mask = torch.arange(heard.shape[1]) < counts[:, None]
        return heard, seconds / window, mask

    def _queries(self, cut, key):
        """The queries of a cut, and their labels in the order of phrases."""
        query_set = self.query_sampler(cut, cut_generator(self.seed, key, cut))
        for label in query_set.labels:
            if label not in self._rank:
                raise ValueError(
                    f"cut {cut.id}: label {label!r} has no phrase; add it to "
                    "`phrases` or leave it out of the query sampler's labels"
                )
        return query_set, sorted(query_set.labels, key=self._rank.__getitem__)
