#!/usr/bin/env python3
"""Time and memory of PSDS1: our kernel against sed_scores_eval.

Both get the same scores (smooth autoregressive tracks, classes as rare as
Zipf's law has them, 11.2 events per clip) and compute the same number, one
after the other, each in a process and on a thread of its own. Peak memory is
that of the whole process: its libraries (a column tells how much they are)
and the float32 scores, 203 MB by default, as each side takes them: arrays
here, data frames there. Making the frames is not part of the time.

To run this benchmark:
> python benchmarks/psds.py
> python benchmarks/psds.py --classes 20 --clips 50      # a quick one

Authors
 * The speechbrain-opensed contributors 2026
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lhotse_recipes.schema import merge_touching

HOP_SECONDS = 0.04
MAX_EFPR = 100.0
SIDES = {"ours": "compute_psds", "theirs": "sed_scores_eval"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_events(rng, args):
    """Events of each clip, with Zipf's law for the classes."""
    prior = 1 / np.arange(1, args.classes + 1)
    number = max(round(args.events * args.clips), args.classes)
    labels = rng.choice(args.classes, size=number, p=prior / prior.sum())
    labels[: args.classes] = np.arange(args.classes)
    seconds = args.frames * HOP_SECONDS
    events = {f"clip {index}": [] for index in range(args.clips)}
    for label in labels.tolist():
        onset = rng.uniform(0, 0.9) * seconds
        offset = min(onset + 0.1 + rng.exponential(1.5), seconds)
        span = round(onset, 3), round(offset, 3), f"class {label}"
        events[f"clip {rng.integers(args.clips)}"].append(span)
    return {clip: merge_touching(spans) for clip, spans in events.items()}


def make_scores(rng, args, events, folder):
    """Smooth scores, raised where an event is, one file per clip."""
    from scipy.signal import lfilter  # the sides shall not carry it

    folder.mkdir()
    progress = tqdm(events.items(), desc="scores", unit="clip", delay=2)
    for clip, spans in progress:
        noise = rng.standard_normal((args.frames, args.classes))
        track = lfilter([0.3], [1, -0.95], noise, axis=0)
        for onset, offset, label in spans:
            first, last = np.array([onset, offset]) // HOP_SECONDS
            shift = rng.integers(-2, 3)
            part = slice(max(int(first) + shift, 0), int(last) + shift)
            track[part, int(label.split()[1])] += rng.normal(3, 1.5)
        scores = (1 / (1 + np.exp(3 - track))).astype(np.float32)
        np.save(folder / f"{clip}.npy", scores)


def measure(side, folder, args):
    """Run one side in this process and print what it took."""
    if side == "ours":
        from speechbrain_opensed.metrics import compute_psds
    else:
        from sed_scores_eval import intersection_based

        from speechbrain_opensed.metrics.psds.reference import score_frames

    libraries = peak_memory()
    events = {
        clip: [tuple(event) for event in spans]
        for clip, spans in json.loads(
            (folder / "events.json").read_text()
        ).items()
    }
    durations = dict.fromkeys(events, args.frames * HOP_SECONDS)
    arrays = {
        clip: np.load(folder / "scores" / f"{clip}.npy") for clip in events
    }
    settings = {"dtc_threshold": 0.7, "gtc_threshold": 0.7}
    settings |= {"max_efpr": MAX_EFPR, "alpha_st": 0.0}
    if side == "ours":
        classes = [f"class {index}" for index in range(args.classes)]
        begin = time.perf_counter()
        result = compute_psds(
            arrays, events, durations, classes, HOP_SECONDS,
            num_jobs=args.jobs, **settings,
        )  # fmt: skip
        psds, per_class = result.psds, result.per_class
    else:
        frames = {}
        while arrays:
            clip, array = arrays.popitem()
            frames |= score_frames({clip: array}, HOP_SECONDS)
        begin = time.perf_counter()
        psds, per_class, *_ = intersection_based.psds(
            frames, events, durations, **settings
        )
    seconds = time.perf_counter() - begin
    row = {
        "seconds": seconds,
        "libraries": libraries,
        "peak": peak_memory(),
        "psds": float(psds),
        "per_class": {name: float(v) for name, v in per_class.items()},
    }
    print(json.dumps(row))


def peak_memory():
    """Greatest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024


def main():
    """Make the data, measure each side in its own process, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=407)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--events", type=float, default=11.2, help="per clip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="our threads")
    parser.add_argument(
        "--ours-only", action="store_true", help="leave sed_scores_eval out"
    )
    parser.add_argument("--measure", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.measure, args.folder, args)
        return 0
    sides = ["ours"] if args.ours_only else list(SIDES)
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(args.seed)
        events = make_events(rng, args)
        (Path(folder) / "events.json").write_text(json.dumps(events))
        make_scores(rng, args, events, Path(folder) / "scores")
        rows = {}
        for side in tqdm(sides, desc="measuring", unit="side"):
            command = [sys.executable, __file__, *sys.argv[1:]]
            command += ["--measure", side, "--folder", folder]
            output = subprocess.run(
                command,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | dict.fromkeys(THREADS, "1"),
            ).stdout
            rows[side] = json.loads(output.splitlines()[-1])
    return report(rows, args)


def report(rows, args):
    """Print the table; 1 where the two sides differ."""
    print(
        f"{args.classes} classes x {args.clips} clips x {args.frames} frames, "
        f"{args.events} events per clip, max_efpr {MAX_EFPR:g}"
    )
    print(f"{'':16}{'seconds':>9}{'peak MiB':>10}{'libraries':>11}  PSDS1")
    for side, row in rows.items():
        print(
            f"{SIDES[side]:16}{row['seconds']:9.2f}{row['peak']:10.0f}"
            f"{row['libraries']:11.0f}  {row['psds']:.15f}"
        )
    if len(rows) < 2:
        return 0
    ours, theirs = rows["ours"], rows["theirs"]
    gap = max(
        abs(ours["psds"] - theirs["psds"]),
        *(
            abs(value - theirs["per_class"][name])
            for name, value in ours["per_class"].items()
        ),
    )
    print(
        f"time 1/{theirs['seconds'] / ours['seconds']:.1f}, "
        f"memory 1/{theirs['peak'] / ours['peak']:.1f}, "
        f"greatest difference {gap:.1e} (overall and per class)"
    )
    return int(gap > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
