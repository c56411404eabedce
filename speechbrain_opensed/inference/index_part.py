"""One part of an index: vectors on disk, and a graph to find them by.

A part is a folder of files that only grow, written file by file of sound:

    files.jsonl     a line for each sound, written when all else is there
    frames.i8       vectors of frames `[frames, dim]`, int8
    scales.f32      what each is multiplied by
    windows.i8      vectors of windows `[windows, dim]`, int8
    windows.u32     file, first frame and number of frames of each
    moments.u32     the same of runs of frames, see `moments`

and of a generation of files that are written anew at each save, and never
changed: `moments-G.usearch` and `windows-G.usearch`, graphs of usearch over
runs and windows, and `mean-G.f32`, the mean frame. Who reads looks at as much
of the former as belongs to the generation that he was told; what was written
behind that is taken up by the next one who writes.

Why usearch: its wheel is 2.3 MB (faiss-cpu 1.15: 19 MB, lancedb 0.40: 75 MB
and pyarrow); it needs numpy, tqdm and its own kernels, is Apache-2.0 (faiss
MIT, lancedb Apache-2.0), and comes for Linux, macOS and Windows. It takes int8
vectors, adds them one by one without training, and searches a graph that stays
on disk, by memory mapping.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "BLOCK",
    "LEVELS",
    "Entry",
    "Part",
    "entry_of",
    "open_graph",
    "sounds_of",
]

#: What there are graphs of.
LEVELS = ("moment", "window")
#: Frames that are read at a time.
BLOCK = 4096
# Of a few settings that were tried on made-up vectors like those of
# benchmarks/search.py: a wider search gained more than more links.
_LINKS, _ADD = 16, 48
_SEARCH = 512


def open_graph(dim: int, path: Path | None = None, view: bool = False) -> Any:
    """A graph of usearch, empty or from a file.

    Arguments
    ---------
    dim : int
        Width of its vectors.
    path : Path, optional
        Where it is.
    view : bool
        Whether it stays on disk.

    Returns
    -------
    usearch.index.Index
        For int8 vectors of any length: cosines count.

    Raises
    ------
    ImportError
        If usearch is missing.
    FileNotFoundError
        If the file is gone.
    ValueError
        If it is no graph of this width.

    Example
    -------
    >>> len(open_graph(8))
    0
    """
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError(
            "an index needs usearch: python -m pip install "
            "'speechbrain-opensed[index]'"
        ) from error
    graph = Index(
        ndim=dim,
        metric="cos",
        dtype="i8",
        connectivity=_LINKS,
        expansion_add=_ADD,
        expansion_search=_SEARCH,
    )
    if path is None:
        return graph
    if not path.is_file():
        raise FileNotFoundError(f"{path} is gone")
    if path.stat().st_size:  # an empty graph is an empty file
        try:
            graph.view(str(path)) if view else graph.load(str(path))
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is damaged ({error})") from error
    if graph.ndim != dim:
        raise ValueError(f"{path} holds vectors of width {graph.ndim}")
    return graph


@dataclass(frozen=True)
class Entry:
    """A sound of an index.

    Arguments
    ---------
    name : str
        Its path below the root.
    state : tuple of int
        Size in bytes and time of change in nanoseconds.
    seconds : float
        How long it is.
    first, frames : int
        Its frames in the part.
    first_window, windows : int
        Its windows in the part.

    Example
    -------
    >>> Entry("a.wav", (9, 1), 2.0, 0, 50, 0, 1).frames
    50
    """

    name: str
    state: tuple[int, int]
    seconds: float
    first: int
    frames: int
    first_window: int
    windows: int


@dataclass
class Part:
    """As much of a part as a generation of it knows.

    Arguments
    ---------
    folder : Path
        Where it lies.
    dim : int
        Width of vectors.
    counts : mapping
        How many `files`, `frames`, `windows` and `moments` there are.
    generation : str
        Of the graphs.
    dead : set of int
        Sounds that are gone or were heard anew.

    Example
    -------
    >>> Part(Path("part"), 8, {"frames": 0}).frames.shape
    (0, 8)
    """

    folder: Path
    dim: int
    counts: Mapping[str, int]
    generation: str = ""
    dead: set[int] = field(default_factory=set)

    def about(self) -> dict[str, Any]:
        """What an index keeps of it, plain."""
        return {
            "folder": self.folder.name,
            "generation": self.generation,
            "counts": dict(self.counts),
            "dead": sorted(self.dead),
        }

    @cached_property
    def entries(self) -> list[Entry]:
        """Its sounds, dead ones too."""
        wanted = self.counts["files"]
        found: list[Entry] = []
        with open(self.folder / "files.jsonl", "rb") as file:
            for _, line in zip(range(wanted), file, strict=False):
                found.append(entry_of(json.loads(line), found))
        if len(found) < wanted:
            raise ValueError(f"{len(found)} of {wanted} sounds in {file.name}")
        return found

    def _map(self, name, dtype, count, *shape):
        shape = (count, *shape)
        if not count:
            return np.zeros(shape, dtype)
        return np.memmap(self.folder / name, dtype, "r", shape=shape)

    @cached_property
    def frames(self) -> np.ndarray:
        """Vectors of frames, int8 `[frames, dim]`."""
        return self._map("frames.i8", np.int8, self.counts["frames"], self.dim)

    @cached_property
    def scales(self) -> np.ndarray:
        """What they are multiplied by, `[frames]`."""
        return self._map("scales.f32", np.float32, self.counts["frames"])

    @cached_property
    def windows(self) -> np.ndarray:
        """Vectors of windows, int8 `[windows, dim]`."""
        count = self.counts["windows"]
        return self._map("windows.i8", np.int8, count, self.dim)

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean frame, `[dim]`."""
        path = self.folder / f"mean-{self.generation}.f32"
        return np.fromfile(path, np.float32)

    def spans(self, level: str) -> np.ndarray:
        """File, first frame in it and frames of each run or window."""
        name = f"{level}s"
        count = self.counts[name]
        return self._map(f"{name}.u32", np.uint32, count, 3)

    def graph(self, level: str) -> Any:
        """The graph of runs or of windows, on disk."""
        key = f"_{level}_graph"
        if key not in self.__dict__:
            path = self.folder / f"{level}s-{self.generation}.usearch"
            self.__dict__[key] = open_graph(self.dim, path, view=True)
        return self.__dict__[key]

    def frames_of(self, first: int, end: int) -> np.ndarray:
        """Vectors of frames as they were heard, float32."""
        return self.frames[first:end] * self.scales[first:end, None]

    def open(self) -> "Part":
        """Opens all that a search needs, while it is there.

        Raises
        ------
        FileNotFoundError
            If an update has replaced it.
        ValueError
            If something is damaged.
        """
        for level in LEVELS:
            if self.counts[f"{level}s"]:
                self.graph(level)
                self.spans(level)
        _ = self.frames, self.scales, self.windows, self.mean
        return self


