"""Clips of different lengths as one batch, at the level a model expects.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.spec import SedSpec

__all__ = ["batch_waves", "pad_clips", "signal_lengths"]

Key = TypeVar("Key")


def batch_waves(
    items: Iterable[tuple[Key, np.ndarray]], batch_size: int, max_samples: int
) -> Iterator[tuple[list[Key], list[np.ndarray]]]:
    """Group consecutive clips that are short enough to be encoded together.

    Arguments
    ---------
    items : iterable of (key, np.ndarray)
        Any key, and samples `[time]`.
    batch_size : int
        How many at most.
    max_samples : int
        Samples of a batch at most, padding included; longer clips come alone.

    Yields
    ------
    (list, list of np.ndarray)
        Keys and samples.

    Example
    -------
    >>> clips = [(name, np.zeros(ord(name) - 96)) for name in "abcde"]
    >>> [keys for keys, _ in batch_waves(clips, 3, max_samples=8)]
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    keys: list = []
    waves: list[np.ndarray] = []
    longest = 0
    for key, wave in items:
        longest = max(longest, len(wave))
        full = len(waves) >= max(1, batch_size)
        if waves and (full or longest * (len(waves) + 1) > max_samples):
            yield keys, waves
            keys, waves, longest = [], [], len(wave)
        keys.append(key)
        waves.append(wave)
    if waves:
        yield keys, waves


def pad_clips(
    waves: Sequence[np.ndarray], spec: SedSpec, least: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Set the level of clips and put them into one tensor.

    Arguments
    ---------
    waves : sequence of np.ndarray
        Samples `[time]` of each clip.
    spec : SedSpec
        Its `normalize` is the level.
    least : int
        Samples that the model needs; shorter clips get zeros behind them.

    Returns
    -------
    torch.Tensor
        `[batch, samples]`, zeros behind shorter clips.
    torch.Tensor
        Length of each clip relative to `samples`, float64 `[batch]`.

    Example
    -------
    >>> waves = [np.ones(4, "float32"), np.full(2, 0.5, "float32")]
    >>> wavs, lengths = pad_clips(waves, SedSpec())
    >>> wavs.round().tolist(), lengths.tolist()
    ([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]], [1.0, 0.5])
    """
    rows = []
    for wave in waves:
        wave = np.pad(wave, (0, max(0, least - len(wave))))
        if spec.normalize == "peak":
            wave = wave * level_gain(wave)
        rows.append(torch.from_numpy(wave.astype(np.float32, copy=False)))
    lengths = torch.tensor([len(row) for row in rows]).double()
    wavs = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return wavs, lengths / wavs.shape[1]


def signal_lengths(
    wavs: torch.Tensor, wav_lens: torch.Tensor | None = None
) -> torch.Tensor:
    """Samples of each signal of a batch.

    Arguments
    ---------
    wavs : torch.Tensor
        `[batch, samples]`.
    wav_lens : torch.Tensor, optional
        Lengths relative to `samples`, `[batch]`; default: all are full.

    Returns
    -------
    torch.Tensor
        Integers `[batch]`.

    Raises
    ------
    ValueError
        If there is not one length per signal, or one is none.

    Example
    -------
    >>> signal_lengths(torch.zeros(2, 8), torch.tensor([1.0, 0.5])).tolist()
    [8, 4]
    """
    if wav_lens is None:
        wav_lens = torch.ones(len(wavs))
    lengths = (wav_lens.cpu().double() * wavs.shape[1]).round().long()
    if len(lengths) != len(wavs) or not (lengths > 0).all():
        raise ValueError(
            f"wav_lens {wav_lens.tolist()} for {len(wavs)} signals: give "
            "each its length in (0, 1]"
        )
    return lengths
