#!/usr/bin/env python3
"""All benchmarks, one after the other, on one page.

Short by default: sizes at which all of it takes minutes, and at which ratios
are smaller than at full size; `--full` takes each benchmark's own defaults.
Nothing else should run on the machine. A benchmark that fails or takes too
long is told on the page, and is the exit code 1.

> python benchmarks/run_all.py [-o results/benchmarks.md] [--only psds search]
"""

import argparse
import ast
import os
import platform
import subprocess
import sys
import time
from datetime import date
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Arguments of the short mode.
SHORT = {
    "decode": "--threads 1 --many 64 --repeats 2",
    "detect": "--seconds 20 --hours 0.02",
    "psds": "--classes 40 --clips 100",
    "loading": "--clips 50000 --items 50",
    "soundscapes": "--clips 200 --jobs 1",
    "finelap": "--batch 8 --repeats 1 --text-dim 192 --text-depth 2",
    "sept": "--clips 8 --epochs 1 --batch-size 4",
    "search": "--hours 2 --dim 256 --queries 20",
    "style": "--clips 4",
}
#: What each is compared with: the scheme of others, and the machine's limit.
LIMITS = {
    "decode": "all queries in one fp32 batch; limit: operations of the model",
    "detect": "the original code's scheme; limit: a large matrix product "
    "(column of the share of the peak)",
    "psds": "sed_scores_eval; limit: sorting each class's scores once",
    "loading": "a pandas scan per item; limit: parsing the manifest's lines",
    "soundscapes": "Scaper, with --scaper; limit: reading and writing samples",
    "finelap": "the official scheme; limit: each clip and each text once",
    "sept": "audio heard anew; limit: features that are kept",
    "search": "comparing with all frames; limit: memory bandwidth",
    "style": "200 steps of DDPM; limit: evaluations of the U-Net",
}
#: Those that need real data, and what they ask for.
ELSEWHERE = {
    "transcript": "real speech and sounds, a detector and Whisper: see "
    "`python benchmarks/transcript.py --help`",
}
PACKAGES = ("torch", "numpy", "lhotse", "speechbrain", "sed_scores_eval")


def machine() -> list[str]:
    """Lines on what it ran on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in PACKAGES)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return [
        f"- {date.today()}, {name}, {os.cpu_count()} CPUs, load {load} at the "
        "beginning",
        f"- Python {platform.python_version()}, {platform.system()}",
        f"- {versions}",
    ]


def about(name: str) -> str:
    """What a benchmark's module says of itself, without its usage."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text()))
    return (text or "").partition("\n>")[0].partition("\nUsage:")[0].strip()


def run(name: str, arguments: list[str], limit: int) -> tuple[str, str, bool]:
    """Its output, how long it took, and whether it went well."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), *arguments],
            capture_output=True,
            text=True,
            timeout=limit,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return "", f"stopped after {limit} s", False
    took = f"{time.monotonic() - start:.0f} s"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no words"]
        return last[0], f"failed after {took}", False
    return done.stdout.strip(), took, True


def main() -> None:
    """Writes the page, again after each benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("results/benchmarks.md")
    )
    parser.add_argument("--only", nargs="+", choices=SHORT, default=[*SHORT])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--limit", type=int, default=1200, help="seconds each")
    args = parser.parse_args()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    page = ["# Benchmarks", "", *machine()]
    failed = []
    for name in args.only:
        arguments = [] if args.full else SHORT[name].split()
        output, took, well = run(name, arguments, args.limit)
        command = " ".join(["python", f"benchmarks/{name}.py", *arguments])
        page += ["", f"## {name}", "", about(name), ""]
        page += [f"Compared with {LIMITS[name]}.", ""]
        page += ["```text", f"$ {command}", *output.splitlines(), "```"]
        page += ["", f"{took}."]
        if not well:
            failed.append(name)
        args.output.write_text("\n".join(page) + "\n", encoding="utf-8")
        print(f"{name}: {took}", flush=True)
    page += ["", "## Not run here", ""]
    page += [f"- {name} needs {what}" for name, what in ELSEWHERE.items()]
    args.output.write_text("\n".join(page) + "\n", encoding="utf-8")
    print(args.output)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
