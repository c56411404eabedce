#!/usr/bin/env python3
"""The demonstration: generate sounds in the timbre of a reference.

To run it:
> python demo.py [any override of hparams/demo.yaml]

A small latent diffusion model learns to generate "a low pulsing sound" in
any of five timbres; then its weights are frozen and a style adapter learns to
take the timbre from a reference. Two classifiers of real sounds judge whether
it does, and whether the caption is still right. What comes out lies in
results/StyleAdapter/demo.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from generation import generate_clips
from lhotse import CutSet
from listeners import train_listener
from sheet import draw_sheet

from lhotse_recipes.io import write_json
from lhotse_recipes.schema import captions_of
from speechbrain_opensed.dataio.style.caches import load_clips
from speechbrain_opensed.dataio.style.data import StyleDataset
from speechbrain_opensed.inference import StyleTransferGenerator
from speechbrain_opensed.inference.waves import write_wave
from speechbrain_opensed.metrics.generation import GenerationStats
from speechbrain_opensed.plotting.listening_page import (
    Take,
    Trial,
    write_listening_page,
)
from speechbrain_opensed.training.hparams import load_hparams

HERE = Path(__file__).resolve().parent
OUTPUT = Path("results/StyleAdapter/demo")
BASE, ADAPTER, DATA = OUTPUT / "base", OUTPUT / "adapter", OUTPUT / "data"
YAML = HERE / "hparams" / "demo.yaml"
# The base model learns more, and for longer, than its adapter.
BASE_EPOCHS = 24
BASE_OVERRIDES = {
    "trained": "unet",
    "reference": "none",
    "drop_both": 0.1,
    "drop_text": 0.0,
    "drop_style": 0.0,
    "number_of_epochs": BASE_EPOCHS,
    "lr": 0.001,
}
SHOWN = ["a low pulsing sound", "a mid rising sound", "a high steady sound"]
# Without these the C library gives memory back after each step of training,
# to ask for it again in the next.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
}


def train(folder: Path, overrides: list[str], **more) -> None:
    """Runs the recipe as a user would."""
    bf16 = torch.cpu._is_avx512_bf16_supported()
    settings = {
        "output_folder": folder,
        "data_folder": DATA,
        "cache_folder": OUTPUT / "cache",
        "precision": "bf16" if bf16 else "fp32",
        **more,
    }
    flags = [f"--{name}={value}" for name, value in settings.items()]
    subprocess.run(
        [sys.executable, HERE / "train.py", YAML, *flags, *overrides],
        check=True,
        env={**KEEP_MEMORY, **os.environ},
    )


def said(cuts) -> list[str]:
    """The caption of each cut."""
    return [captions_of(cut)[0].text for cut in cuts]


class Evaluation:
    """Judges sets of waves that were made for the clips of a part."""

    def __init__(self, hparams, part: str = "test"):
        train = CutSet.from_file(hparams["train_cuts"]).to_eager()
        self.cuts = CutSet.from_file(hparams[f"{part}_cuts"]).to_eager()
        self.references = CutSet.from_file(hparams[f"{part}_references"])
        self.hparams, self.spec = hparams, hparams["spec"]
        real = load_clips(train, self.spec)
        self.styles = [cut.style for cut in self.cuts]
        self.captions = said(self.cuts)
        self.timbre = train_listener(real, [cut.style for cut in train])
        self.caption = train_listener(real, said(train))
        self.real = load_clips(self.cuts, self.spec)

    def right(self, waves) -> dict[str, float]:
        """Shares of clips whose timbre and caption are right."""
        heard = {"timbre": self.timbre, "caption": self.caption}
        wanted = {"timbre": self.styles, "caption": self.captions}
        return {
            name: sum(map(str.__eq__, listener.names(waves), wanted[name]))
            / len(waves)
            for name, listener in heard.items()
        }

    def scores(self, waves) -> dict[str, float]:
        """Shares of clips that are right, and distances from real ones."""
        count = len(waves)
        stats = GenerationStats({"timbre": self.timbre})
        names = [cut.id for cut in self.cuts][:count]
        stats.append(names, waves)
        stats.append(names, self.real[:count], role="real")
        return {
            **self.right(waves),
            **{k: stats.summarize(f"{k}_timbre") for k in ("FD", "KL", "IS")},
        }

    def dataset(self, reference: str) -> StyleDataset:
        """The clips with their own references, shuffled ones or none."""
        return StyleDataset(
            self.references,
            self.spec,
            self.hparams["ref_seconds"],
            reference=reference,
        )

    def generated(
        self, generator, reference: str, clips: int, sampling=None
    ) -> torch.Tensor:
        """Waves for the first clips, `[clips, samples]`."""
        made = generate_clips(
            generator,
            self.dataset(reference),
            list(self.cuts)[:clips],
            **(sampling or self.hparams["sampling"]),
        )
        return torch.cat([waves for _, waves in made])


def show(evaluation, generator, out: Path) -> None:
    """The same noise and caption in each timbre, as sheet and as waves."""
    rows, rate = {}, generator.sample_rate
    references = {cut.label: cut for cut in evaluation.references}
    for style, cut in references.items():
        sound = torch.from_numpy(cut.load_audio()[0])
        waves, _ = generator.generate(
            SHOWN,
            sound,
            duration_s=evaluation.spec.window_seconds,
            seed=1,
            **evaluation.hparams["sampling"],
        )
        rows[style] = [sound, *waves]
        write_wave(out / "waves" / f"{style} reference.wav", sound, rate)
        for text, wave in zip(SHOWN, waves, strict=True):
            write_wave(out / "waves" / f"{style} - {text}.wav", wave, rate)
    draw_sheet(out / "sheet.png", rows, ["reference", *SHOWN], rate)


def write_page(path, evaluation, waves, clips: int, rate: int) -> None:
    """Test clips of each timbre, to compare by ear with their reference."""
    dataset = evaluation.dataset("own")
    count = min(map(len, waves.values()))
    trials, shown = [], dict.fromkeys(evaluation.styles, 0)
    for row, cut in enumerate(list(evaluation.cuts)[:count]):
        if shown[cut.style] == clips:
            continue
        shown[cut.style] += 1
        reference = dataset.reference_of(cut).load_audio()[0]
        takes = [
            Take(name, some[row].numpy(), rate) for name, some in waves.items()
        ]
        words = f"{evaluation.captions[row]} ({cut.style})"
        trials.append(Trial(words, takes, [Take("reference", reference, rate)]))
    write_listening_page(path, trials, "Sounds in the timbre of a reference")


def main() -> None:
    """Runs all of it and prints one table."""
    start = time.monotonic()
    overrides = sys.argv[1:]
    train(BASE, overrides, **BASE_OVERRIDES)
    train(ADAPTER, overrides, pretrained=BASE / "generator")
    hparams = load_hparams(ADAPTER / "hyperparams.yaml")
    evaluation = Evaluation(hparams)
    generator = StyleTransferGenerator.from_hparams(ADAPTER / "generator")
    codec, clips = generator.mods.codec, min(75, len(evaluation.cuts))
    latents, _ = codec.encode(codec.mel(evaluation.real[:clips]))
    again = codec.wave(codec.decode(latents))
    waves = {
        "real clips": evaluation.real,
        "real, through the codec": again[:, : evaluation.real.shape[1]],
        "own references": evaluation.generated(generator, "own", clips),
        "shuffled references": evaluation.generated(
            generator, "shuffled", clips
        ),
        "no references (base)": evaluation.generated(generator, "none", clips),
    }
    results = {name: evaluation.scores(some) for name, some in waves.items()}
    results["minutes"] = round((time.monotonic() - start) / 60, 1)
    results["cpu_minutes"] = round(sum(os.times()[:4]) / 60, 1)
    show(evaluation, generator, OUTPUT)
    heard = {name: waves[name] for name in list(waves)[2:]}
    page = OUTPUT / "listen.html"
    write_page(page, evaluation, heard, 2, generator.sample_rate)
    write_json(OUTPUT / "results.json", results)

    columns = ("timbre", "caption", "FD", "KL", "IS")
    print("\n" + " " * 24 + "".join(f"{name:>9}" for name in columns))
    for name in waves:
        row = "".join(f"{results[name][column]:9.2f}" for column in columns)
        print(f"{name:24}{row}")
    chance = 1 / len(evaluation.timbre.classes)
    events = len(evaluation.caption.classes)
    print(f"chance: timbre {chance:.2f}, caption {1 / events:.2f}")
    print(
        f"\n{results['minutes']} minutes, {results['cpu_minutes']} of CPU; "
        f"in {OUTPUT}:\n  results.json  listen.html  sheet.png  waves/"
    )
    model = ADAPTER / "generator"
    print('  try: opensed generate "a low falling sound" -o out.wav', end=" ")
    print(f"-r YOUR.wav --model {model}")


if __name__ == "__main__":
    main()
