#!/usr/bin/env python3
"""From a table of events to training targets, an item at a time.

A table of the size of AudioSet-Strong's (103 463 clips of ten seconds with
nine events each) is made up. The reference looks for the rows of each clip in
the whole table, as research code with pandas does it; this package reads cuts
in the order of a manifest, from disk, gzip and JSON included. Both then fill
the same array `[classes, frames]`, and the arrays have to be equal. What
neither does is read audio. The limit is how fast this machine parses that
manifest's lines, which is measured in the same run. Seconds are those of the
processor.

> python benchmarks/loading.py [--clips 103463] [--items 200]
"""

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lhotse import CutSet, MonoCut, Recording

from lhotse_recipes.schema import event
from speechbrain_opensed.dataio.targets import frame_span, frame_targets

HOP, FRAMES, CLASSES = 0.04, 250, 456
LABELS = [f"class {number}" for number in range(CLASSES)]


def make_table(clips: int, events: int) -> pd.DataFrame:
    """Rows of clip, onset, offset and label, in order."""
    rng = np.random.default_rng(0)
    rows = clips * events
    onset = rng.uniform(0, 9, rows).round(3)
    return pd.DataFrame(
        {
            "clip": [f"clip{row // events:06d}" for row in range(rows)],
            "onset": onset,
            "offset": (onset + rng.uniform(0.1, 1, rows)).round(3),
            "label": rng.choice(LABELS, rows),
        }
    )


def make_cuts(table: pd.DataFrame, path: Path) -> None:
    """The same as a manifest."""
    with CutSet.open_writer(path) as writer:
        for name, rows in table.groupby("clip", sort=False):
            recording = Recording(name, [], 16000, 160000, 10.0)
            cut = MonoCut(name, 0.0, 10.0, 0, recording=recording)
            cut.supervisions = [
                event(name, index, row.onset, row.offset, row.label, row.label)
                for index, row in enumerate(rows.itertuples())
            ]
            writer.write(cut)


def scan(table: pd.DataFrame, name: str) -> np.ndarray:
    """Targets of one clip, by looking through the whole table."""
    target = np.zeros((CLASSES, FRAMES), np.float32)
    for row in table[table["clip"] == name].itertuples():
        first, last = frame_span(row.onset, row.offset, HOP, FRAMES)
        target[LABELS.index(row.label), first:last] = 1
    return target


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=103_463)
    parser.add_argument("--events", type=int, default=9)
    parser.add_argument("--items", type=int, default=200)
    args = parser.parse_args()
    table = make_table(args.clips, args.events)
    names = [f"clip{number:06d}" for number in range(args.items)]
    seconds = {}

    start = time.process_time()
    expected = [scan(table, name) for name in names]
    seconds["a pandas scan per item"] = time.process_time() - start

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cuts.jsonl.gz"
        # Reading goes on to no later line, so more of them change nothing.
        make_cuts(table.iloc[: args.items * args.events], path)
        start = time.process_time()
        found = [
            frame_targets(cut, LABELS, HOP, FRAMES)
            for cut in CutSet.from_jsonl_lazy(path)
        ]
        seconds["cuts of a manifest"] = time.process_time() - start
        start = time.process_time()
        with gzip.open(path, "rt") as lines:
            for line in lines:
                json.loads(line)
        seconds["limit: parsing its lines"] = time.process_time() - start

    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    print(f"{args.clips} clips, {len(table)} events; {args.items} items")
    print(f"{'':26}{'items/s':>10}{'ratio':>9}")
    slow = seconds["a pandas scan per item"]
    for name, spent in seconds.items():
        print(f"{name:26}{args.items / spent:10.0f}{slow / spent:9.1f}")


if __name__ == "__main__":
    main()
