"""Frame targets from the sound events of a cut.

Frame `k` covers the seconds `[k * hop, (k + 1) * hop)`. Three roundings are
offered: the frames that an event touches, and those of FlexSED
(https://arxiv.org/abs/2509.18606) and FineLAP
(https://arxiv.org/abs/2604.01155).

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Sequence

import numpy as np
from lhotse.cut import Cut

from lhotse_recipes.schema import label_of, trim_events

__all__ = ["frame_span", "frame_targets"]

# Times are sums of decimal fractions: a boundary this close to a frame's edge
# (a millionth of a frame) lies on it.
_FUZZ = 1e-6


def frame_span(
    onset: float,
    offset: float,
    hop_seconds: float,
    num_frames: int,
    rounding: str = "cover",
) -> tuple[int, int]:
    """The frames of one event, at least one of them unless asked otherwise.

    Arguments
    ---------
    onset : float
        Start of the event in seconds.
    offset : float
        End of the event in seconds.
    hop_seconds : float
        Length of a frame in seconds.
    num_frames : int
        Frames that there are; the span is clipped to them.
    rounding : str
        `"cover"`: every frame that the event touches. `"round"`: onset and
        offset to the nearest frame edge, half to even, by multiplying with
        the frames per second, as FlexSED was released; where that
        leaves nothing, the frame that the onset is in.
        `"floor"`: onset and offset to the frame edge before them, as FineLAP
        was released; short events vanish.

    Returns
    -------
    tuple of int
        First frame and the frame after the last one.

    Raises
    ------
    ValueError
        If the rounding is unknown.

    Example
    -------
    >>> frame_span(0.05, 0.13, 0.04, 250)
    (1, 4)
    >>> frame_span(0.05, 0.13, 0.04, 250, rounding="round")
    (1, 3)
    >>> frame_span(0.12, 0.16, 0.04, 250)  # on the edges of frame 3
    (3, 4)
    >>> frame_span(0.05, 0.07, 0.04, 250, rounding="floor")  # nothing
    (1, 1)
    """
    start, end = onset / hop_seconds, offset / hop_seconds
    if rounding == "cover":
        first, last = math.floor(start + _FUZZ), math.ceil(end - _FUZZ)
    elif rounding == "round":
        # As the original multiplies by 25: at a tie, 1.3 / 0.04 and
        # 1.3 * 25 round to different frames.
        rate = 1 / hop_seconds
        if math.isclose(rate, round(rate), rel_tol=1e-9):
            rate = round(rate)
        first, last = round(onset * rate), round(offset * rate)
        if last <= first:
            first = math.floor(start + _FUZZ)
    elif rounding == "floor":
        first, last = math.floor(start + _FUZZ), math.floor(end + _FUZZ)
    else:
        raise ValueError(
            f"rounding {rounding!r} is unknown: use 'cover', 'round' or 'floor'"
        )
    first = min(max(first, 0), num_frames - 1)
    least = 0 if rounding == "floor" else 1
    return first, min(max(last, first + least), num_frames)


def frame_targets(
    cut: Cut,
    labels: Sequence[str],
    hop_seconds: float,
    num_frames: int,
    rounding: str = "cover",
) -> np.ndarray:
    """Which labels sound in which frames of a cut.

    Events are clipped to the cut first; see `frame_span` for their frames.
    Events of labels that are not asked for are left aside.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The cut, with events as in `lhotse_recipes.schema`.
    labels : sequence of str
        The labels asked for, without duplicates.
    hop_seconds : float
        Length of a frame in seconds.
    num_frames : int
        Number of frames.
    rounding : str
        See `frame_span`.

    Returns
    -------
    numpy.ndarray
        0 or 1, float32 `[labels, frames]`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> bark = event("yard", 0, 0.1, 0.2, "dog barking", "Bark")
    >>> cut = dummy_cut(0, duration=0.4, supervisions=[bark])
    >>> frame_targets(cut, ["Car", "Bark"], hop_seconds=0.1, num_frames=4)
    array([[0., 0., 0., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    """
    targets = np.zeros((len(labels), num_frames), dtype=np.float32)
    rows = {label: row for row, label in enumerate(labels)}
    for event in trim_events(cut):
        row = rows.get(label_of(event))
        if row is not None:
            first, last = frame_span(
                event.start, event.end, hop_seconds, num_frames, rounding
            )
            targets[row, first:last] = 1.0
    return targets
