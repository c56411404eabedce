"""Bring an index up to date: hear files, write parts, save now and then.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lhotse_recipes.sound import READABLE, walk_files
from speechbrain_opensed.inference.index_part import Part, sounds_of
from speechbrain_opensed.inference.part_writer import PartWriter
from speechbrain_opensed.inference.spaces import SoundSpace
from speechbrain_opensed.inference.window_vectors import (
    EncodedFile,
    encode_files,
)
from speechbrain_opensed.inference.windows import OverlapAdd

__all__ = ["IndexUpdate", "find_recordings"]

#: Frames whose cosine is at least that are one run, of at most so long.
ALIKE, RUN_SECONDS = 0.9, 10.0
#: Folder of a part.
PART = "part-{}"
#: Runs and windows of a part: 300 MB of a graph at FineLAP's width.
PART_SIZE = 2**18
# How often what was heard is entered into the index: not so often that saving
# takes more than a twentieth of the time.
_SAVE_SECONDS, _SAVE_SHARE = 60.0, 20
# A part of which more than this is dead is written anew.
_DEAD_SHARE = 0.5


def find_recordings(
    root: Path, folder: Path
) -> tuple[dict[str, list[int]], list[str]]:
    """The recordings below a folder.

    Arguments
    ---------
    root : Path
        The folder.
    folder : Path
        That of the index, which may lie in it.

    Returns
    -------
    dict of str to list of int
        Path below the root to size and time of change.
    list of str
        Files that are no sound by their suffix.

    Raises
    ------
    FileNotFoundError
        If there is no recording.

    Example
    -------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> _ = (root / "a.wav").write_text(""), (root / "b.txt").write_text("")
    >>> found, passed_over = find_recordings(root, root / "index")
    >>> list(found), len(passed_over)
    (['a.wav'], 1)
    """
    found, passed_over = {}, []
    own = os.path.join(os.path.realpath(folder), "")
    for path in sorted(walk_files(root)):
        if not path.lower().endswith(READABLE):
            if not os.path.realpath(path).startswith(own):
                passed_over.append(path)
            continue
        name = Path(os.path.relpath(path, root)).as_posix()
        try:
            status = os.stat(path)
        except OSError:  # a link to nowhere, which is told when it is heard
            found[name] = [0, 0]
            continue
        found[name] = [status.st_size, status.st_mtime_ns]
    if not found:
        raise FileNotFoundError(
            f"no recordings in {root}: they end in " + ", ".join(READABLE)
        )
    return found, passed_over


class IndexUpdate:
    """Writes what is new into parts of a bounded size.

    Arguments
    ---------
    index : SoundIndex
        The index; its parts are replaced as they grow.
    space : SoundSpace
        The model.
    strict : bool
        Whether the first file that cannot be heard ends it.

    Example
    -------
    >>> IndexUpdate.run.__name__
    'run'
    """

    def __init__(self, index: Any, space: SoundSpace, strict: bool = False):
        self.index, self.space, self.strict = index, space, strict
        self._took = 0.0
        self._said: set = set()

    def run(self, found: Mapping[str, list[int]], batch_size: int) -> None:
        """Hears what is missing; all that came to its end is kept.

        Arguments
        ---------
        found : mapping of str to list of int
            Size and time of change of all recordings.
        batch_size : int
            Windows that are heard at once.
        """
        self._open(self._last())
        try:
            # From here on a sudden end loses the file at hand alone.
            self._save()
            self.index.forget(found)
            worn = self._worn()
            for part in worn:
                self._move(part)
            if worn:
                self._save()
            self._hear(self.index.missing(found), found, batch_size)
        finally:
            self._writer.drop()
            self._save()
            self._writer.__exit__()

    def _last(self):
        """The part that goes on, if it has room."""
        last = self.index.parts[-1] if self.index.parts else None
        if last is None or self._worn() == [last]:
            return None
        size = last.counts["moments"] + last.counts["windows"]
        return last if size < PART_SIZE else None

    def _open(self, part=None):
        name = PART.format(secrets.token_hex(8))
        hop = self.space.spec.hop_seconds
        self._writer = PartWriter(
            self.index.folder / name if part is None else part.folder,
            self.space.dim,
            least=ALIKE,
            longest=max(1, round(RUN_SECONDS / hop)),
            part=part,
        )
        if part is None:
            self.index.parts.append(Part(self._writer.folder, 0, {"files": 0}))

    def _save(self):
        begin = time.monotonic()
        dead = self.index.parts[-1].dead
        self.index.parts[-1] = self._writer.save()
        self.index.parts[-1].dead |= dead
        self.index.save()
        self._saved = time.monotonic()
        self._took = self._saved - begin

    def _filed(self):
        """A sound has come to its end."""
        if len(self._writer) >= PART_SIZE:
            self._save()
            self._writer.__exit__()
            self._open()
        wait = max(_SAVE_SECONDS, _SAVE_SHARE * self._took)
        if time.monotonic() - self._saved > wait:
            self._save()

    def _worn(self):
        return [
            part
            for part in self.index.parts
            if len(part.dead) > _DEAD_SHARE * part.counts["files"]
        ]

    def _move(self, part):
        """Writes what is left of a part into the one at hand."""
        for entry, blocks, windows in sounds_of(part):
            for frames in blocks:
                self._writer.frames(frames)
            for first, count, vector in windows:
                self._writer.window(first, count, vector)
            self._writer.end(entry.name, entry.state, entry.seconds)
            self._filed()
        self.index.parts.remove(part)

    def _hear(self, names, found, batch_size):
        bar = tqdm(total=len(names), desc="index", unit="file", delay=2)
        paths = ((name, self.index.root / name) for name in names)
        blend = OverlapAdd()
        with bar:
            for file, start, count, heard in encode_files(
                self.space, paths, batch_size, self._said
            ):
                if heard is not None:
                    self._window(start, count, heard, blend)
                    continue
                self._end(file, found, blend)
                blend = OverlapAdd()
                bar.update()

    def _window(self, start, count, heard, blend):
        clip, frames = heard
        if clip is not None:
            self._writer.window(start, count, clip)
        if frames is not None:
            blend.add(start, frames)
            self._frames(blend.take())

    def _frames(self, frames):
        """Frames that became final."""
        if frames is None:
            return
        if self.space.unit:
            norms = np.linalg.norm(frames, axis=1, keepdims=True)
            frames = frames / np.maximum(norms, 1e-12)
        self._writer.frames(frames)

    def _end(self, file: EncodedFile, found, blend):
        if file.error is not None:
            self._writer.drop()
            if self.strict:
                raise file.error
            reason = " ".join(str(file.error).split())
            self.index.failed[file.key] = {
                "stat": found[file.key],
                "reason": reason,
            }
            return
        self._frames(blend.take(end=True))
        state = (found[file.key][0], found[file.key][1])
        self._writer.end(file.key, state, file.seconds)
        self.index.encoded += 1
        self._filed()
