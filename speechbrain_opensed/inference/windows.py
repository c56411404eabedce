"""Cut a stream of samples into overlapping windows and blend their scores.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["OverlapAdd", "WindowCutter", "sliding_windows"]


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
    cutter = WindowCutter(size, hop, frame)
    for block in blocks:
        yield from cutter.push(block)
    yield from cutter.flush()


class WindowCutter:
    """Takes samples as they come, and gives overlapping windows.

    Arguments
    ---------
    size, hop, frame : int
        See :func:`sliding_windows`.

    Raises
    ------
    ValueError
        If size and hop do not fit each other or the frame.

    Example
    -------
    >>> cutter = WindowCutter(size=8, hop=4, frame=2)
    >>> [start for start, _ in cutter.push(np.zeros(12))], cutter.flush()
    ([0, 2], [])
    """

    def __init__(self, size: int, hop: int, frame: int):
        if not 0 < hop <= size or size % frame or hop % frame:
            raise ValueError(
                f"a window of {size} samples with a hop of {hop}: the hop must "
                f"not be larger, and both must be multiples of {frame}"
            )
        self.size, self.hop, self.frame = size, hop, frame
        self._buffer = np.zeros(0, np.float32)
        self._first = 0  # position of the buffer's first sample
        self._start = 0  # position of the next window

    def push(self, block: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Takes some samples, gives the windows that are full."""
        done = []
        self._buffer = np.concatenate([self._buffer, block])
        while self._first + len(self._buffer) >= self._start + self.size:
            at = self._start - self._first
            done.append(
                (self._start // self.frame, self._buffer[at : at + self.size])
            )
            self._start += self.hop
            # The last window may reach back a whole window from the end.
            drop = max(0, self._start - self.hop - self._first)
            self._buffer = self._buffer[drop:]
            self._first += drop
        return done

    def flush(self) -> list[tuple[int, np.ndarray]]:
        """The signal is over: the last window, if there is one more."""
        end = self._first + len(self._buffer)
        if end == 0:
            return []
        end += -end % self.frame
        missing = end - self._first - len(self._buffer)
        buffer = np.pad(self._buffer, (0, missing))
        if end <= self.size:
            return [(0, buffer)] if self._start == 0 else []
        if end > self._start - self.hop + self.size:
            begin = end - self.size
            return [(begin // self.frame, buffer[begin - self._first :])]
        return []


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

    def add(self, start: int, scores: np.ndarray) -> None:
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

    def take(self, end: bool = False) -> np.ndarray | None:
        """Frames that became final since the last call; they are forgotten.

        Arguments
        ---------
        end : bool
            Whether the signal is over: then all frames are final.

        Returns
        -------
        np.ndarray or None
            `[frames, queries]`, float32; None where there are none.
        """
        if end and self._sum is not None:
            self._release(len(self._sum))
        done, self._final = self._final, []
        return np.concatenate(done) if done else None

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
