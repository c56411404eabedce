"""Resample a stream exactly as if it were one array."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy.signal import firwin, resample_poly

__all__ = ["Resampler", "resample_blocks"]


class Resampler:
    """
    Takes samples as they come, and gives those at another rate.

    The filter is that of ``scipy.signal.resample_poly``; the result depends
    on the signal alone, not on how it was cut into blocks.

    :param source_rate: rate of what comes, in Hz.
    :param target_rate: rate of what goes, in Hz.

    >>> resampler = Resampler(8000, 16000)
    >>> parts = resampler.push(np.ones(800, "float32")) + resampler.flush()
    >>> sum(map(len, parts))
    1600
    """

    def __init__(self, source_rate: int, target_rate: int):
        divisor = math.gcd(source_rate, target_rate)
        self._up, self._down = target_rate // divisor, source_rate // divisor
        self._buffer, self._before = np.zeros(0, np.float32), 0
        most = max(self._up, self._down)
        if most == 1:
            return
        half = 10 * most
        taps = firwin(2 * half + 1, 1 / most, window=("kaiser", 5.0))
        self._taps: Any = taps.astype(np.float32)
        # Whole multiples of `down` keep every block on the output's grid.
        down = self._down
        self._context = down * math.ceil((half / self._up + 1) / down)
        self._step = down * max(1, math.ceil(10 * source_rate / down))

    def push(self, block: np.ndarray) -> list[np.ndarray]:
        """
        Take some samples.

        :param block: samples ``[time]``.
        :return: what is final, in blocks.
        """
        if self._up == self._down:
            return [block]
        done = []
        self._buffer = np.concatenate([self._buffer, block])
        reach = self._step + self._context
        while len(self._buffer) >= self._before + reach:
            part = self._resampled(self._buffer[: self._before + reach])
            start = self._before // self._down * self._up
            done.append(
                part[start : start + self._step // self._down * self._up]
            )
            keep = max(0, self._before + self._step - self._context)
            self._buffer = self._buffer[keep:]
            self._before += self._step - keep
        return done

    def flush(self) -> list[np.ndarray]:
        """
        The signal is over.

        :return: the rest.
        """
        if self._up == self._down or len(self._buffer) <= self._before:
            return []
        part = self._resampled(self._buffer)
        return [part[self._before // self._down * self._up :]]

    def _resampled(self, samples: np.ndarray) -> np.ndarray:
        return resample_poly(samples, self._up, self._down, window=self._taps)


def resample_blocks(
    blocks: Iterable[np.ndarray], source_rate: int, target_rate: int
) -> Iterator[np.ndarray]:
    """Resample a stream exactly as if it were one array.

    The filter is that of `scipy.signal.resample_poly`; each block is
    filtered together with as much of its neighbours as the filter reaches.

    :param blocks: consecutive samples ``[time]``.
    :param source_rate: rate of these in Hz.
    :param target_rate: rate of the result in Hz.
    :return: consecutive samples ``[time]`` at the target rate, in all
        ``ceil(samples * target_rate / source_rate)``.

    >>> blocks = [np.ones(441, "float32")] * 10
    >>> sum(map(len, resample_blocks(blocks, 44100, 16000)))
    1600
    """
    resampler = Resampler(source_rate, target_rate)
    for block in blocks:
        yield from resampler.push(block)
    yield from resampler.flush()
