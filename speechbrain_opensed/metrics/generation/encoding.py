"""What metrics of generated sound need to know about an encoder.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechbrain_opensed.lobes.style.codec import LogMel

__all__ = ["AudioEncoder", "Encoding", "ModuleEncoder", "RandomEncoder"]


@dataclass(frozen=True)
class Encoding:
    """What an encoder hears in a batch of sounds.

    Arguments
    ---------
    embedding : torch.Tensor
        One vector per sound, `[batch, dim]`.
    frames : torch.Tensor, optional
        Vectors of short frames, `[batch, frames, dim]`.
    logits : torch.Tensor, optional
        Of a classifier, `[batch, classes]`.

    Example
    -------
    >>> Encoding(torch.zeros(2, 8)).logits is None
    True
    """

    embedding: Tensor
    frames: Tensor | None = None
    logits: Tensor | None = None


class AudioEncoder(nn.Module):
    """Base of frozen encoders that generated sounds are judged by.

    A subclass defines `encode(wavs)`, from `[batch, samples]` at
    `sample_rate` to an :class:`Encoding`, and, where it has an encoder of
    text in the same space, `text(prompts) -> [prompts, dim]`.

    Arguments
    ---------
    sample_rate : int
        In Hz, of the waves that it takes.

    Example
    -------
    >>> class Loudness(AudioEncoder):
    ...     def encode(self, wavs):
    ...         return Encoding(wavs.abs().mean(1, keepdim=True))
    >>> Loudness(16000)(torch.ones(2, 8)).embedding.shape
    torch.Size([2, 1])
    """

    hears_text = False

    def __init__(self, sample_rate: int):
        super().__init__()
        self.sample_rate = sample_rate

    def train(self, mode: bool = True) -> "AudioEncoder":
        """Stays in `eval`: it is frozen."""
        return super().train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`."""
        raise TypeError(f"{type(self).__name__} has to define encode()")

    def text(self, prompts: Sequence[str]) -> Tensor:
        """Embeds prompts: `[prompts, dim]`."""
        raise TypeError(f"{type(self).__name__} embeds no text")

    @torch.no_grad()
    def forward(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]` without gradients."""
        self.train(False)
        return self.encode(wavs)


class ModuleEncoder(AudioEncoder):
    """Any module from waves to embeddings, and its classifier if it has one.

    Arguments
    ---------
    module : torch.nn.Module
        From `[batch, samples]` to `[batch, dim]` or `[batch, frames, dim]`;
        frames are averaged for the embedding.
    sample_rate : int
        In Hz.
    head : torch.nn.Module, optional
        From `[batch, dim]` to logits `[batch, classes]`.

    Example
    -------
    >>> encoder = ModuleEncoder(nn.Linear(800, 4), 16000, nn.Linear(4, 3))
    >>> encoder(torch.rand(2, 800)).logits.shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        module: nn.Module,
        sample_rate: int = 16000,
        head: nn.Module | None = None,
    ):
        super().__init__(sample_rate)
        self.module = module
        self.head = head
        self.train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`."""
        values = self.module(wavs)
        frames = values if values.ndim == 3 else None
        embedding = values if frames is None else values.mean(dim=1)
        logits = None if self.head is None else self.head(embedding)
        return Encoding(embedding, frames, logits)


class RandomEncoder(AudioEncoder):
    """Fixed random convolutions over a spectrogram: nothing to fetch.

    Random features tell sets of sounds apart, though not as people do: for
    tests, and to compare runs with each other where no trained encoder is.

    Arguments
    ---------
    dim : int
        Width of the embeddings.
    classes : int
        Logits of as many random classes.
    seed : int
        Of the weights.
    sample_rate : int
        In Hz.

    Example
    -------
    >>> encoding = RandomEncoder(dim=16)(torch.rand(2, 16000))
    >>> encoding.embedding.shape, encoding.frames.shape
    (torch.Size([2, 16]), torch.Size([2, 13, 16]))
    """

    def __init__(
        self,
        dim: int = 64,
        classes: int = 16,
        seed: int = 0,
        sample_rate: int = 16000,
    ):
        super().__init__(sample_rate)
        self.mel = LogMel(sample_rate)
        self.layers = nn.Sequential(
            nn.Conv1d(self.mel.num_mels, 2 * dim, 5, stride=4, padding=2),
            nn.ReLU(),
            nn.Conv1d(2 * dim, dim, 5, stride=2, padding=2),
        )
        self.head = nn.Linear(dim, classes)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            fan_in = parameter[0].numel()
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise * (2 / fan_in) ** 0.5
        self.requires_grad_(False).train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`, at least 0.04 s."""
        short = self.mel.n_fft // 2 + 1 - wavs.shape[1]
        mel = self.mel(nn.functional.pad(wavs, (0, max(0, short))))[:, 0]
        frames = self.layers(mel.transpose(1, 2) / 5).transpose(1, 2)
        embedding = frames.mean(dim=1)
        return Encoding(embedding, frames, self.head(embedding))
