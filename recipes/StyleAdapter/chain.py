#!/usr/bin/env python3
"""Where the style is lost, place by place, in a model of the demonstration.

To run it, after demo.py:
> python chain.py results/StyleAdapter/demo/adapter [clips [scale ...]]

Real clips, real clips through the codec, what a linear classifier finds in the
reference encoder's output and in the style, how much of the loss the style
explains at each noise level, and the timbre of what is generated with several
scales of guidance. All on validation clips: settings may be chosen by it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import sys
from pathlib import Path

import torch
from demo import Evaluation
from lhotse import CutSet

from lhotse_recipes.io import write_json
from speechbrain_opensed.dataio.style.data import StyleDataset
from speechbrain_opensed.inference import StyleTransferGenerator
from speechbrain_opensed.lobes.style.diffusion import build_scheduler
from speechbrain_opensed.lobes.style.fusion import masked_mean
from speechbrain_opensed.training.hparams import load_hparams

TIMES = (900, 700, 500, 300)
SCALES = (1.0, 2.5, 4.0, 6.0)


def probe(train, labels, test, wanted) -> float:
    """Share of the test vectors that a linear classifier puts right."""
    classes = sorted(set(labels))
    mean, std = train.mean(0), train.std(0).clamp(min=1e-6)

    def wide(rows):
        rows = (rows - mean) / std
        return torch.cat([rows, torch.ones(len(rows), 1)], 1)

    targets = torch.tensor([classes.index(label) for label in labels])
    goal = 2.0 * torch.nn.functional.one_hot(targets) - 1
    inputs = wide(train)
    ridge = inputs.T @ inputs + torch.eye(inputs.shape[1])
    weights = torch.linalg.solve(ridge, inputs.T @ goal)
    found = (wide(test) @ weights).argmax(1)
    right = [
        classes[k] == label for k, label in zip(found, wanted, strict=True)
    ]
    return sum(right) / len(right)


@torch.no_grad()
def embed(generator, references, seconds, text):
    """Vectors of the encoder and of the style, and the labels."""
    adapter, rate = generator.mods.adapter, generator.sample_rate
    rows, labels = [], []
    for cut in references:
        wave = torch.from_numpy(cut.load_audio()[0])[: int(seconds * rate)]
        rows.append(wave)
        labels.append(cut.label)
    waves = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    tokens, mask = adapter.encoder(waves)
    states, text_mask = generator.mods.text_encoder([text] * len(waves))
    style = adapter.style(states, text_mask, waves)
    return masked_mean(tokens, mask), style, labels


@torch.no_grad()
def losses(generator, batches, time):
    """Squared error of the velocity at one step, with each kind of style."""
    schedule = build_scheduler("ddpm")
    unet, adapter = generator.mods.unet, generator.mods.adapter
    codec, result = generator.mods.codec, {}
    for kind, batch in batches.items():
        noise_of = torch.Generator().manual_seed(0)
        latents, _ = codec.encode(codec.mel(batch.wavs))
        noise = torch.randn(latents.shape, generator=noise_of)
        times = torch.full((len(latents),), time)
        states, mask = generator.mods.text_encoder(batch.captions)
        style = adapter.style(
            states, mask, batch.references, lens=batch.reference_lens
        )
        with adapter.styled(style, batch.keep_style):
            out = unet(
                schedule.add_noise(latents, noise, times),
                times,
                states,
                encoder_attention_mask=mask,
            ).sample
        wanted = schedule.get_velocity(latents, noise, times)
        result[kind] = round((out - wanted).square().mean().item(), 4)
    return result


def main() -> None:
    """Prints the chain, and writes it beside the model."""
    run = Path(sys.argv[1])
    clips = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    scales = [float(scale) for scale in sys.argv[3:]] or SCALES
    hparams = load_hparams(run / "hyperparams.yaml")
    generator = StyleTransferGenerator.from_hparams(run / "generator")
    evaluation = Evaluation(hparams, part="valid")
    chain = {}
    codec, real = generator.mods.codec, evaluation.real[:clips]
    latents, _ = codec.encode(codec.mel(real))
    decoded = codec.wave(codec.decode(latents))[:, : real.shape[1]]
    for name, waves in {"real": real, "through the codec": decoded}.items():
        chain[name] = evaluation.right(waves)

    seconds = hparams["ref_seconds"]
    parts = [
        embed(generator, CutSet.from_file(hparams[key]), seconds, "a sound")
        for key in ("train_references", "valid_references")
    ]
    (train, train_style, labels), (valid, valid_style, wanted) = parts
    chain["encoder, linear"] = probe(train, labels, valid, wanted)
    chain["style, linear"] = probe(train_style, labels, valid_style, wanted)

    cuts = CutSet.from_cuts(list(evaluation.cuts)[:clips])
    batches = {
        kind: StyleDataset(
            evaluation.references, evaluation.spec, seconds, reference=kind
        )[cuts]
        for kind in ("own", "shuffled", "none")
    }
    for time in TIMES:
        chain[f"loss at {time}"] = losses(generator, batches, time)
    for kind in ("own", "shuffled"):
        for scale in scales if kind == "own" else scales[-1:]:
            settings = {**hparams["sampling"], "guidance_style": scale}
            waves = evaluation.generated(generator, kind, clips, settings)
            name = f"generated, {kind}, style {scale:g}"
            chain[name] = evaluation.right(waves)
    for name, value in chain.items():
        print(f"{name:32}{value}")
    write_json(run / "chain.json", chain)


if __name__ == "__main__":
    main()
