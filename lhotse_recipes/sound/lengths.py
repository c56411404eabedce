"""Files as long as their manifests say, where Lhotse reads them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lhotse.audio import (
    get_audio_duration_mismatch_tolerance,
    set_audio_duration_mismatch_tolerance,
)

__all__ = ["exact_lengths"]

# Lhotse's advice to whoever does this, which is for augmentation of speech.
warnings.filterwarnings(
    "ignore", "The audio duration mismatch tolerance has been set to"
)


@contextmanager
def exact_lengths(seconds: float = 0.04) -> Iterator[None]:
    """
    How far a file may be from its manifest, while Lhotse reads it.

    Lhotse fills up to half a second with mirrored sound, which was made for
    speech.

    :param seconds: beyond that, reading is an error.
    :return: context manager.

    >>> with exact_lengths(0.02):
    ...     get_audio_duration_mismatch_tolerance()
    0.02
    """
    before = get_audio_duration_mismatch_tolerance()
    set_audio_duration_mismatch_tolerance(seconds)
    try:
        yield
    finally:
        set_audio_duration_mismatch_tolerance(before)
