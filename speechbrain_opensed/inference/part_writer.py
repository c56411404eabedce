"""Write a part of an index, sound by sound.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import secrets
from pathlib import Path
from typing import IO, Any

import numpy as np

from lhotse_recipes.outputs import write_atomically
from speechbrain_opensed.inference.index_part import (
    BLOCK,
    LEVELS,
    Entry,
    Part,
    entry_of,
    open_graph,
)
from speechbrain_opensed.inference.moments import RunCutter, quantize

__all__ = ["PartWriter"]


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
        self.entries.append(entry_of(line, self.entries))
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
            for at in range(first, first + frames, BLOCK):
                end = min(at + BLOCK, first + frames)
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


def _whole(vector):
    return quantize(vector[None])[0][0]


def _span(*numbers):
    return np.array(numbers, np.uint32).tobytes()
