"""DePT: a linear head beside the prompts, for the classes of the training.

Paper: https://arxiv.org/abs/2309.07439.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.base import key_bytes
from speechbrain_opensed.lobes.prompts.coop import CoOp

__all__ = ["DePT"]


class DePT(CoOp):
    """CoOp whose task-specific knowledge goes into a head of its own.

    The head is for the classes the learner was made with, or those of the
    checkpoint that was loaded. For other classes it is left out, and
    prompts alone decide; it comes back with its classes.

    The scales see text embeddings before they are brought to norm 1, and
    audio embeddings as they are given: give those of `encode_audio(...,
    normalize=False)`, as the recipe does; the paper's are such. The
    paper trains head and scales by 6.5 times the context's learning rate
    (0.02275 to 0.0035).

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    names : sequence of str
        The classes.
    mixing : float
        Share of the head in loss and logits, 0 to 1.
    head : str
        `batch`, as in the paper: it classifies audio and text embeddings
        alike, one after the other. `feature`: it gets both side by side,
        and its output for a class counts where the text is that class's;
        the number of parameters that the paper of SEPT counts.
    seed : int
        Of the draw of context and head.
    **options
        Those of :class:`CoOp`.

    Raises
    ------
    ValueError
        If an option has another value; in training, if the classes are not
        those of the head.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> learner = DePT(tower, ["dog", "cat", "rain"], context=4)
    >>> clips = tower.encode_audio(torch.rand(2, 16000), normalize=False)
    >>> sorted(learner(clips, torch.tensor([0, 2])))
    ['cross_entropy', 'head']
    >>> learner.set_classes(["wind", "sea waves"])
    >>> learner(clips).shape, learner.has_head
    (torch.Size([2, 2]), False)
    """

    def __init__(
        self,
        tower: AudioLanguageModel,
        names: Sequence[str],
        mixing: float = 0.7,
        *,
        head: str = "batch",
        seed: int = 0,
        **options: Any,
    ):
        super().__init__(tower, names, seed=seed, **options)
        if head not in ("batch", "feature"):
            raise ValueError(f"head is {head!r}: choose 'batch' or 'feature'")
        if not 0 <= mixing <= 1:
            raise ValueError(f"mixing is {mixing}: give 0 to 1")
        self.mixing = mixing
        self.joined = head == "feature"
        dim = tower.embed_dim
        self.film_text, self.film_audio = _Scale(dim), _Scale(dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear((1 + self.joined) * dim, len(self.names))
        self.register_buffer("head_classes", key_bytes(self.class_key))
        self._head_key = self.class_key

    @property
    def has_head(self) -> bool:
        """Whether the head is for the present classes."""
        return self._head_key == self.class_key

    def logits(self, clips: Tensor) -> Tensor:
        """Scores of the classes, `[batch, classes]`."""
        if not self.has_head:
            return super().logits(clips)
        if self.joined:
            raw = self.encode_names(self.names, normalize=False)
            near = self.similarity(clips, F.normalize(raw, dim=-1))
            head = self._joined_logits(clips, raw)
        else:
            near = super().logits(clips)
            head = self.head(self.film_audio(clips.float()))
        return (1 - self.mixing) * near + self.mixing * head

    def losses(
        self, clips: Tensor, labels: Tensor, regularizers: Mapping
    ) -> dict[str, Tensor]:
        """Parts of the loss; see :class:`PromptLearner`."""
        if not self.has_head:
            raise ValueError(
                f"the head is for other classes than {list(self.names)}: "
                "make a DePT for these to train it"
            )
        raw = self.encode_names(self.names, normalize=False)
        z = F.normalize(raw, dim=-1)
        if self.joined:
            head = F.cross_entropy(self._joined_logits(clips, raw), labels)
        else:
            heard = self.film_audio(clips.float())
            both = torch.cat([self.film_text(raw[labels]), heard])
            head = F.cross_entropy(self.head(both), labels.repeat(2))
        near = F.cross_entropy(self.similarity(clips, z), labels)
        return {
            "cross_entropy": (1 - self.mixing) * near,
            "head": self.mixing * head,
            **self.regularize(z, regularizers),
        }

    def _joined_logits(self, clips, raw):
        """Output k of the head for (clip, text k), without all the pairs."""
        of_audio, of_text = self.head.weight.chunk(2, dim=1)
        heard = F.linear(self.film_audio(clips.float()), of_audio)
        return heard + (self.film_text(raw) * of_text).sum(1) + self.head.bias

    def _load_from_state_dict(self, state_dict, prefix, *args):
        saved = state_dict.get(prefix + "head.weight")
        if saved is not None and len(saved) != self.head.out_features:
            self.head = nn.Linear(
                self.head.in_features,
                len(saved),
                device=self.head.weight.device,
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._head_key = bytes(self.head_classes.tolist()).hex()


class _Scale(nn.Module):
    """Scales and shifts each dimension; does nothing at the start."""

    def __init__(self, dim):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    def forward(self, features):
        return features * self.scale + self.shift