def sounds_of(part: Part) -> Iterator[tuple[Entry, Iterator[np.ndarray], list]]:
    """Sounds of a part that are not dead, to be written into another.

    Arguments
    ---------
    part : Part
        The part.

    Yields
    ------
    (Entry, iterator of np.ndarray, list)
        A sound, blocks of its frames, and its windows.

    Example
    -------
    >>> sounds_of.__name__
    'sounds_of'
    """
    for row, entry in enumerate(part.entries):
        if row in part.dead:
            continue
        end = entry.first + entry.frames
        blocks = (
            part.frames_of(at, min(at + BLOCK, end))
            for at in range(entry.first, end, BLOCK)
        )
        span = slice(entry.first_window, entry.first_window + entry.windows)
        windows = [
            (int(first), int(frames), vector.astype(np.float32))
            for (_, first, frames), vector in zip(
                part.spans("window")[span], part.windows[span], strict=True
            )
        ]
        yield entry, blocks, windows


def entry_of(row: list, before: list[Entry]) -> Entry:
    """What a line of `files.jsonl` says.

    Arguments
    ---------
    row : list
        The line: name, size, time, seconds, frames, windows.
    before : list of Entry
        Those of the lines before it.

    Returns
    -------
    Entry
        The sound.

    Example
    -------
    >>> first = entry_of(["a.wav", 9, 1, 2.0, 50, 1], [])
    >>> entry_of(["b.wav", 9, 1, 1.0, 25, 1], [first]).first
    50
    """
    name, size, time, seconds, frames, windows = row
    last = before[-1] if before else None
    return Entry(
        name,
        (size, time),
        seconds,
        last.first + last.frames if last else 0,
        frames,
        last.first_window + last.windows if last else 0,
        windows,
    )
