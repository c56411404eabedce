"""Classifiers of real sounds, to judge whether generated ones are right.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from speechbrain_opensed.lobes.style.codec import LogMel, full_scale
from speechbrain_opensed.metrics.generation.encoding import (
    AudioEncoder,
    Encoding,
)

__all__ = ["Listener", "train_listener"]

FRAMES = 4  # of 10 ms, averaged
BATCH = 50


class Listener(AudioEncoder):
    """A small convolutional classifier of clips of one length.

    Arguments
    ---------
    classes : sequence of str
        What it tells apart.
    dim : int
        Width of its embeddings.
    """

    def __init__(self, classes: Sequence[str], dim: int = 32):
        super().__init__(16000)
        self.classes = list(classes)
        self.mel = LogMel(16000)
        blocks = [nn.BatchNorm2d(1)]
        for inputs, outputs, size in ((1, 16, 5), (16, 32, 3), (32, 64, 3)):
            blocks += [
                nn.Conv2d(inputs, outputs, size, 2, size // 2),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(
            *blocks,
            nn.AdaptiveAvgPool2d((4, 8)),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * 32, dim),
            nn.ReLU(),
        )
        self.head = nn.Linear(dim, len(self.classes))

    def image(self, wavs: Tensor) -> Tensor:
        """Spectrograms `[batch, 1, frames, mels]` of 40 ms frames."""
        return F.avg_pool2d(self.mel(full_scale(wavs)), (FRAMES, 1))

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`."""
        embedding = self.layers(self.image(wavs))
        return Encoding(embedding, None, self.head(embedding))

    def names(self, wavs: Tensor) -> list[str]:
        """What each sound is taken for."""
        heard = [self(some).logits.argmax(1) for some in wavs.split(BATCH)]
        return [self.classes[int(k)] for k in torch.cat(heard)]


def train_listener(
    wavs: Tensor, labels: Sequence[str], epochs: int = 8, seed: int = 0
) -> Listener:
    """A listener that learned from real sounds.

    Arguments
    ---------
    wavs : torch.Tensor
        `[clips, samples]` at 16 kHz.
    labels : sequence of str
        What each is.
    epochs : int
        Times that each is heard.
    seed : int
        Of weights and order.

    Returns
    -------
    Listener
        Ready to judge.
    """
    torch.manual_seed(seed)
    listener = Listener(sorted(set(labels)))
    targets = torch.tensor([listener.classes.index(x) for x in labels])
    with torch.no_grad():
        images = torch.cat([listener.image(some) for some in wavs.split(BATCH)])
    rounds = max(1, len(images) // BATCH)
    optimizer = torch.optim.AdamW(listener.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=epochs * rounds
    )
    listener.layers.train()
    for _ in tqdm(range(epochs), desc=f"listener of {len(listener.classes)}"):
        for rows in torch.randperm(len(images)).tensor_split(rounds):
            shift = int(torch.randint(-4, 5, ()))
            some = images[rows].roll(shift, dims=2)
            some = some + 0.3 * torch.randn_like(some)
            logits = listener.head(listener.layers(some))
            loss = F.cross_entropy(logits, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return listener.requires_grad_(False).eval()
