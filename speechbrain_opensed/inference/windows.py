"""Cut a stream of samples into overlapping windows and blend their scores.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["OverlapAdd", "sliding_windows"]


def sliding_windows(
    blocks: Iterable[np.ndarray], size: int, hop: int, frame: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut consecutive blocks of samples into overlapping windows.

    All windows are of full size: the last one is moved back so that it ends
    with the signal. Only a signal shorter than one window gives a shorter
    one. The signal's end is filled with zeros to a whole frame.

    Arguments
    ---------
    blocks : iterable of np.ndarray
        Consecutive samples `[time]`.
    size : int
        Samples of one window, a multiple of `frame`.
    hop : int
        Samples from one window to the next, a multiple of `frame`.
    frame : int
        Samples of one score frame.

    Yields
    ------
    (int, np.ndarray)
        Index of the window's first frame, and its samples.

    Raises
    ------
    ValueError
        If size and hop do not fit each other or the frame.

    Example
    -------
    >>> signal = [np.arange(10.0), np.arange(10.0, 13.0)]
    >>> for start, window in sliding_windows(signal, size=8, hop=4, frame=2):
    ...     print(start, window)
    0 [0. 1. 2. 3. 4. 5. 6. 7.]
    2 [ 4.  5.  6.  7.  8.  9. 10. 11.]
    3 [ 6.  7.  8.  9. 10. 11. 12.  0.]
    """
    if not 0 < hop <= size or size % frame or hop % frame:
        raise ValueError(
            f"a window of {size} samples with a hop of {hop}: the hop must "
            f"not be larger, and both must be multiples of {frame}"
        )
    buffer = np.zeros(0, np.float32)
    first = 0  # position of the buffer's first sample
    start = 0  # position of the next window
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        while first + len(buffer) >= start + size:
            yield (
                start // frame,
                buffer[start - first : start - first + size],
            )
            start += hop
            # The last window may reach back a whole window from the end.
            drop = max(0, start - hop - first)
            buffer, first = buffer[drop:], first + drop
    end = first + len(buffer)
    if end == 0:
        return
    end += -end % frame
    buffer = np.pad(buffer, (0, end - first - len(buffer)))
    if end <= size:
        if start == 0:
            yield 0, buffer
    elif end > start - hop + size:
        yield (end - size) // frame, buffer[end - size - first :]


class OverlapAdd:
    """Blend the scores of overlapping windows, each strongest in its middle.

    A window's weight rises linearly from its edges to its middle, so that
    the scores near an edge, where the model lacks context, give way to those
    of the neighbour. Frames are final, and leave the buffer, once a window
    starts behind them.

    Example
    -------
    >>> blend = OverlapAdd()
    >>> blend.add(0, np.zeros((4, 1)))
    >>> blend.add(2, np.ones((4, 1)))
    >>> blend.result()[:, 0]
    array([0.  , 0.  , 0.25, 0.75, 1.  , 1.  ], dtype=float32)
    """

    def __init__(self):
        self._final = []
        self._sum = None
        self._weight = np.zeros(0, np.float32)
        self._start = 0

    def add(self, start: int, scores: np.ndarray):
        """Add one window.

        Arguments
        ---------
        start : int
            Index of its first frame; never smaller than that before it, and
            never behind the end of what was added.
        scores : np.ndarray
            `[frames, queries]`.

        Raises
        ------
        ValueError
            If the windows come out of order or leave a gap.
        """
        if self._sum is None:
            self._sum = np.zeros((0, scores.shape[1]), np.float32)
        offset = start - self._start
        if not 0 <= offset <= len(self._sum):
            raise ValueError(
                f"a window at frame {start} after frames {self._start} to "
                f"{self._start + len(self._sum)}: add them in order"
            )
        self._release(offset)
        frames = len(scores)
        grow = max(0, frames - len(self._sum))
        self._sum = np.pad(self._sum, ((0, grow), (0, 0)))
        self._weight = np.pad(self._weight, (0, grow))
        ramp = np.arange(frames, dtype=np.float32) + 0.5
        weight = np.minimum(ramp, ramp[::-1])
        self._sum[:frames] += scores * weight[:, None]
        self._weight[:frames] += weight

    def _release(self, count):
        if count:
            done = self._sum[:count] / self._weight[:count, None]
            self._final.append(done.astype(np.float32))
            self._sum = self._sum[count:]
            self._weight = self._weight[count:]
            self._start += count

    def result(self) -> np.ndarray:
        """All frames, `[frames, queries]`, float32.

        Raises
        ------
        ValueError
            If nothing was added.
        """
        if self._sum is None:
            raise ValueError("no window was added")
        self._release(len(self._sum))
        return np.concatenate(self._final)
