"""What clients sent and what was found in it, for a while.

Everything lies in one folder under names that are made here; a client's own
names are shown, and never become part of a path.

Authors
 * The speechbrain-opensed contributors 2026
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lhotse_recipes.sound import READABLE, AudioInfo
from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.serve.limits import Limits

__all__ = ["Found", "Full", "Recording", "Store", "shown_name"]

_NAME_LENGTH = 120
# Frames of scores that are read at a time.
_FRAMES = 4096
Item = TypeVar("Item", "Recording", "Found")


class Full(OSError):
    """There is no room."""


def shown_name(name: str) -> str:
    """A client's name of a file, fit to be shown and written into tables.

    Arguments
    ---------
    name : str
        What it said.

    Returns
    -------
    str
        The last part, in one line, not long, never empty.

    Example
    -------
    >>> shown_name("../../etc/passwd"), shown_name("C:\\\\a\\tb.wav")
    ('passwd', 'ab.wav')
    >>> shown_name("..")
    'recording'
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    last = "".join(one for one in last if one.isprintable()).strip()
    return last[-_NAME_LENGTH:].strip(" .") or "recording"


@dataclass(eq=False)
class Recording:
    """A sound that a client sent.

    Arguments
    ---------
    id : str
        By which it is asked for.
    name : str
        What the client calls it.
    path : Path
        Where it lies.
    size : int
        Its bytes.
    info : AudioInfo, optional
        What was seen of it, once that was.

    Example
    -------
    >>> Recording("a1", "street.wav", Path("x.wav"), 8).name
    'street.wav'
    """

    id: str
    name: str
    path: Path
    size: int = 0
    info: AudioInfo | None = None
    used: float = field(default_factory=time.monotonic)
    users: int = 0

    @property
    def ready(self) -> AudioInfo:
        """What was seen of it."""
        assert self.info is not None, "not inspected"
        return self.info


@dataclass(eq=False)
class Found:
    """What was found in a recording, as far as it is known.

    Arguments
    ---------
    id : str
        By which it is asked for.
    recording : Recording
        Where it was looked for.
    model : str
        The detector's id.
    phrases : list of str
        What was looked for.
    hop_seconds : float
        Length of a frame.
    thresholds : dict of str to float
        Above which a frame belongs to an event.
    path : Path
        The scores, float32 `[frames, phrases]`, row after row.
    size : int
        Bytes that these may take.

    Example
    -------
    >>> recording = Recording("a1", "street.wav", Path("x.wav"))
    >>> found = Found(
    ...     "b2", recording, "0", ["rain"], 0.04, {"rain": 0.5}, Path("x"), 8
    ... )
    >>> found.frames, found.events
    (0, [])
    """

    id: str
    recording: Recording
    model: str
    phrases: list[str]
    hop_seconds: float
    thresholds: dict[str, float]
    path: Path
    size: int
    min_duration: float = 0.0
    merge_gap: float = 0.0
    frames: int = 0
    events: list[SoundEvent] = field(default_factory=list)
    corrections: list[Any] = field(default_factory=list)
    whole: bool = False
    used: float = field(default_factory=time.monotonic)
    users: int = 0

    def scores(self, first: int = 0, end: int | None = None) -> np.ndarray:
        """Scores so far, float32 `[frames, phrases]`, from a frame on."""
        width = len(self.phrases)
        end = self.frames if end is None else min(end, self.frames)
        count = max(0, end - first)
        if count == 0:
            return np.zeros((0, width), np.float32)
        rows = np.fromfile(
            self.path, "<f4", count * width, offset=4 * first * width
        )
        return rows.reshape(-1, width)

    def blocks(self) -> Iterator[np.ndarray]:
        """All scores, some frames at a time."""
        for first in range(0, self.frames, _FRAMES):
            yield self.scores(first, first + _FRAMES)


class Store:
    """Recordings and what was found in them, within a number of bytes.

    Arguments
    ---------
    folder : Path
        An empty folder, to be removed by whoever made it.
    limits : Limits
        How many bytes, and for how long.

    Example
    -------
    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()), Limits(max_storage=10))
    >>> recording = store.add_recording("rain.wav")
    >>> recording.path.suffix, store.recording(recording.id) is recording
    ('.wav', True)
    >>> store.grow(recording, 11)
    Traceback (most recent call last):
    speechbrain_opensed.serve.store.Full: no room for 11 bytes more: ...
    """

    def __init__(self, folder: Path, limits: Limits):
        self.folder, self.limits = folder, limits
        self._recordings: dict[str, Recording] = {}
        self._found: dict[str, Found] = {}
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        with self._lock:
            items: list[Recording | Found] = [
                *self._recordings.values(),
                *self._found.values(),
            ]
            return sum(item.size for item in items)

    def add_recording(self, name: str) -> Recording:
        """A place for a recording that is going to be sent."""
        name, token = shown_name(name), secrets.token_urlsafe(16)
        suffix = Path(name).suffix.lower()
        path = self.folder / f"{token}{suffix if suffix in READABLE else ''}"
        recording = Recording(token, name, path, users=1)
        with self._lock:
            self._recordings[token] = recording
        return recording

    def add_found(
        self, recording: Recording, phrases: list[str], **about: Any
    ) -> Found:
        """A place for scores; :class:`Full` where there is no room."""
        token = secrets.token_urlsafe(16)
        hop = about["hop_seconds"]
        frames = int(recording.ready.duration / hop) + 2
        found = Found(
            token,
            recording,
            phrases=phrases,
            path=self.folder / f"{token}.scores",
            size=0,
            **about,
        )
        with self._lock:
            self.grow(found, 4 * frames * len(phrases))
            found.path.touch()
            self._found[token] = found
        return found

    def grow(self, item: Recording | Found, size: int) -> None:
        """Takes room; :class:`Full` where there is none."""
        with self._lock:
            if self.size + size > self.limits.max_storage:
                raise Full(
                    f"no room for {size} bytes more: remove recordings, wait, "
                    "or start the server with a larger --max-storage"
                )
            item.size += size

    def recording(self, token: str) -> Recording:
        """A recording; KeyError where there is none."""
        return self._touch(self._recordings, token)

    def found(self, token: str) -> Found:
        """What was found; KeyError where nothing was."""
        found = self._touch(self._found, token)
        found.recording.used = found.used
        return found

    def remove(self, item: Recording | Found) -> None:
        """Forgets a recording with all that was found in it, or one such."""
        with self._lock:
            if isinstance(item, Found):
                self._found.pop(item.id, None)
            else:
                self._recordings.pop(item.id, None)
                for found in list(self._found.values()):
                    if found.recording is item:
                        self.remove(found)
            item.path.unlink(missing_ok=True)

    def sweep(self, now: Callable[[], float] = time.monotonic) -> int:
        """Forgets what nobody asked for in a long time; how many it were."""
        old = now() - self.limits.keep_seconds
        with self._lock:
            items: list[Recording | Found] = [
                *self._found.values(),
                *self._recordings.values(),
            ]
            idle = [one for one in items if one.used < old and not one.users]
            for item in idle:
                self.remove(item)
        return len(idle)

    def _touch(self, items: dict[str, Item], token: str) -> Item:
        with self._lock:
            item = items[token]
            item.used = time.monotonic()
            return item
