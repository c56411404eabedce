"""Resample a stream exactly as if it were one array."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from scipy.signal import firwin, resample_poly

__all__ = ["resample_blocks"]


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
    if source_rate == target_rate:
        yield from blocks
        return
    divisor = math.gcd(source_rate, target_rate)
    up, down = target_rate // divisor, source_rate // divisor
    half = 10 * max(up, down)
    taps = firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0))
    taps = taps.astype(np.float32)
    # Whole multiples of `down` keep every block on the output's grid.
    context = down * math.ceil((half / up + 1) / down)
    step = down * max(1, math.ceil(10 * source_rate / down))
    buffer, before = np.zeros(0, np.float32), 0
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= before + step + context:
            part = resample_poly(
                buffer[: before + step + context], up, down, window=taps
            )
            start = before // down * up
            yield part[start : start + step // down * up]
            keep = max(0, before + step - context)
            buffer, before = buffer[keep:], before + step - keep
    if len(buffer) > before:
        part = resample_poly(buffer, up, down, window=taps)
        yield part[before // down * up :]
