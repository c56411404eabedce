#!/usr/bin/env python3
"""Detection from samples to scores: real-time factor, memory, share of peak.

A FlexSED of random weights hears a minute of noise and looks for phrases, as
`opensed detect` does it: half overlapping windows, bounded groups of pairs.
`official` is the scheme of the original code: windows of ten seconds side by
side, all phrases of one in one fp32 batch. Overlapping by half takes 11
windows of a minute where it takes 6, which is what ours is slower by at few
phrases; a scheme that is followed by an overlap, `fp32@0`, is ours at that one
(`--overlap 0` of `opensed detect`), and `fp32@0` hears what `official` hears.
`onnx` and `int8` are the graphs of `opensed export-onnx`. The share of the
peak is that of the operations (counted by torch, of matrix products and
convolutions) in what this machine reaches in a large matrix product of that
precision, measured in the same run. `--model` takes an export, a run or a
released model in place of random weights; then `official` is the same scheme
with that model. `max |dp|` compares with ours in fp32 at the same overlap.
Memory is the growth of the resident set
at its peak. Seconds are those of the processor: with two threads, of both.

Then a long recording in flat memory, and how long a stream takes to give
frames that are final.

> python benchmarks/detect.py
> python benchmarks/detect.py --size released --phrases 1 10 64 407 \\
>     --threads 1 2 --hours 10 \\
>     --schemes fp32@0 official fp32 bf16 onnx int8
> python benchmarks/detect.py --model DETECTOR --schemes fp32@0 official fp32
"""

import argparse
import ctypes
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.scorer import OVERLAP
from speechbrain_opensed.inference.sounds import Sound, detect_sounds
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

SIZES = {
    "small": dict(embed_dim=192, num_heads=3),
    "released": dict(),
}
RATE = 16000
PEAK_OF = {"official": "fp32", "onnx": "fp32"}


def build(size):
    """A detector of random weights, modulation included."""
    torch.manual_seed(0)
    model = FlexSED(**SIZES[size]).eval()
    for block in model.decoder.blocks:
        torch.nn.init.normal_(block.adaln.weight, std=0.02)
    return with_model(model, HashTextEncoder(dim=512), "fp32")


def with_model(model, text, precision, spec=None):
    """A detector of a model."""
    return SoundEventDetector(
        {"model": model, "text_encoder": text},
        {"spec": spec or SedSpec()},
        {"device": "cpu", "precision": precision},
    )


def phrases(count, detector=None):
    """So many, of those that a detector knows where it has a table."""
    encoder = detector and detector.mods.text_encoder
    known = getattr(getattr(encoder, "encoder", encoder), "rows", None)
    if known:
        if count > len(known):
            raise SystemExit(f"{count} phrases: the model knows {len(known)}")
        return list(known)[:count]
    return [f"sound number {number}" for number in range(count)]


def official(detector, wav, names):
    """Windows side by side, all pairs of one at once; [queries, frames]."""
    model, queries = detector.mods.model, detector.embed(names)
    tracks = []
    with torch.no_grad():
        for window in wav.split(detector.scorer.size, dim=1):
            window = window / (window.abs().max() + 1e-9)
            feats = model.encode(window)
            if isinstance(model, FlexSED):
                pairs = feats.repeat_interleave(len(queries), 0)
                tracks.append(model.decoder(pairs, queries).sigmoid())
            else:
                tracks.append(model.decode(feats, queries)[0].sigmoid())
    return torch.cat(tracks, dim=1)


def ours(detector, wav, names, overlap):
    """As `opensed detect` does it; [queries, frames]."""
    rate = detector.spec.sample_rate
    found = detector.detect(
        (wav[0].numpy(), rate),
        names,
        overlap=overlap,
        median_seconds=0,
        batch_size=1,
    )
    return torch.from_numpy(found.scores.T)


def operations(detector):
    """Floating point operations of a window, and of a query in it."""
    model, size = detector.mods.model, detector.scorer.size
    counted = []
    with torch.no_grad():
        feats = model.encode(torch.rand(1, size))
        query = detector.embed(phrases(1, detector))
        for call in (
            lambda: model.encode(torch.rand(1, size)),
            lambda: model.decode(feats, query),
        ):
            with FlopCounterMode(display=False) as counter:
                call()
            counted.append(counter.get_total_flops())
    return counted


def peaks(schemes, threads):
    """Operations a CPU second of matrix products, by precision."""
    size, found = 1024, {}
    for name in sorted({PEAK_OF.get(s, s) for s in schemes}):
        if name == "int8":
            a = np.ones((size, size), np.uint8)
            calls = [int8_product(size, threads)]
        else:
            kind = torch.bfloat16 if name == "bf16" else torch.float32
            a = torch.rand(size, size, dtype=kind)
            # Without instructions for it, one way may be far from the other.
            calls = [torch.matmul, torch.nn.functional.linear]
        best = float("inf")
        for call in calls:
            call(a, a)
            best = min(best, *(seconds(call, a, a)[0] for _ in range(3)))
        found[name] = 2 * size**3 / best
    return found


def int8_product(size, threads):
    """A matrix product of onnxruntime, which runs the int8 graphs."""
    import onnxruntime
    from onnx import TensorProto, helper

    weights = helper.make_tensor(
        "b", TensorProto.INT8, (size, size), bytes(size * size), raw=True
    )
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, (size, size))],
        [helper.make_tensor_value_info("c", TensorProto.INT32, (size, size))],
        [weights],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    return lambda a, _: session.run(None, {"a": a})


