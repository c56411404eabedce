"""An epoch of CoOp with features that are kept, and with audio heard anew.

Both train the same prompt on the same clips in the same order, with CLAP's
towers of a chosen share of the released size and random weights. One hears
every clip in every step, as the original code does; the other hears each
once, before. Losses have to be the same.

> python benchmarks/sept.py [--threads 1] [--clips 32] [--epochs 2]
"""

import argparse
import time

import torch

from speechbrain_opensed.lobes.prompts import CoOp
from speechbrain_opensed.lobes.prompts.alm_clap import ClapTower

# Half the released towers' widths and blocks, so that it takes a minute.
SIZES = dict(
    projection_dim=256,
    text_config=dict(
        vocab_size=2000,
        hidden_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=768,
    ),
    audio_config=dict(
        patch_embeds_hidden_size=48,
        hidden_size=384,
        depths=[1, 1, 3, 1],
        num_attention_heads=[2, 4, 8, 16],
        projection_dim=256,
    ),
)
NAMES = ("dog", "rooster", "pouring water", "door knock", "siren", "rain")


def train(tower, embed, clips, targets, epochs, batch_size):
    """Seconds of each epoch, and losses of all steps."""
    learner = CoOp(tower, NAMES, context=16, seed=0)
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.05, momentum=0.9)
    seconds, losses = [], []
    for epoch in range(epochs):
        order = torch.randperm(
            len(clips), generator=torch.Generator().manual_seed(epoch)
        )
        start = time.perf_counter()
        for rows in order.split(batch_size):
            (loss,) = learner(embed(clips[rows]), targets[rows]).values()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return seconds, torch.tensor(losses)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    tower = ClapTower(SIZES)
    samples = round(args.seconds * tower.sample_rate)
    wavs = 0.1 * torch.randn(args.clips, samples)
    targets = torch.arange(args.clips) % len(NAMES)
    options = (targets, args.epochs, args.batch_size)

    heard, losses = train(tower, tower.encode_audio, wavs, *options)
    start = time.perf_counter()
    features = torch.cat(
        [tower.encode_audio(part) for part in wavs.split(args.batch_size)]
    )
    once = time.perf_counter() - start
    kept, same = train(tower, lambda rows: rows, features, *options)

    print(
        f"{args.clips} clips of {args.seconds:g} s, {len(NAMES)} classes, "
        f"{args.threads} threads; features are computed once in {once:.1f} s"
    )
    print(f"{'an epoch of CoOp':20}{'seconds':>9}{'ratio':>7}")
    for name, seconds in (("audio anew", heard), ("features kept", kept)):
        print(f"{name:20}{min(seconds):9.2f}{min(heard) / min(seconds):7.1f}")
    error = (losses - same).abs().max().item()
    print(f"largest difference of a step's loss: {error:.1e}")


if __name__ == "__main__":
    main()
