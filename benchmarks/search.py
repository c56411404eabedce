#!/usr/bin/env python3
"""An index of 50 hours: how fast it is made, asked, and how much it misses.

The vectors are made up, at FineLAP's width and rate: runs of a sound of random
length, each around one of 2000 directions, frames of a run a little apart. In
them lie sounds of which a query knows the direction, but for the distance that
texts keep from sounds. Writing, graphs and search are those of `opensed index`
and `opensed search`; what a model takes to hear is not in it.

Exhaustive search compares each query with all frames. Its limit is how fast
memory is read: the second table compares. Seconds are those of the processor,
whatever else the machine does.

> python benchmarks/search.py [--hours 50] [--dim 1024] [--queries 100]
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.index_part import Part
from speechbrain_opensed.inference.index_update import (
    ALIKE,
    PART_SIZE,
    RUN_SECONDS,
)
from speechbrain_opensed.inference.lookup import Lookup
from speechbrain_opensed.inference.part_writer import PartWriter
from speechbrain_opensed.inference.spaces import SoundSpace

HOP = 0.15625
SOUNDS, PLANTED, PLACES = 2000, 20, 10
TOP = 10


class Simulated(SoundSpace):
    """The grid of FineLAP, without a model."""

    spec = SedSpec(16000, HOP, 10.0, normalize=None)
    levels = ("moment",)


class World:
    """Sounds, recordings of an hour, and queries."""

    def __init__(self, args):
        self.rng = np.random.default_rng(0)
        self.dim, self.hours = args.dim, args.hours
        self.sounds = unit(self.draw(SOUNDS))
        self.planted = unit(self.draw(PLANTED))
        self.noise = unit(self.draw(4096))
        # Texts lie apart from sounds, in a direction of their own.
        gap = unit(self.draw(1))
        known = self.sounds[: args.queries - PLANTED]
        self.queries = unit(np.concatenate([self.planted, known]) + gap)
        places = self.rng.permutation(args.hours * 3600 // 20)
        self.places = {
            int(place): row % PLANTED
            for row, place in enumerate(places[: PLANTED * PLACES])
        }

    def draw(self, rows):
        """Random vectors."""
        return self.rng.standard_normal((rows, self.dim), dtype=np.float32)

    def hour(self, number):
        """Blocks of frames of an hour."""
        frames = round(3600 / HOP)
        lengths = 1 + self.rng.geometric(1 / 12, frames)
        ends = np.minimum(np.cumsum(lengths), frames)
        runs = int((ends < frames).sum()) + 1
        ends = ends[:runs]
        kinds = self.rng.integers(SOUNDS, size=runs)
        own = self.noise[self.rng.integers(len(self.noise), size=runs)]
        centres = unit(0.8 * self.sounds[kinds] + 0.6 * own)
        starts = np.concatenate([[0], ends[:-1]])
        for place, row in self.places.items():
            second = place * 20 - number * 3600
            if 0 <= second < 3600:
                at = int(np.searchsorted(starts, second / HOP))
                at = min(at, runs - 1)
                centres[at] = unit(0.8 * self.planted[row] + 0.6 * own[at])
        counts = ends - starts
        for at in range(0, runs, 256):
            block = np.repeat(
                centres[at : at + 256], counts[at : at + 256], axis=0
            )
            shift = self.rng.integers(len(self.noise), size=len(block))
            yield unit(block + 0.25 * self.noise[shift])


def unit(rows):
    """Rows of norm 1."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / norms).astype(np.float32)


def build(world, folder):
    """The parts of the index, and the seconds of making the vectors up."""
    parts, made_up, writer = [], 0.0, None
    for number in range(world.hours):
        if writer is None:
            writer = PartWriter(
                folder / f"part-{len(parts)}",
                world.dim,
                least=ALIKE,
                longest=round(RUN_SECONDS / HOP),
            )
        begin = time.process_time()
        blocks = list(world.hour(number))
        made_up += time.process_time() - begin
        for block in blocks:
            writer.frames(block)
        writer.end(f"{number:05d}.wav", (1, 1), 3600.0)
        if len(writer) >= PART_SIZE or number == world.hours - 1:
            parts.append(writer.save())
            writer.__exit__()
            writer = None
    return parts, made_up


def exhaustive(parts, queries):
    """Best frame of each run for each query, and the seconds of a query."""
    found, begin = [], time.process_time()
    for part in parts:
        spans = part.spans("moment")
        firsts = np.array([entry.first for entry in part.entries])
        starts = firsts[spans[:, 0]] + spans[:, 1].astype(np.int64)
        step = 4096
        for at in range(0, len(starts), step):
            first = starts[at]
            last = at + step
            end = starts[last] if last < len(starts) else len(part.frames)
            scores = part.frames_of(first, end) @ queries.T
            found.append(
                np.maximum.reduceat(scores, starts[at:last] - first, axis=0)
            )
    seconds = (time.process_time() - begin) / len(queries)
    return np.concatenate(found), seconds


