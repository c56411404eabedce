"""What libsndfile cannot write, told as other files are."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

__all__ = ["writing_sound"]


@contextmanager
def writing_sound(path: str | Path) -> Iterator[None]:
    """
    Name the file and the remedy where libsndfile says "System error" alone.

    :param path: the file that is written, for the message.
    :return: context manager.
    :raises OSError: it could not be written, most often for lack of room.

    >>> with writing_sound("a.wav"):
    ...     raise soundfile.LibsndfileError(2)
    Traceback (most recent call last):
    OSError: [Errno 5] it was not written (System error.); free some space, ...
    """
    try:
        yield
    except soundfile.SoundFileError as error:
        raise OSError(
            errno.EIO,
            f"it was not written ({error}); free some space, or choose "
            "another folder",
            str(path),
        ) from error
