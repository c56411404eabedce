"""One way to bring sound to the level that a model was trained on.

Authors
 * The speechbrain-opensed contributors 2026
"""

import numpy as np

__all__ = ["LEVELS", "QUIET_PEAK", "check_level", "level_gain"]

#: What a model may have been trained on; None: sound as it was recorded.
LEVELS = ("peak", None)
#: Windows whose peak is below this (-60 dB) are raised as if they had it:
#: brought to full scale, a noise floor would be heard as an event.
QUIET_PEAK = 1e-3


def check_level(normalize: str | None) -> str | None:
    """Refuses what is no level.

    Arguments
    ---------
    normalize : str or None
        `"peak"`: each window is divided by its largest absolute sample.
        None: the level stays as it is. `"spec"`: what the model's spec says.

    Returns
    -------
    str or None
        The same.

    Raises
    ------
    ValueError
        If it is something else.

    Example
    -------
    >>> check_level("rms")
    Traceback (most recent call last):
    ValueError: normalize 'rms' is unknown: use 'spec', 'peak' or None
    """
    if normalize not in ("spec", *LEVELS):
        raise ValueError(
            f"normalize {normalize!r} is unknown: use 'spec', 'peak' or None"
        )
    return normalize


def level_gain(wavs: np.ndarray) -> np.ndarray:
    """What brings windows to a peak of 1, the same in training and use.

    Arguments
    ---------
    wavs : np.ndarray
        Samples `[..., samples]`.

    Returns
    -------
    np.ndarray
        Factors `[..., 1]`: windows under -60 dB are raised by 60 dB.

    Example
    -------
    >>> level_gain(np.array([[0.5, -0.25], [1e-4, 0.0]])).ravel().round(1)
    array([   2., 1000.])
    """
    peaks = np.abs(wavs).max(axis=-1, keepdims=True, initial=0.0)
    return 1 / (np.maximum(peaks, QUIET_PEAK) + 1e-9)
