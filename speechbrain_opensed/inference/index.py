"""An index of a folder of recordings: ask it when something is heard.

Recordings are heard once. Kept are the vectors of all frames and windows, as
int8, and graphs to find them by: of runs of frames that sound alike, and of
windows. A query's candidates come from the graphs; how well they fit, and from
where to where, is then read off the frames themselves.

Parts of a bounded size (see `index_part`) bound the memory of an update; a
search maps them. What it takes for 50 and for 100 000 hours is written in
`benchmarks/search.py`.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lhotse_recipes.fingerprint import Stamp
from lhotse_recipes.outputs import locked
from speechbrain_opensed.inference.index_part import Part
from speechbrain_opensed.inference.index_update import (
    ALIKE,
    PART,
    RUN_SECONDS,
    IndexUpdate,
    find_recordings,
)
from speechbrain_opensed.inference.lookup import Hit, Lookup
from speechbrain_opensed.inference.spaces import space_of
from speechbrain_opensed.inference.window_vectors import example_direction

__all__ = ["Hit", "SoundIndex"]

#: Where the index of a folder lies, if nothing else is said.
DEFAULT_NAME = ".opensed-index"
_INDEX = "index.json"
GENERATION = re.compile(r"(?:moments|windows|mean)-([0-9a-f]{16})\.\w+")


@dataclass
class SoundIndex:
    """What was heard in the recordings of a folder, kept on disk.

    `index.json` says of which model, and names the parts; it is replaced
    last, so that who reads meets the old index or the new one, whole.

    Arguments
    ---------
    root : Path
        The recordings' folder.
    folder : Path
        Where the index lies.
    made_with : dict
        Model and settings.
    parts : list of Part
        What it consists of.
    failed : dict
        Path below the root to `{"stat", "reason"}` of what could not be
        heard.
    source : str
        How the model was called.
    encoded : int
        How many files were heard at the last update.
    removed : int
        How many were no longer there.
    passed_over : list of str
        Files that are no sound by their suffix, at the last update.

    Example
    -------
    >>> SoundIndex.load("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no index at nowhere: make one with `opensed index`
    """

    root: Path
    folder: Path
    made_with: dict[str, Any]
    parts: list[Part] = field(default_factory=list)
    failed: dict[str, dict] = field(default_factory=dict)
    source: str = ""
    encoded: int = 0
    removed: int = 0
    passed_over: list[str] = field(default_factory=list)
    _heard_by: Any = field(default=None, repr=False, compare=False)

    @property
    def files(self) -> dict[str, list[int]]:
        """Path below the root to size and time of change, in that order."""
        found = {
            entry.name: list(entry.state)
            for part in self.parts
            for row, entry in enumerate(part.entries)
            if row not in part.dead
        }
        return dict(sorted(found.items()))

    @property
    def seconds(self) -> float:
        """How much sound there is."""
        return sum(
            entry.seconds
            for part in self.parts
            for row, entry in enumerate(part.entries)
            if row not in part.dead
        )

    @classmethod
    def load(cls, folder: str | Path) -> "SoundIndex":
        """Read an index.

        Arguments
        ---------
        folder : str or Path
            Where it lies.

        Returns
        -------
        SoundIndex
            The index.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is damaged.
        """
        folder = Path(folder)
        stamp = Stamp(folder / _INDEX)
        while True:
            said = stamp.read()
            if said is None:
                raise FileNotFoundError(
                    f"no index at {folder}: make one with `opensed index`"
                )
            try:
                return cls._open(folder, said)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                reason: Exception = error
            except OSError as error:
                # An update may have replaced what was named.
                if stamp.read() != said:
                    continue
                reason = error
            raise ValueError(
                f"the index {folder} is damaged ({reason}): remove it, it "
                "will be made anew"
            ) from reason

    @classmethod
    def _open(cls, folder, said):
        dim = said["about"]["dim"]
        parts = [
            Part(
                folder / Path(one["folder"]).name,
                dim,
                one["counts"],
                one["generation"],
                set(one["dead"]),
            ).open()
            for one in said["parts"]
        ]
        root = (folder / said["root"]).resolve()
        about, failed = said["about"], said["failed"]
        return cls(root, folder, about, parts, failed, said["source"])

    @classmethod
    def update(
        cls,
        model: Any,
        root: str | Path,
        folder: str | Path | None = None,
        batch_size: int = 8,
        *,
        source: str = "",
        strict: bool = False,
    ) -> "SoundIndex":
        """Hear what is new or has changed, and forget what is gone.

        Files count as changed if their size or time of change differs. What
        cannot be heard is noted with the reason, and tried again when it
        changes. All that was heard to its end is kept, however an update
        ends: the next one goes on from there. Memory grows neither with the
        length of files nor with their number, but for a list of them.

        Arguments
        ---------
        model : AudioTextAligner, SoundEventDetector or SoundSpace
            The model.
        root : str or Path
            The recordings, also in folders below.
        folder : str or Path, optional
            Where the index lies; default: `.opensed-index` in the root.
        batch_size : int
            Windows that are heard at once.
        source : str
            How the model is called, for who asks later.
        strict : bool
            Whether the first file that cannot be heard ends the update.

        Returns
        -------
        SoundIndex
            The index of all that is there.

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or no recording in it.
        ValueError
            If the model has no vectors of sounds and texts, or the index was
            made with another one, or of another folder.
        OSError
            If the index cannot be written, or another update is under way.
        """
        space, root = space_of(model), Path(root)
        if not root.is_dir():
            raise FileNotFoundError(f"no folder {root}: check the path")
        folder = root / DEFAULT_NAME if folder is None else Path(folder)
        found, passed_over = find_recordings(root, folder)
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _INDEX):
            index = cls._begin(space, root, folder, source)
            fresh = not (folder / _INDEX).is_file()
            changed = index.forget(found)
            if fresh or changed or index.missing(found):
                update = IndexUpdate(index, space, strict)
                update.run(found, batch_size)
            index.parts = [part.open() for part in index.parts]
            index._heard_by = model
        index.passed_over = passed_over
        return index

    @classmethod
    def _begin(cls, space, root, folder, source):
        about = {
            "layout": 1,
            "model": space.fingerprint(),
            "kind": space.name(),
            "dim": space.dim,
            "levels": list(space.levels),
            "spec": repr(space.spec),
            "runs": [ALIKE, RUN_SECONDS],
        }
        stamp = Stamp(folder / _INDEX, about)
        if not stamp.refuse_other(
            "an index",
            "name the same model, put the index elsewhere, or remove it",
        ):
            return cls(root.resolve(), folder, about, source=source)
        index = cls.load(folder)
        if index.root != root.resolve():
            raise ValueError(
                f"{folder} holds an index of {index.root}: put that of "
                f"{root} elsewhere"
            )
        index.source = source or index.source
        return index

    def missing(self, found: Mapping[str, list[int]]) -> list[str]:
        """Names of recordings that it neither holds nor knows as unusable."""
        known = self.files
        return [
            name
            for name in found
            if name not in known and name not in self.failed
        ]

    def forget(self, found: Mapping[str, list[int]]) -> bool:
        """Marks what is gone, or was heard again, as dead.

        Arguments
        ---------
        found : mapping of str to list of int
            Size and time of change of all that is there.

        Returns
        -------
        bool
            Whether anything changed.
        """
        seen: set[str] = set()
        before = sum(len(part.dead) for part in self.parts)
        failed = self.failed
        for part in reversed(self.parts):
            for row in range(len(part.entries) - 1, -1, -1):
                if row in part.dead:
                    continue
                entry = part.entries[row]
                state = found.get(entry.name)
                if entry.name in seen or state != list(entry.state):
                    part.dead.add(row)
                    self.removed += state is None
                seen.add(entry.name)
        self.failed = {
            name: about
            for name, about in failed.items()
            if found.get(name) == about["stat"]
        }
        dead = sum(len(part.dead) for part in self.parts)
        return dead > before or len(self.failed) < len(failed)

    def save(self) -> None:
        """Names the parts as they are; what is not named is removed."""
        stamp = Stamp(self.folder / _INDEX, self.made_with)
        stamp.write(
            root=os.path.relpath(self.root, self.folder.resolve()),
            source=self.source,
            parts=[part.about() for part in self.parts],
            failed=self.failed,
        )
        named = {part.folder.name: part.generation for part in self.parts}
        for folder in self.folder.glob(PART.format("*")):
            if folder.name not in named:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            for path in folder.iterdir():
                old = GENERATION.fullmatch(path.name)
                if old and old[1] != named[folder.name]:
                    with suppress(OSError):  # some systems keep mapped files
                        path.unlink()

    def search(
        self,
        model: Any,
        texts: Iterable[str] = (),
        top: int = 10,
        *,
        examples: Iterable[Any] = (),
        level: str | None = None,
        least: float | None = None,
    ) -> list[list[Hit]]:
        """Find the moments that fit texts or examples best.

        Arguments
        ---------
        model : AudioTextAligner, SoundEventDetector or SoundSpace
            The model that the index was made with.
        texts : iterable of str
            What to look for.
        top : int
            How many moments to name for each at most.
        examples : iterable of str or Path
            Recordings of what to look for, with little else in them.
        level : str, optional
            `moment`: events, by the vectors of frames; `window`: scenes of
            several seconds, by those of windows. Default: the first that the
            model has.
        least : float, optional
            Leave out what has a lower score.

        Returns
        -------
        list of list of Hit
            For each text, then for each example, the best moments, best
            first; those of one file do not overlap.

        Raises
        ------
        ValueError
            If nothing could be heard, `top` is not positive, the level is
            unknown, or the model is another than that of the index.
        """
        space = space_of(model)
        if top < 1:
            raise ValueError(f"top is {top}: give 1 or more")
        if self._heard_by is not model:
            if space.fingerprint() != self.made_with["model"]:
                raise ValueError(
                    f"the index {self.folder} was made with another model"
                    + (f" ({self.source})" if self.source else "")
                    + ": name that one"
                )
            self._heard_by = model
        level = space.levels[0] if level is None else level
        if level not in space.levels:
            raise ValueError(
                f"level is {level!r}: {space.name()} has vectors of "
                f"{' and '.join(space.levels)}"
            )
        if not any(
            part.counts["files"] > len(part.dead) for part in self.parts
        ):
            raise ValueError(
                f"none of the {len(self.failed)} recordings in {self.root} "
                "could be heard"
                if self.failed
                else f"the index {self.folder} holds no recording yet"
            )
        lookup = Lookup(self.root, self.parts, space, level, top, least)
        found = []
        texts = [texts] if isinstance(texts, str) else list(texts)
        if texts:
            queries = space.read(texts)
            for query, direction in zip(
                queries, space.directions(queries), strict=True
            ):
                found.append(lookup.find(direction, query))
        for path in examples:
            found.append(lookup.find(example_direction(space, path, level)))
        return found
