#!/usr/bin/env python3
"""Query decoding against the reference scheme: time, memory, difference.

The reference puts all queries of a clip into one fp32 batch, as the original
FlexSED code does. Both run the released size with random weights, modulation
included, on one clip of ten seconds. Memory is what the process needs at its
peak beyond model and clip, each measured in a process of its own.

> python benchmarks/decode.py [--threads 2] [--queries 32] [--many 407]
"""

import argparse
import json
import subprocess
import sys
import threading
import time

import psutil
import torch

from speechbrain_opensed.lobes.flexsed import FlexSED


def build(threads: int, queries: int):
    """Model of the released size, features of a clip, queries."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = FlexSED().eval()
    for block in model.decoder.blocks:
        # At zero, as training starts, all queries would give one track.
        torch.nn.init.normal_(block.adaln.weight, std=0.02)
    feats = torch.randn(1, 250, 768)
    # CLAP's text embeddings have a norm of about 4.5.
    texts = 4.5 * torch.nn.functional.normalize(torch.randn(queries, 512))
    return model, feats, texts


def reference(model, feats, texts):
    """All queries at once in fp32."""
    return model.decoder(
        feats.repeat_interleave(len(texts), 0), texts
    ).unsqueeze(0)


def decode(model, feats, texts, precision):
    """This package's decoding."""
    return model.decode(feats, texts, precision=precision)


SCHEMES = {
    "reference": reference,
    "fp32": lambda *inputs: decode(*inputs, "fp32"),
    "bf16": lambda *inputs: decode(*inputs, "bf16"),
}


def peak_bytes(name: str, threads: int, queries: int) -> int:
    """Growth of the resident set, run in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", name]
    command += ["--threads", str(threads), "--queries", str(queries)]
    done = subprocess.run(command, check=True, capture_output=True)
    return json.loads(done.stdout)


def measure_memory(name: str, threads: int, queries: int) -> int:
    """Peak of the resident set while decoding, less what was there before."""
    model, feats, texts = build(threads, queries)
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with torch.inference_mode():
        SCHEMES[name](model, feats, texts)
    done.set()
    watcher.join()
    return peak - before


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--queries", type=int, default=32)
    parser.add_argument("--many", type=int, default=407)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory-of", choices=SCHEMES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        print(measure_memory(args.memory_of, args.threads, args.queries))
        return
    inputs = build(args.threads, args.queries)
    seconds = {name: [] for name in SCHEMES}
    tracks = {}
    with torch.inference_mode():
        # One scheme after the other in each round: what else the machine
        # does hits all of them.
        for round_ in range(args.repeats + 1):
            for name, scheme in SCHEMES.items():
                start = time.perf_counter()
                tracks[name] = scheme(*inputs).sigmoid()
                if round_:
                    seconds[name].append(time.perf_counter() - start)
    memory = {
        name: peak_bytes(name, args.threads, args.many) for name in SCHEMES
    }
    best = {name: min(times) for name, times in seconds.items()}
    print(
        f"{args.queries} queries, one clip of 10 s, {args.threads} threads; "
        f"memory at {args.many} queries"
    )
    print(
        f"{'scheme':12}{'seconds':>9}{'ratio':>7}{'max |dp|':>11}"
        f"{'MiB':>8}{'share':>7}"
    )
    for name in SCHEMES:
        error = (tracks[name] - tracks["reference"]).abs().max().item()
        print(
            f"{name:12}{best[name]:9.2f}"
            f"{best['reference'] / best[name]:7.2f}{error:11.1e}"
            f"{memory[name] / 2**20:8.0f}"
            f"{memory[name] / memory['reference']:7.2f}"
        )


if __name__ == "__main__":
    main()
