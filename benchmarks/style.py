#!/usr/bin/env python3
"""Styled generation: 200 ancestral steps against 20 of a solver; caches.

With the model of `make demo-style`, clips are generated with DDPM in 200
steps and with DPM-Solver++ in 20, and compared with real test clips by the
Fréchet distance over a fixed random encoder; a training step is timed with
and without cached latents and text states. For the released size of Tango,
floating-point operations are counted without computing anything.

> make demo-style
> python benchmarks/style.py [--demo results/StyleAdapter/demo] [--clips 50]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch
from lhotse import CutSet
from torch.utils.flop_counter import FlopCounterMode

from speechbrain_opensed.checkpoints.tango_layout import SIZES
from speechbrain_opensed.dataio.style.caches import cache_latents, cache_texts
from speechbrain_opensed.dataio.style.data import StyleDataset
from speechbrain_opensed.inference import StyleTransferGenerator
from speechbrain_opensed.lobes.style.adapter import StyleAdapter
from speechbrain_opensed.lobes.style.codec import sample_latent
from speechbrain_opensed.lobes.style.diffusion import build_scheduler
from speechbrain_opensed.lobes.style.reference_encoder import ReferenceEncoder
from speechbrain_opensed.lobes.style.unet import StyledUNet
from speechbrain_opensed.losses import velocity_loss
from speechbrain_opensed.metrics.generation import GenerationStats
from speechbrain_opensed.metrics.generation.encoding import RandomEncoder

SAMPLERS = {"DDPM, 200 steps": ("ddpm", 200), "DPM++, 20 steps": ("dpm", 20)}
DUAL = 3  # passes of the U-Net per step


def peak_mib() -> float:
    """Largest resident set of this process so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def flops(function) -> float:
    """Floating-point operations of a call, in TFLOP."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops() / 1e12


class Demo:
    """The demonstration's generator and its test clips."""

    def __init__(self, folder: Path, clips: int):
        self.generator = StyleTransferGenerator.from_hparams(
            folder / "adapter" / "generator"
        )
        data = folder / "data"
        cuts = CutSet.from_file(data / "styles_cuts_test.jsonl.gz")
        self.cuts = CutSet.from_cuts(list(cuts)[:clips])
        self.references = list(
            CutSet.from_file(data / "styles_references_test.jsonl.gz")
        )
        self.spec = self.generator.spec
        self.dataset = StyleDataset(self.references, self.spec, ref_seconds=1.0)
        self.batch = self.dataset[self.cuts]

    def generate(self, scheduler: str, steps: int, clips: int, batch_size=25):
        """Waves `[clips, samples]` in the style of the clips' references."""
        return self.generator.generate(
            self.batch.captions[:clips],
            [[wave] for wave in self.batch.references[:clips]],
            duration_s=self.spec.window_seconds,
            guidance_style=2.0,
            scheduler=scheduler,
            steps=steps,
            batch_size=batch_size,
        )[0]

    def tflop(self, scheduler: str, steps: int) -> float:
        """TFLOP of one clip, from those of one and of two steps."""
        one, two = (
            flops(lambda n=n: self.generate(scheduler, n, 1)) for n in (1, 2)
        )
        return one + (steps - 1) * (two - one)

    def distance(self, waves) -> float:
        """Fréchet distance from the real clips."""
        stats = GenerationStats({"random": RandomEncoder(dim=16)})
        stats.append(self.batch.ids, waves)
        stats.append(self.batch.ids, self.batch.wavs, role="real")
        return stats.summarize("FD_random")

    def training_step(self, folder: Path, cached: bool) -> float:
        """Seconds of a step of 16 clips: data, forward and backward."""
        codec, text_encoder, unet, adapter = (
            self.generator.mods[name]
            for name in ("codec", "text_encoder", "unet", "adapter")
        )
        caches = {}
        if cached:
            caches = {
                "latents": cache_latents(folder, self.cuts, codec, self.spec),
                "texts": cache_texts(folder, self.cuts, text_encoder),
            }
        dataset = StyleDataset(
            self.references, self.spec, ref_seconds=1.0, **caches
        )
        net = StyledUNet(unet, adapter).train()
        net.set_trained("adapter_only")
        cuts = CutSet.from_cuts(list(self.cuts)[:16])

        def step():
            batch = dataset[cuts]
            mean, logvar = batch.mean, batch.logvar
            states, mask = batch.text_states, batch.text_mask
            if not cached:
                # What the text encoder remembers would be a cache as well.
                text_encoder._cache.clear()
                mean, logvar = codec.encode(codec.mel(batch.wavs))
                states, mask = text_encoder(batch.captions)
            _learn(net, sample_latent(mean, logvar), states, mask, batch)

        step()
        start = time.process_time()
        for _ in range(5):
            step()
        return (time.process_time() - start) / 5


