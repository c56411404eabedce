"""How much one server takes on.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """How much one server takes on; each is an option of `opensed serve`.

    Arguments
    ---------
    max_upload : int
        Bytes of one recording.
    max_storage : int
        Bytes of all recordings and scores that are held at once.
    max_seconds : float
        Length of one recording.
    max_phrases : int
        That are looked for at once.
    max_queue : int
        Jobs that wait; one more is refused until there is room.
    max_learned : int
        Detectors that are held beside the first.
    read_seconds : float
        A client that sends nothing for so long, in the middle of a request,
        is left.
    job_seconds : float
        A job that takes longer is stopped.
    keep_seconds : float
        What nobody has asked for in so long is removed.

    Raises
    ------
    ValueError
        If one is not positive.

    Example
    -------
    >>> Limits(max_phrases=0)
    Traceback (most recent call last):
    ValueError: max_phrases is 0: give a positive number
    """

    max_upload: int = 512 * 2**20
    max_storage: int = 4 * 2**30
    max_seconds: float = 4 * 3600.0
    max_phrases: int = 1000
    max_queue: int = 8
    max_learned: int = 8
    read_seconds: float = 30.0
    job_seconds: float = 1800.0
    keep_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(
                    f"{field.name} is {value}: give a positive number"
                )
