"""Run a model over windows of samples.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import torch

from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.precision import PRECISIONS, check_precision
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.windows import sliding_windows

__all__ = ["OVERLAP", "WindowScorer"]

#: Share of a window that the next one hears again, where nothing else is said.
OVERLAP = 0.5
_MOST = 0.9


class WindowScorer:
    """Cuts samples into overlapping windows and scores these.

    Arguments
    ---------
    model : torch.nn.Module
        With `encode(wav)` and `decode(feats, queries, precision=)`.
    spec : SedSpec
        Its sample rate, hop and window.
    device : str
        Where it is.
    precision : str
        That of the decoder.

    Raises
    ------
    ValueError
        If the model does not compute in this precision.

    Example
    -------
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> model = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8).eval()
    >>> scorer = WindowScorer(model, SedSpec())
    >>> windows = scorer.windows([np.ones(240000, "float32")])
    >>> for start, scores in scorer.score(windows, torch.rand(3, 8)):
    ...     print(start, scores.shape)
    0 (250, 3)
    125 (250, 3)
    """

    def __init__(
        self,
        model: Any,
        spec: SedSpec,
        device: str = "cpu",
        precision: str = "fp32",
    ):
        check_precision(precision, getattr(model, "precisions", PRECISIONS))
        self.model = model
        self.spec = spec
        self.device = device
        self.precision = precision
        frames = spec.num_samples // spec.hop_samples
        self.size = frames * spec.hop_samples

    def step(self, overlap: float = OVERLAP) -> int:
        """Samples from one window to the next, whole frames.

        Arguments
        ---------
        overlap : float
            Share of a window that the next one hears again.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If it is no share of that kind.
        """
        # NaN is in no range.
        if isinstance(overlap, bool) or not 0 <= overlap <= _MOST:
            raise ValueError(
                f"overlap is {overlap!r}: give a share of a window from 0 to "
                f"{_MOST}"
            )
        frames = self.size // self.spec.hop_samples
        step = math.floor(frames * (1 - overlap) + 1e-6)
        return max(1, step) * self.spec.hop_samples

    def windows(
        self, blocks: Iterable[np.ndarray], overlap: float = OVERLAP
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Windows of consecutive blocks: (first frame, samples)."""
        return sliding_windows(
            blocks, self.size, self.step(overlap), self.spec.hop_samples
        )

    def count(self, seconds: float, overlap: float = OVERLAP) -> int:
        """How many windows so much audio has."""
        samples = seconds * self.spec.sample_rate
        more = (samples - self.size) / self.step(overlap)
        return 1 + max(0, math.ceil(more))

    def score(
        self,
        windows: Iterable[tuple],
        queries: torch.Tensor,
        batch_size: int = 4,
        normalize: bool = True,
    ) -> Iterator[tuple]:
        """Score windows, equally long neighbours together.

        Arguments
        ---------
        windows : iterable of (key, np.ndarray)
            Any key, and samples `[time]`, a whole number of frames.
        queries : torch.Tensor
            `[queries, dim]`.
        batch_size : int
            Windows that are encoded at once.
        normalize : bool
            Whether each is brought to a peak of 1.

        Yields
        ------
        (key, np.ndarray)
            The key, and probabilities `[frames, queries]`.

        Raises
        ------
        ValueError
            If the model's frames are not those of the spec.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(
                f"batch_size is {batch_size!r}: give a whole number from 1"
            )
        for _, group in groupby(windows, key=lambda item: len(item[1])):
            for batch in _batched(group, batch_size):
                wavs = np.stack([window for _, window in batch])
                if normalize:
                    wavs = wavs * level_gain(wavs)
                scores = self._probabilities(wavs, queries)
                for (key, _), row in zip(batch, scores, strict=True):
                    yield key, row

    @torch.no_grad()
    def _probabilities(self, wavs, queries):
        wavs = torch.from_numpy(wavs.astype(np.float32)).to(self.device)
        feats = self.model.encode(wavs)
        logits = self.model.decode(feats, queries, precision=self.precision)
        expected = wavs.shape[1] // self.spec.hop_samples
        if logits.shape[2] != expected:
            raise ValueError(
                f"the model gives {logits.shape[2]} frames for "
                f"{wavs.shape[1]} samples, its spec says {expected}: correct "
                "hop_seconds or sample_rate of the spec"
            )
        scores = logits.float().sigmoid().transpose(1, 2).cpu().numpy()
        # No threshold would be passed, as if nothing had been heard.
        if np.isnan(scores).any():
            raise ValueError(
                "the model gives NaN in place of scores: its weights are "
                "damaged, or too large for this precision"
            )
        return scores


def _batched(items, size):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