def _learn(net, latents, states, mask, batch) -> None:
    schedule = build_scheduler("ddpm", 1)
    noise = torch.randn_like(latents)
    steps = torch.randint(1000, (len(latents),), device="cpu")
    moved = steps.to(latents.device)
    predicted = net(
        schedule.add_noise(latents, noise, steps),
        moved,
        states,
        mask,
        batch.references,
        batch.reference_lens,
        batch.keep_style,
    )
    velocity = schedule.get_velocity(latents, noise, steps)
    velocity_loss(predicted, velocity, torch.ones(len(latents))).backward()


def released_tflops() -> dict[str, float]:
    """TFLOP of the parts of Tango for ten seconds, and of its adapter."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5Config,
        T5EncoderModel,
    )

    with torch.device("meta"):
        unet = UNet2DConditionModel(**SIZES["unet"])
        vae = AutoencoderKL(**SIZES["vae"])
        vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(**SIZES["vocoder"]))
        text = T5EncoderModel(T5Config(**SIZES["text_encoder"]))
        latents = torch.empty(1, 8, 256, 16)
        mel, states = torch.empty(1, 1, 1024, 64), torch.empty(1, 20, 1024)
        tokens = torch.zeros(1, 20, dtype=torch.long)
        step = torch.zeros(1, dtype=torch.long)
    adapter = StyleAdapter(unet, ReferenceEncoder())
    adapter.detach()

    def backward():
        unet(latents, step, states).sample.sum().backward()

    def encode_reference():
        adapter.style(torch.rand(1, 20, 1024), None, torch.rand(1, 32000))

    with torch.no_grad():
        counts = {
            "U-Net": flops(lambda: unet(latents, step, states)),
            "decoder": flops(lambda: vae.decode(latents)),
            "vocoder": flops(lambda: vocoder(mel[:, 0])),
            "encoder": flops(lambda: vae.encode(mel)),
            "T5": flops(lambda: text(tokens)),
            "reference": flops(encode_reference),
        }
    counts["U-Net, both ways"] = flops(backward)
    return counts


def memory_of(arguments, name: str) -> float:
    """Peak of the resident set, in a process of its own, in MiB."""
    command = [sys.executable, __file__, "--memory-of", name]
    command += ["--demo", str(arguments.demo), "--clips", "1"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout.strip().splitlines()[-1])


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path("results/StyleAdapter/demo")
    parser.add_argument("--demo", type=Path, default=folder)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    demo = Demo(arguments.demo, max(16, arguments.clips))
    if arguments.memory_of:
        before = peak_mib()
        demo.generate(*SAMPLERS[arguments.memory_of], 1)
        print(peak_mib() - before)
        return

    print(f"{'demonstration':24}{'CPU s/clip':>12}{'TFLOP/clip':>12}", end="")
    print(f"{'FD':>8}{'MiB more':>10}")
    for name, (scheduler, steps) in SAMPLERS.items():
        start = time.process_time()
        waves = demo.generate(scheduler, steps, len(demo.cuts))
        seconds = (time.process_time() - start) / len(waves)
        print(
            f"{name:24}{seconds:12.2f}{demo.tflop(scheduler, steps):12.4f}"
            f"{demo.distance(waves):8.2f}{memory_of(arguments, name):10.0f}",
            flush=True,
        )
    caches = arguments.demo / "cache" / "benchmark"
    for cached in (True, False):
        seconds = demo.training_step(caches, cached)
        where = "cached" if cached else "computed"
        print(f"training step of 16 clips, latents {where}: {seconds:.3f} s")

    counts = released_tflops()
    whole = counts["decoder"] + counts["vocoder"] + counts["T5"]
    whole += counts["reference"]
    print("\nTango's size, ten seconds, counted (TFLOP):")
    for name, count in counts.items():
        print(f"  {name:22}{count:8.3f}")
    for name, (_, steps) in SAMPLERS.items():
        total = whole + DUAL * steps * counts["U-Net"]
        print(f"  {name:22}{total:8.1f}  with dual guidance")
    step = counts["U-Net, both ways"] + 3 * counts["reference"]
    print(f"  training, cached      {step:8.2f}")
    step += counts["encoder"] + counts["T5"]
    print(f"  training, computed    {step:8.2f}")


if __name__ == "__main__":
    main()
