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
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from lhotse_recipes.outputs import write_atomically
from speechbrain_opensed.inference.moments import RunCutter, quantize

__all__ = ["Entry", "Part", "PartWriter", "open_graph", "sounds_of"]

LEVELS = ("moment", "window")
# Found best among 8 to 16 links and 32 to 128 candidates: more links or
# candidates take longer, and gain less than a wider search.
_LINKS, _ADD = 16, 48
_SEARCH = 512
_BLOCK = 4096


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
                found.append(_entry(json.loads(line), found))
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


def _entry(row, before):
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


class PartWriter:
    """Adds sounds to a part, one after another.

    Arguments
    ---------
    folder : Path
        The part's folder, made when missing.
    dim : int
        Width of vectors.
    least : float
        See :class:`RunCutter`.
    longest : int
        See there.
    part : Part, optional
        What there is already.

    Example
    -------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "part"
    >>> with PartWriter(folder, 2, least=0.9, longest=8) as writer:
    ...     writer.frames(np.array([[1, 0], [1, 0], [0, 1]]))
    ...     writer.end("a.wav", (9, 1), seconds=0.3)
    ...     part = writer.save()
    >>> part.spans("moment").tolist()
    [[0, 0, 2], [0, 2, 1]]
    """

    def __init__(
        self,
        folder: Path,
        dim: int,
        *,
        least: float,
        longest: int,
        part: Part | None = None,
    ):
        self.folder, self.dim = folder, dim
        self._least, self._longest = least, longest
        folder.mkdir(parents=True, exist_ok=True)
        names = ("files", "frames", "windows", "moments")
        self.counts = dict.fromkeys(names, 0)
        self._sum = np.zeros(dim, np.float64)
        self.dead: set[int] = set()
        self._graphs: dict[str, Any] = {}
        self.entries: list[Entry] = []
        if part is not None:
            self.counts = dict(part.counts)
            self.entries = list(part.entries)
            self.dead = set(part.dead)
            self._sum += part.mean * np.float64(part.counts["frames"])
        for level in LEVELS:
            path = None
            if part is not None:
                path = folder / f"{level}s-{part.generation}.usearch"
            self._graphs[level] = open_graph(dim, path)
        self._files: dict[str, IO[bytes]] = {
            name: open(folder / name, "ab")
            for name in (
                "files.jsonl", "frames.i8", "scales.f32", "windows.i8",
                "windows.u32", "moments.u32",
            )
        }  # fmt: skip
        self._begin()
        self.adopted = self._adopt()
        self.drop()

    def __enter__(self) -> "PartWriter":
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()

    def __len__(self) -> int:
        return len(self._graphs["moment"]) + len(self._graphs["window"])

    def _begin(self):
        self._cutter = RunCutter(self._least, self._longest)
        self._runs: list[tuple[int, int, np.ndarray]] = []
        self._new_windows: list[tuple[int, int, np.ndarray]] = []
        self._new_frames = 0
        self._new_sum = np.zeros(self.dim, np.float64)

    def frames(self, frames: np.ndarray) -> None:
        """Takes the next frames `[frames, dim]` of the sound at hand."""
        whole, scales = quantize(frames)
        self._files["frames.i8"].write(whole.tobytes())
        self._files["scales.f32"].write(scales.tobytes())
        self._count(whole, scales)

    def _count(self, whole, scales):
        frames = whole * scales[:, None]
        self._new_sum += frames.sum(axis=0)
        self._new_frames += len(frames)
        for first, count, vector in self._cutter.push(frames):
            self._runs.append((first, count, _whole(vector)))

    def window(self, first: int, frames: int, vector: np.ndarray) -> None:
        """Takes a window of the sound at hand, `[dim]`."""
        self._new_windows.append((first, frames, _whole(vector)))

    def end(self, name: str, state: tuple[int, int], seconds: float) -> None:
        """The sound at hand is over, and is one of the part from now on."""
        row = self.counts["files"]
        for first, frames, vector in self._new_windows:
            self._files["windows.i8"].write(vector.tobytes())
            self._files["windows.u32"].write(_span(row, first, frames))
        windows = len(self._new_windows)
        line = [name, *state, seconds, self._new_frames, windows]
        for key, file in self._files.items():
            if key not in ("files.jsonl", "moments.u32"):
                file.flush()
        text = json.dumps(line, ensure_ascii=False) + "\n"
        self._files["files.jsonl"].write(text.encode())
        self._files["files.jsonl"].flush()
        self._enter(line)

    def _enter(self, line):
        """Enters a sound whose vectors are written into the graphs."""
        row = self.counts["files"]
        for first, count, vector in self._cutter.flush():
            self._runs.append((first, count, _whole(vector)))
        for level, found in (
            ("moment", self._runs),
            ("window", self._new_windows),
        ):
            if not found:
                continue
            keys = np.arange(len(found)) + self.counts[f"{level}s"]
            vectors = np.stack([vector for _, _, vector in found])
            self._graphs[level].add(keys, vectors)
            self.counts[f"{level}s"] += len(found)
        for first, count, _ in self._runs:
            self._files["moments.u32"].write(_span(row, first, count))
        self.counts["frames"] += self._new_frames
        self.counts["files"] += 1
        self._sum += self._new_sum
        self.entries.append(_entry(line, self.entries))
        self._begin()

    def drop(self) -> None:
        """Forgets what was taken of a sound that did not come to its end."""
        sizes = {
            "frames.i8": self.counts["frames"] * self.dim,
            "scales.f32": self.counts["frames"] * 4,
            "windows.i8": self.counts["windows"] * self.dim,
            "windows.u32": self.counts["windows"] * 12,
            "moments.u32": self.counts["moments"] * 12,
        }
        for name, size in sizes.items():
            self._files[name].truncate(size)
        self._begin()

    def _adopt(self) -> int:
        """Takes up sounds that were written after the last save."""
        name = self.folder / "files.jsonl"
        lines = name.read_bytes().splitlines(keepends=True)
        kept, adopted = self.counts["files"], 0
        self._files["moments.u32"].truncate(12 * self.counts["moments"])
        for line in lines[kept:]:
            if not self._adopt_line(line):
                break
            adopted += 1
        size = sum(map(len, lines[: kept + adopted]))
        self._files["files.jsonl"].truncate(size)
        return adopted

    def _adopt_line(self, line):
        try:
            row = json.loads(line)
            *_, frames, windows = row
        except ValueError:
            return False
        first, window = self.counts["frames"], self.counts["windows"]
        part = Part(
            self.folder,
            self.dim,
            {"frames": first + frames, "windows": window + windows},
        )
        try:
            spans = part.spans("window")[window:]
            vectors = part.windows[window:]
            for at in range(first, first + frames, _BLOCK):
                end = min(at + _BLOCK, first + frames)
                self._count(part.frames[at:end], part.scales[at:end])
        except (ValueError, OSError):  # shorter than the line says
            return False
        self._new_windows = [
            (int(start), int(count), np.array(vector))
            for (_, start, count), vector in zip(spans, vectors, strict=True)
        ]
        self._enter(row)
        return True

    def save(self) -> Part:
        """A generation of all sounds that are entered.

        Returns
        -------
        Part
            What an index has to name for them to be found.
        """
        for file in self._files.values():
            file.flush()
        generation = secrets.token_hex(8)
        for level, graph in self._graphs.items():
            name = f"{level}s-{generation}.usearch"
            with write_atomically(self.folder / name, "wb") as out:
                if len(graph):
                    graph.save(out.name)
        mean = self._sum / max(1, self.counts["frames"])
        name = f"mean-{generation}.f32"
        with write_atomically(self.folder / name, "wb") as out:
            out.write(mean.astype(np.float32).tobytes())
        return Part(
            self.folder,
            self.dim,
            dict(self.counts),
            generation,
            set(self.dead),
        )


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
            part.frames_of(at, min(at + _BLOCK, end))
            for at in range(entry.first, end, _BLOCK)
        )
        span = slice(entry.first_window, entry.first_window + entry.windows)
        windows = [
            (int(first), int(frames), vector.astype(np.float32))
            for (_, first, frames), vector in zip(
                part.spans("window")[span], part.windows[span], strict=True
            )
        ]
        yield entry, blocks, windows


def _whole(vector):
    return quantize(vector[None])[0][0]


def _span(*numbers):
    return np.array(numbers, np.uint32).tobytes()
