#!/usr/bin/env python3
"""A training step of FineLAP against the official scheme: time and loss.

The reference encodes the phrases of one clip after the other and hears each
clip twice, once for the clip's embedding and once for its frames. This
package hears it once and reads each different text of the batch once, texts
of about one length together. Modules, weights, clips and drawn phrases are
the same, dropout is off. How many texts are different depends on the phrase
bank: two are compared, that of the procedural sounds and one of the 456
classes of AudioSet-Strong, of which a batch hardly draws a phrase twice.
Seconds are those of the processor, whatever else the machine does.

> python benchmarks/finelap.py [--threads 1] [--batch 32] [--queries 20]
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

from lhotse_recipes.soundscapes import ProceduralBank
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.phrases.cluster_negatives import index_phrases
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.losses import clip_sigmoid_loss, frame_sigmoid_loss

FRAMES = 64


def build(args) -> FineLAP:
    """A small audio encoder and a text tower of DistilRoBERTa's size."""
    torch.manual_seed(0)
    text = {
        "vocab_size": 50265,
        "hidden_size": args.text_dim,
        "num_hidden_layers": args.text_depth,
        "num_attention_heads": args.text_dim // 64,
        "intermediate_size": 4 * args.text_dim,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    model = FineLAP(
        args.audio_dim,
        args.audio_depth,
        args.audio_dim // 64,
        embed_size=args.embed_size,
        roberta=text,
        tokenizer="hash",
        drop_path=0.0,
    )
    # Without dropout, and yet with gradients.
    return model.eval()


def make_batch(phrases: list[str], args):
    """Clips, captions, and phrases with their targets."""
    rng = np.random.default_rng(0)
    rows = [
        [phrases[i] for i in rng.choice(len(phrases), args.queries, False)]
        for _ in range(args.batch)
    ]
    captions = [f"There is {a}, followed by {b}." for a, b, *_ in rows]
    targets = torch.zeros(args.batch, args.queries, FRAMES)
    targets[:, 0, :20] = targets[:, 1, 30:50] = 1.0
    wavs = 0.1 * torch.randn(args.batch, 160000)
    return wavs, captions, rows, targets


def official(model, wavs, captions, rows, targets):
    """Two passes of the audio encoder, one of the text tower per clip."""
    clip, _ = model.encode_audio(wavs)
    clip_text = model.encode_phrases(captions)
    temperature, bias = model.clip_scale
    logits = clip @ clip_text.T / temperature + bias
    sign = 2 * torch.eye(len(clip)) - 1
    clip_loss = -F.logsigmoid(sign * logits).sum() / len(clip)

    _, frames = model.encode_audio(wavs)
    phrases = torch.stack([model.encode_phrases(row) for row in rows])
    temperature, bias = model.frame_scale
    cosines = phrases @ frames.transpose(1, 2)
    scores = (cosines / temperature + bias).sigmoid()
    return clip_loss + F.binary_cross_entropy(scores, targets)


def once(model, wavs, captions, rows, targets):
    """One pass over the clips, one over the different texts."""
    texts, index, _ = index_phrases(
        [(caption, *row) for caption, row in zip(captions, rows, strict=True)]
    )
    index = torch.from_numpy(index)
    clip, frames, text = model(wavs, *model.text_encoder.tokenize(texts))
    logits = model.frame_logits(frames, text[index[:, 1:]])
    return clip_sigmoid_loss(
        clip, text[index[:, 0]], *model.clip_scale
    ) + frame_sigmoid_loss(logits, targets)


SCHEMES = {"official": official, "once": once}


def step(model, optimizer, scheme, batch) -> float:
    """Forward, backward and update, as in training."""
    loss = scheme(model, *batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--audio-dim", type=int, default=128)
    parser.add_argument("--audio-depth", type=int, default=2)
    parser.add_argument("--embed-size", type=int, default=256)
    parser.add_argument("--text-dim", type=int, default=768)
    parser.add_argument("--text-depth", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    banks = {
        "procedural": list(ProceduralBank().phrases),
        "AudioSet-Strong": list(Vocabulary.load("audioset_strong").labels),
    }
    print(
        f"{args.batch} clips of 10 s, {args.queries} phrases each, "
        f"{args.threads} threads; audio {args.audio_depth} x "
        f"{args.audio_dim}, text {args.text_depth} x {args.text_dim}"
    )
    print(
        f"{'bank':17}{'scheme':10}{'texts':>6}{'loss':>9}{'CPU s':>9}"
        f"{'ratio':>7}"
    )
    for name, phrases in banks.items():
        batch = make_batch(phrases, args)
        model = build(args)
        # The loss is that of the same weights; no step is to move them.
        optimizer = torch.optim.Adam(model.parameters(), lr=0.0, fused=True)
        seconds = {scheme: [] for scheme in SCHEMES}
        losses = {}
        # One scheme after the other in each round: what else the machine
        # does hits both.
        for round_ in range(args.repeats + 1):
            for scheme, function in SCHEMES.items():
                start = time.process_time()
                losses[scheme] = step(model, optimizer, function, batch)
                if round_:
                    seconds[scheme].append(time.process_time() - start)
        if abs(losses["once"] / losses["official"] - 1) > 1e-4:
            raise SystemExit(f"the losses differ: {losses}")
        texts = {
            "official": args.batch * (1 + args.queries),
            "once": len({*batch[1], *(p for row in batch[2] for p in row)}),
        }
        best = {scheme: min(times) for scheme, times in seconds.items()}
        for scheme in SCHEMES:
            print(
                f"{name:17}{scheme:10}{texts[scheme]:6}"
                f"{losses[scheme]:9.4f}{best[scheme]:9.2f}"
                f"{best['official'] / best[scheme]:7.2f}"
            )


if __name__ == "__main__":
    main()