def seconds(call, *inputs):
    """CPU seconds of a call, MiB that it took at its peak, and its result."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before, begin = status("VmRSS:"), time.process_time()
    result = call(*inputs)
    return time.process_time() - begin, status("VmHWM:") - before, result


def status(name):
    """MiB, of what the system knows of this process."""
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index(name) + 1]) / 1024


def detectors(args, detector, folder):
    """What is compared, by name."""
    found = {}
    text, spec = detector.mods.text_encoder, detector.spec
    for name in dict.fromkeys(one.partition("@")[0] for one in args.schemes):
        if name in ("onnx", "int8"):
            from speechbrain_opensed.inference.onnx_export import export_onnx
            from speechbrain_opensed.inference.onnx_model import load_onnx

            export_onnx(
                detector,
                folder / name,
                phrases(1, detector),
                int8=name == "int8",
            )
            modules, _ = load_onnx(folder / name)
            found[name] = with_model(modules["model"], text, "fp32", spec)
        elif name == "official":
            found[name] = detector
        else:
            found[name] = with_model(detector.mods.model, text, name, spec)
    return found


def compare(args, detector, folder):
    """The first table."""
    wav = 0.1 * torch.randn(1, args.seconds * detector.spec.sample_rate)
    encode, decode = operations(detector)
    name = args.model or f"FlexSED {args.size}"
    print(
        f"{args.seconds} s, {name}: {encode / 1e9:.1f} GFLOP a "
        f"window, {decode / 1e9:.1f} a window and phrase"
    )
    print(
        f"{'threads':>7}{'phrases':>9}  {'scheme':10}{'CPU s':>8}{'RTF':>8}"
        f"{'MiB':>7}{'of peak':>9}{'max |dp|':>10}"
    )
    for threads in args.threads:
        torch.set_num_threads(threads)
        reached = peaks(
            [one.partition("@")[0] for one in args.schemes], threads
        )
        models = detectors(args, detector, folder / str(threads))
        # What is made once is made before.
        official(detector, wav[:, : detector.scorer.size], phrases(1, detector))
        for count in args.phrases:
            names, reference = phrases(count, detector), {}
            for scheme in args.schemes:
                kind, _, given = scheme.partition("@")
                overlap = float(given) if given else OVERLAP
                if kind == "official":
                    overlap = 0.0
                    took, grown, scores = seconds(
                        official, models[kind], wav, names
                    )
                else:
                    took, grown, scores = seconds(
                        ours, models[kind], wav, names, overlap
                    )
                number = detector.scorer.count(args.seconds, overlap)
                done = number * (encode + count * decode)
                share = done / took / reached[PEAK_OF.get(kind, kind)]
                if kind == "fp32":
                    reference[overlap] = scores
                error = ""
                if kind != "fp32" and overlap in reference:
                    same = min(scores.shape[1], reference[overlap].shape[1])
                    gap = scores[:, :same] - reference[overlap][:, :same]
                    error = f"{gap.abs().max():.1e}"
                print(
                    f"{threads:>7}{count:>9}  {scheme:10}{took:8.2f}"
                    f"{took / args.seconds:8.3f}{grown:7.0f}{share:9.2f}"
                    f"{error:>10}",
                    flush=True,
                )
        print(
            "        peak, GFLOP/CPU s: "
            + ", ".join(f"{n} {v / 1e9:.0f}" for n, v in reached.items())
        )


def long_recording(detector, hours):
    """How memory and time grow with the length of a recording."""
    names = phrases(1, detector)
    for part in (hours / 10, hours):
        blocks = int(part * 3600 / 10)
        rate = detector.spec.sample_rate
        noise = np.random.default_rng(0).normal(0, 0.1, 10 * rate)
        noise = noise.astype(np.float32)

        def open_sound(blocks=blocks, noise=noise, rate=rate):
            return Sound(
                "noise", rate, 10.0 * blocks, lambda: iter([noise] * blocks)
            )

        def listen(open_sound=open_sound):
            for _ in detect_sounds(
                detector, [("noise", open_sound)], names, columns=0
            ):
                pass

        took, grown, _ = seconds(listen)
        print(
            f"{part:g} hours, 1 phrase: {took:.0f} CPU s, RTF "
            f"{took / part / 3600:.4f}, memory grew by {grown:.0f} MiB"
        )


def first_frames(detector):
    """When a stream's first frames are final."""
    rate = detector.spec.sample_rate
    rng = np.random.default_rng(0)
    block = rng.normal(0, 0.1, rate // 10).astype(np.float32)
    for overlap in (0.0, 0.5, 0.75, 0.9):
        stream = detector.stream(
            phrases(1, detector), rate, median_seconds=0, overlap=overlap
        )
        for number in range(1, 600):
            begin = time.process_time()
            stream.feed(block)
            took = time.process_time() - begin
            if len(stream.scores):
                print(
                    f"stream, overlap {overlap:g}: first frames are final "
                    f"after {number / 10:.1f} s of sound, {1e3 * took:.0f} CPU "
                    "ms after its last block"
                )
                break


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--model", help="in place of random weights")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--phrases", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--schemes",
        nargs="+",
        default=["fp32@0", "official", "fp32", "bf16"],
        help="official, fp32, bf16, onnx, int8; fp32@0.25: at that overlap",
    )
    parser.add_argument("--hours", type=float, default=0.1)
    args = parser.parse_args()
    kinds = {one.partition("@")[0] for one in args.schemes}
    if unknown := kinds - {"official", "fp32", "bf16", "onnx", "int8"}:
        parser.error(f"no such scheme: {', '.join(sorted(unknown))}")
    if args.model is None:
        detector = build(args.size)
    else:
        detector = SoundEventDetector.from_source(args.model, {"device": "cpu"})
    with tempfile.TemporaryDirectory() as folder:
        compare(args, detector, Path(folder))
    torch.set_num_threads(1)
    long_recording(detector, args.hours)
    first_frames(detector)


if __name__ == "__main__":
    main()
