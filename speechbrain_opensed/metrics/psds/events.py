"""What the curves are made of: events of a class, and criteria.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import NamedTuple

import numpy as np

__all__ = ["ClassEvents", "Criteria"]


class ClassEvents(NamedTuple):
    """The events of one class, sorted by clip.

    Arguments
    ---------
    clip : np.ndarray
        Index of each event's clip, `[events]`.
    onset : np.ndarray
        Seconds, `[events]`.
    offset : np.ndarray
        Seconds, `[events]`.

    Example
    -------
    >>> ClassEvents(np.array([0]), np.array([0.5]), np.array([1.5])).clip
    array([0])
    """

    clip: np.ndarray
    onset: np.ndarray
    offset: np.ndarray


class Criteria(NamedTuple):
    """What counts as found, and how far the curve is followed.

    Arguments
    ---------
    dtc_threshold : float
        Share of a detection that must lie on events of its class.
    gtc_threshold : float
        Share of an event that such detections must cover.
    max_false : int | None
        False positives beyond which the curve is of no interest.
    cttc_threshold : float
        Share of a false detection that must lie on events of another class
        for it to be a cross trigger.

    Example
    -------
    >>> Criteria(0.7, 0.7, 139).max_false
    139
    """

    dtc_threshold: float
    gtc_threshold: float
    max_false: int | None
    cttc_threshold: float = 0.0
