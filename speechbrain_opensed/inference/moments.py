"""Moments: runs of frames that sound alike, as vectors of eight bits.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable

import numpy as np

__all__ = ["RunCutter", "grow_span", "quantize"]

# Frames that are looked at at a time on the way to an end.
_STEP = 64


def quantize(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as whole numbers of a scale of their own.

    The largest value of each becomes 127. A cosine is off by about 0.001.

    Arguments
    ---------
    vectors : np.ndarray
        `[vectors, dim]`.

    Returns
    -------
    np.ndarray
        int8 `[vectors, dim]`.
    np.ndarray
        The scales, float32 `[vectors]`: their product is the vector.

    Example
    -------
    >>> whole, scale = quantize(np.array([[0.5, -1.0], [0.0, 0.0]]))
    >>> whole.tolist(), scale.round(4).tolist()
    ([[64, -127], [0, 0]], [0.007899999618530273, 0.0])
    """
    vectors = np.asarray(vectors, np.float32)
    scale = np.abs(vectors).max(axis=1, initial=0) / np.float32(127)
    safe = np.where(scale > 0, scale, 1)[:, None]
    return np.rint(vectors / safe).astype(np.int8), scale


class RunCutter:
    """Joins consecutive frames while they sound alike.

    A frame joins the run before it while the cosine of both is high enough;
    the run's vector is the mean direction of its frames. A run of one frame
    stays one: a short sound is not averaged away.

    Arguments
    ---------
    least : float
        Cosine of a frame and the run that it joins, at least.
    longest : int
        Frames of a run, at most.

    Example
    -------
    >>> cutter = RunCutter(least=0.9, longest=8)
    >>> quiet, loud = np.eye(2, dtype="float32")
    >>> cutter.push(np.stack([quiet, quiet, loud]))
    [(0, 2, array([1., 0.], dtype=float32))]
    >>> cutter.flush()
    [(2, 1, array([0., 1.], dtype=float32))]
    """

    def __init__(self, least: float, longest: int):
        self.least, self.longest = least, longest
        self._sum = np.zeros(0, np.float32)
        self._first = self._count = 0

    def push(self, frames: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        """Takes frames `[frames, dim]`, gives runs that are over.

        Returns
        -------
        list of (int, int, np.ndarray)
            First frame, how many, and the vector, of norm 1.
        """
        done = []
        norms = np.linalg.norm(frames, axis=1, keepdims=True)
        for frame in frames / np.maximum(norms, 1e-12):
            if self._count:
                size = float(np.sqrt(self._sum @ self._sum))
                alike = float(frame @ self._sum) >= self.least * size
                if alike and self._count < self.longest:
                    self._sum = self._sum + frame
                    self._count += 1
                    continue
                done += self.flush()
            self._sum, self._count = frame, 1
        return done

    def flush(self) -> list[tuple[int, int, np.ndarray]]:
        """The sound is over: the last run, if there is one."""
        if not self._count:
            return []
        norm = max(float(np.linalg.norm(self._sum)), 1e-12)
        run = (self._first, self._count, self._sum / np.float32(norm))
        self._first += self._count
        self._count = 0
        return [run]


def grow_span(
    values: Callable[[int, int], np.ndarray],
    peak: int,
    total: int,
    level: float,
    gap: int,
) -> tuple[int, int]:
    """How far what peaks at a frame reaches.

    Arguments
    ---------
    values : callable
        From first and end frame to how well each between them fits.
    peak : int
        The frame that fits best.
    total : int
        Frames of the sound.
    level : float
        What is at least so high belongs to it.
    gap : int
        Frames below that do not yet end it.

    Returns
    -------
    (int, int)
        First and end frame.

    Example
    -------
    >>> track = np.array([0, 0.6, 1, 0.1, 0.8, 0, 0, 0.9])
    >>> grow_span(lambda a, b: track[a:b], 2, 8, level=0.5, gap=1)
    (1, 5)
    """
    end = (
        peak
        + 1
        + _reach(
            lambda a, b: values(peak + 1 + a, peak + 1 + b),
            total - peak - 1,
            level,
            gap,
        )
    )
    first = peak - _reach(
        lambda a, b: values(peak - b, peak - a)[::-1], peak, level, gap
    )
    return first, end


def _reach(values, room, level, gap):
    """How many of the values that follow belong to what came before."""
    last = at = 0
    while at < room and at - last <= gap:
        for value in values(at, min(at + _STEP, room)):
            at += 1
            if value >= level:
                last = at
            elif at - last > gap:
                break
    return last
