"""What all datasets of this package have in common.

Every random choice is made from (seed, epoch, batch number, cut id): batches
are the same for any number of workers, and after a resume.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from lhotse import CutSet
from lhotse.cut import Cut

from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window

__all__ = [
    "BatchKey",
    "TensorBatch",
    "cut_generator",
    "load_waves",
]


@dataclass(frozen=True)
class BatchKey:
    """One batch of cuts and where in the training it comes.

    Arguments
    ---------
    epoch : int
        Epoch of the sampler.
    index : int
        Number of the batch in the epoch, on this rank.
    cuts : lhotse.CutSet
        The cuts.

    Example
    -------
    >>> BatchKey(epoch=1, index=0, cuts=CutSet.from_cuts([])).epoch
    1
    """

    epoch: int
    index: int
    cuts: CutSet

    @staticmethod
    def of(batch: "BatchKey | CutSet") -> "BatchKey":
        """The key itself; one for cuts that come without, in evaluation."""
        if isinstance(batch, BatchKey):
            return batch
        return BatchKey(epoch=0, index=0, cuts=batch)


@dataclass
class TensorBatch:
    """A batch whose tensors move together.

    Arguments
    ---------
    ids : list of str
        Ids of the cuts.

    Example
    -------
    >>> @dataclass
    ... class Pair(TensorBatch):
    ...     left: torch.Tensor
    >>> batch = Pair(["a", "b"], torch.zeros(2))
    >>> len(batch), batch.to("meta").left.device.type
    (2, 'meta')
    """

    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def _map(self, function):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(
            self,
            **{
                name: function(value)
                for name, value in values.items()
                if isinstance(value, torch.Tensor)
            },
        )

    def to(self, device: Any, non_blocking: bool = False) -> "TensorBatch":
        """The batch with its tensors on `device`."""
        return self._map(lambda x: x.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "TensorBatch":
        """The batch in page-locked memory; the loader calls this."""
        return self._map(torch.Tensor.pin_memory)


def cut_generator(seed: int, key: BatchKey, cut: Cut) -> np.random.Generator:
    """Where the random choices about a cut in a batch come from.

    Arguments
    ---------
    seed : int
        Of the dataset.
    key : BatchKey
        The batch.
    cut : lhotse.cut.Cut
        The cut.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> key = BatchKey(1, 0, CutSet.from_cuts([]))
    >>> first = cut_generator(0, key, dummy_cut(0)).random()
    >>> first == cut_generator(0, key, dummy_cut(0)).random()
    True
    """
    return np.random.default_rng(
        (seed, key.epoch, key.index, crc32(cut.id.encode()))
    )


def load_waves(
    cuts: Sequence[Cut], spec: SedSpec, normalize: str | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Reads clips into one tensor, a window long.

    Arguments
    ---------
    cuts : sequence of lhotse.cut.Cut
        The clips.
    spec : SedSpec
        Sample rate, window and frames.
    normalize : str or None
        See `core.levels.check_level`.

    Returns
    -------
    torch.Tensor
        Samples, zeros behind a clip's end, `[batch, samples]`.
    torch.Tensor
        Length of each clip relative to `samples`, `[batch]`.
    torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> spec = SedSpec(window_seconds=2.0, hop_seconds=0.5)
    >>> wavs, lengths, frames = load_waves([cut], spec, "peak")
    >>> wavs.shape, lengths.tolist(), frames.tolist()
    (torch.Size([1, 32000]), [0.5], [[True, True, False, False]])
    """
    wavs = torch.zeros(len(cuts), spec.num_samples)
    wav_lens = torch.zeros(len(cuts))
    frame_mask = torch.zeros(
        len(cuts), spec.num_frames(spec.window_seconds), dtype=torch.bool
    )
    level = spec.normalize if normalize == "spec" else normalize
    for i, cut in enumerate(cuts):
        wav = load_window(cut, spec)
        if level == "peak":
            wav = wav * level_gain(wav)
        wavs[i, : len(wav)] = torch.from_numpy(wav)
        wav_lens[i] = len(wav) / spec.num_samples
        frame_mask[i, : math.ceil(len(wav) / spec.hop_samples)] = True
    return wavs, wav_lens, frame_mask
