"""CoOp and CoCoOp: learned vectors in front of class names.

Papers: https://arxiv.org/abs/2109.01134 (CoOp) and
https://arxiv.org/abs/2203.05557 (CoCoOp).

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.base import (
    PromptLearner,
    canonical_name,
)

__all__ = ["CoCoOp", "CoOp"]


class CoOp(PromptLearner):
    """One context that all classes share: start, context, name, end.

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    names : sequence of str
        The classes.
    context : int or str
        How many vectors, drawn from N(0, 0.02²); or a text whose tokens'
        vectors are the start, such as "this is a sound of".
    ending : str
        What follows each name; "." in the paper.
    seed : int
        Of the draw.
    prompts_at_once : int
        Prompts in one pass of the tower; more are encoded in parts, in
        bounded memory.

    Raises
    ------
    ValueError
        If a class is too long for the tower, see there.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> learner = CoOp(tower, ["dog", "cat", "rain"], context=4)
    >>> clips = tower.encode_audio(torch.rand(2, 16000))
    >>> learner(clips).shape
    torch.Size([2, 3])
    >>> sorted(learner(clips, torch.tensor([0, 1])))
    ['cross_entropy']
    >>> learner.set_classes(["wind", "sea waves"])
    >>> learner(clips).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        tower: AudioLanguageModel,
        names: Sequence[str],
        context: int | str = 16,
        *,
        ending: str = ".",
        seed: int = 0,
        prompts_at_once: int = 512,
    ):
        super().__init__(tower, names)
        self.ending = ending
        self.prompts_at_once = prompts_at_once
        self.ctx = nn.Parameter(_initial(tower, context, seed))
        self._ids: dict[str, list[int]] = {}
        self.check_names(self.names)

    def check_names(self, names: Sequence[str]) -> None:
        """Raises a ValueError for names that cannot be encoded."""
        new = [n for n in dict.fromkeys(names) if n not in self._ids]
        # In the middle of a prompt, words begin with a space.
        texts = [f" {canonical_name(n)}{self.ending}" for n in new]
        if new:
            ids = self.tower.tokenize(texts, reserved=len(self.ctx))
            self._ids.update(zip(new, ids, strict=True))

    def prompts(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Puts prompts together.

        Arguments
        ---------
        names : sequence of str
            At least one.

        Returns
        -------
        torch.Tensor
            `[names, tokens, width]`.
        torch.Tensor
            1 for tokens and 0 for padding, `[names, tokens]`.
        """
        self.check_names(names)
        return self.tower.assemble([self._ids[n] for n in names], self.ctx)

    def encode_names(
        self, names: Sequence[str], normalize: bool = True
    ) -> Tensor:
        """Embeds any names as they are now prompted, with gradients.

        Arguments
        ---------
        names : sequence of str
            At least one.
        normalize : bool
            Whether to bring them to norm 1.

        Returns
        -------
        torch.Tensor
            `[names, embed_dim]`.
        """
        return self._encode(*self.prompts(names), normalize)

    def _encode(self, embeds, mask, normalize=True):
        """So many prompts at once, in bounded memory.

        Where gradients are taken and there are several parts, each is
        computed a second time on the way back, instead of being kept.
        """

        def encode(embeds, mask):
            return self.tower.encode_embeds(embeds, mask, normalize)

        at_once = self.prompts_at_once
        parts = list(
            zip(embeds.split(at_once), mask.split(at_once), strict=True)
        )
        if len(parts) > 1 and torch.is_grad_enabled():
            rows = [checkpoint(encode, *p, use_reentrant=False) for p in parts]
        else:
            rows = [encode(*part) for part in parts]
        return torch.cat(rows)


class CoCoOp(CoOp):
    """A context that each clip shifts, by what a small network hears in it.

    The tower encodes all classes anew for each clip; all prompts of a batch
    go through it together, in parts.

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    names : sequence of str
        The classes.
    regularize_at : str
        Which context regularisers see, which encode names for no clip in
        particular: `mean`, shifted by the mean over the batch, or `context`,
        not shifted. Without a clip, :meth:`encode_names` does not shift.
    seed : int
        Of the draw of context and network.
    **options
        Those of :class:`CoOp`.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> learner = CoCoOp(tower, ["dog", "cat", "rain"], context=4)
    >>> learner(tower.encode_audio(torch.rand(2, 16000))).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        tower: AudioLanguageModel,
        names: Sequence[str],
        regularize_at: str = "mean",
        seed: int = 0,
        **options: Any,
    ):
        super().__init__(tower, names, seed=seed, **options)
        if regularize_at not in ("mean", "context"):
            raise ValueError(
                f"regularize_at is {regularize_at!r}: choose 'mean' or "
                "'context'"
            )
        self.regularize_at = regularize_at
        hidden = max(1, tower.embed_dim // 16)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.meta_net = nn.Sequential(
                nn.Linear(tower.embed_dim, hidden),
                nn.ReLU(),
                nn.Linear(hidden, tower.width),
            )
        self._shift: Tensor | None = None

    def shifts(self, clips: Tensor) -> Tensor:
        """What each clip adds to the context, `[batch, width]`."""
        return self.meta_net(F.normalize(clips.float(), dim=-1))

    def prompts(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Puts prompts together; see :class:`CoOp`."""
        embeds, mask = super().prompts(names)
        if self._shift is None:
            return embeds, mask
        return self._shifted(embeds, self._shift), mask

    def logits(self, clips: Tensor) -> Tensor:
        """Scores of the classes, `[batch, classes]`."""
        embeds, mask = super().prompts(self.names)
        k, length, width = embeds.shape
        shift = self.shifts(clips)[:, None, None]
        embeds = self._shifted(embeds, shift).reshape(-1, length, width)
        z = self._encode(embeds, mask.repeat(len(clips), 1))
        return self.similarity(clips, z.view(len(clips), k, -1))

    def losses(
        self, clips: Tensor, labels: Tensor, regularizers: Mapping
    ) -> dict[str, Tensor]:
        """Parts of the loss; see :class:`PromptLearner`."""
        losses = {"cross_entropy": F.cross_entropy(self.logits(clips), labels)}
        if not regularizers:
            return losses
        shift = None
        if self.regularize_at == "mean":
            shift = self.shifts(clips).mean(dim=0)
        with self._shifted_by(shift):
            z = self.encode_names(self.names)
            return {**losses, **self.regularize(z, regularizers)}

    def _shifted(self, embeds, shift):
        """Prompts `[..., names, tokens, width]` with another context."""
        place = torch.zeros(embeds.shape[-2], 1, device=embeds.device)
        place[1 : 1 + len(self.ctx)] = 1
        return embeds + place * shift

    @contextmanager
    def _shifted_by(self, shift) -> Iterator[None]:
        self._shift = shift
        try:
            yield
        finally:
            self._shift = None


def _initial(tower, context, seed):
    if isinstance(context, str):
        (ids,) = tower.tokenize([context])
        ids = torch.tensor(ids, device=tower.device)
        return tower.embed_tokens(ids).detach().float().clone()
    if context < 1:
        raise ValueError(f"context {context}: give 1 vector or more")
    draw = torch.Generator().manual_seed(seed)
    vectors = torch.randn(context, tower.width, generator=draw)
    return (0.02 * vectors).to(tower.device)