def bandwidth(size=2**29):
    """Bytes a second that one thread reads."""
    block = np.ones(size // 8, np.int64)
    best = 0.0
    for _ in range(5):
        begin = time.process_time()
        block.sum()
        best = max(best, size / (time.process_time() - begin))
    return best


def resident():
    """MiB of memory of its own, and of mapped files."""
    status = Path("/proc/self/status").read_text().split()
    kinds = ("RssAnon:", "RssFile:")
    return np.array([int(status[status.index(k) + 1]) for k in kinds]) / 1024


def overlap(hits, world, row):
    """How many of the places of a planted sound were found."""
    times = {
        (place * 20 // 3600, place * 20 % 3600)
        for place, kind in world.places.items()
        if kind == row
    }
    found = 0
    for hour, second in times:
        found += any(
            int(Path(hit.path).stem) == hour
            and hit.onset - 15 <= second <= hit.offset + 1
            for hit in hits
        )
    return found / len(times)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=int, default=50)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--queries", type=int, default=100)
    args = parser.parse_args()
    world = World(args)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin, wall = time.process_time(), time.perf_counter()
        parts, made_up = build(world, folder)
        build_seconds = time.process_time() - begin - made_up
        wall = time.perf_counter() - wall - made_up
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        frames = sum(part.counts["frames"] for part in parts)
        runs = sum(part.counts["moments"] for part in parts)
        disk = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        graphs = sum(p.stat().st_size for p in folder.rglob("moments-*"))

        truth, scan = exhaustive(parts, world.queries)
        parts = [
            Part(p.folder, p.dim, p.counts, p.generation).open() for p in parts
        ]
        for part in parts:
            _ = part.entries
        offsets = np.cumsum([0, *(p.counts["moments"] for p in parts)])
        before = resident()
        lookup = Lookup(folder, parts, Simulated(), "moment", TOP)
        recall, planted, seconds = [], [], []
        for row, query in enumerate(world.queries):
            begin = time.process_time()
            hits = lookup.find(query)
            seconds.append(time.process_time() - begin)
            best = set(np.argsort(-truth[:, row])[:TOP].tolist())
            found, _ = lookup.candidates(query, 4 * TOP)
            keys = {int(offsets[one.part]) + one.key for one in found[:TOP]}
            recall.append(len(best & keys) / TOP)
            if row < PLANTED:
                planted.append(overlap(hits, world, row))
        own, mapped = resident() - before
    speed = bandwidth()
    hours = args.hours
    print(
        f"{hours} hours, {frames} frames and {runs} runs of {args.dim} "
        f"numbers, {len(parts)} parts; 1 thread"
    )
    rows = {
        "built, CPU s": f"{build_seconds:.0f} ({wall:.0f} wall)",
        "hours built a CPU second": f"{hours / build_seconds:.2f}",
        "memory at the peak of building, MiB": f"{peak / 2**20:.0f}",
        "on disk, MiB": f"{disk / 2**20:.0f}, {graphs / 2**20:.0f} of graphs",
        "query, CPU ms (median, worst)": f"{1e3 * np.median(seconds):.1f}, "
        f"{1e3 * max(seconds):.1f}",
        f"recall of the best {TOP} runs": f"{np.mean(recall):.4f}",
        "planted moments found": f"{np.mean(planted):.4f}",
        "memory that searching added, MiB": f"{own:.0f}, and of mapped files "
        f"{mapped:.0f}",
    }
    for name, value in rows.items():
        print(f"{name:38}{value}")
    size = frames * args.dim
    print(
        f"\nexhaustive: {size / 2**20:.0f} MiB of frames at {speed / 1e9:.1f} "
        f"GB/s take {1e3 * size / speed:.0f} ms at least; as done here, "
        f"{len(world.queries)} queries at once, {1e3 * scan:.0f} ms each"
    )
    many = 100_000 / hours
    print(
        f"100 000 hours, extrapolated: {disk * many / 1e12:.1f} TB, of which "
        f"{graphs * many / 1e12:.2f} TB of graphs, in "
        f"{runs * many / PART_SIZE:.0f} parts; built in "
        f"{build_seconds * many / 86400:.1f} CPU days; a query "
        f"{np.median(seconds) * runs * many / PART_SIZE / len(parts):.1f} CPU "
        f"s where it is in memory, exhaustive "
        f"{size * many / speed:.0f} s at least"
    )


if __name__ == "__main__":
    main()
