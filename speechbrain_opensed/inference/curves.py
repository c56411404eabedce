"""Loudness that follows a curve over time.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["follow_curve", "parse_curve"]

_RANGE_DB = (-120.0, 40.0)
_POINT = re.compile(r"^([^:\s]+):([^:\s]+)$")


def parse_curve(text: str) -> list[tuple[float, float]]:
    """Points of a curve, as people write them.

    Arguments
    ---------
    text : str
        `seconds:decibels`, separated by spaces or commas.

    Returns
    -------
    list of tuple of float
        Seconds and dB, in the order of time.

    Raises
    ------
    ValueError
        If a point is none, or two are at one time.

    Example
    -------
    >>> parse_curve("0:-30, 2:0 5:-12.5")
    [(0.0, -30.0), (2.0, 0.0), (5.0, -12.5)]
    """
    points = []
    for word in re.split(r"[\s,]+", text.strip()):
        match = _POINT.match(word)
        try:
            if match is None:
                raise ValueError
            point = float(match[1]), float(match[2])
        except ValueError:
            raise ValueError(
                f"{word!r} is no point of a curve: write seconds:decibels, "
                "such as 0:-30 2:0"
            ) from None
        points.append(point)
    points.sort()
    _check(points)
    return points


def follow_curve(
    wave: Tensor, sample_rate: int, points: Sequence[tuple[float, float]]
) -> Tensor:
    """A sound whose level rises and falls.

    Between the points the level changes evenly in dB; before the first and
    behind the last it stays. 0 dB leaves the sound as it is.

    Arguments
    ---------
    wave : torch.Tensor
        `[time]`.
    sample_rate : int
        In Hz.
    points : sequence of tuple of float
        Seconds and dB.

    Returns
    -------
    torch.Tensor
        `[time]`.

    Raises
    ------
    ValueError
        If there is no point, one lies beyond the sound's end, a level is
        not from -120 to 40 dB, or two are at one time.

    Example
    -------
    >>> follow_curve(torch.ones(5), 4, [(0.0, -20.0), (1.0, 0.0)])[[0, 2, 4]]
    tensor([0.1000, 0.3162, 1.0000])
    """
    points = sorted(points)
    _check(points)
    seconds = len(wave) / sample_rate
    if points[-1][0] > seconds:
        raise ValueError(
            f"the curve goes to {points[-1][0]:g} s, the sound lasts "
            f"{seconds:g} s: give a longer duration or a shorter curve"
        )
    times, levels = np.array(points, dtype=np.float64).T
    decibels = np.interp(np.arange(len(wave)) / sample_rate, times, levels)
    return wave * torch.from_numpy(10 ** (decibels / 20)).to(wave)


def _check(points):
    if not points:
        raise ValueError("a curve without points: give one, such as (0.0, 0.0)")
    for time, level in points:
        if not 0 <= time < float("inf"):
            raise ValueError(f"a point at {time:g} s: give seconds from 0 on")
        if not _RANGE_DB[0] <= level <= _RANGE_DB[1]:
            raise ValueError(
                f"a level of {level:g} dB at {time:g} s: give "
                f"{_RANGE_DB[0]:g} to {_RANGE_DB[1]:g}"
            )
    for (one, _), (two, _) in zip(points, points[1:], strict=False):
        if one == two:
            raise ValueError(f"two levels at {one:g} s: give one")
