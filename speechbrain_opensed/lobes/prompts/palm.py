"""PALM: learned vectors in the space of embeddings, one for each class.

Paper: https://arxiv.org/abs/2409.19806.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.base import (
    PromptLearner,
    canonical_name,
    class_key,
    key_bytes,
)

__all__ = ["PALM"]


class PALM(PromptLearner):
    """Mixes each class's text embedding with a learned vector.

    The text tower runs once, for the bare names, and no gradient goes
    through it; a table of text embeddings is enough. What is learned is
    about these classes: there is no way to others.

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    names : sequence of str
        The classes.
    seed : int
        Of the draw: vectors from N(0, 0.02²), mixing logits from U(0, 1).

    Raises
    ------
    ValueError
        See :class:`PromptLearner`; a checkpoint of other classes cannot be
        loaded.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> learner = PALM(tower, ["dog", "cat", "rain"])
    >>> learner(tower.encode_audio(torch.rand(2, 16000))).shape
    torch.Size([2, 3])
    >>> learner.num_trainable()
    99
    """

    def __init__(
        self, tower: AudioLanguageModel, names: Sequence[str], seed: int = 0
    ):
        super().__init__(tower, names)
        said = [canonical_name(name) for name in self.names]
        self._rows = {name: row for row, name in enumerate(said)}
        text = tower.encode_text(said)
        self.register_buffer("text", text, persistent=False)
        self.register_buffer("classes", key_bytes(self.class_key))
        draw = torch.Generator().manual_seed(seed)
        vectors = 0.02 * torch.randn(text.shape, generator=draw)
        mixing = torch.rand(len(said), generator=draw)
        self.ctx = nn.Parameter(vectors.to(text.device))
        self.mixing = nn.Parameter(mixing.to(text.device))

    def check_names(self, names: Sequence[str]) -> None:
        """Raises a ValueError for names that cannot be encoded."""
        if class_key(names) != self.class_key:
            raise ValueError(
                f"PALM has parameters per class, for {list(self.names)}, and "
                f"cannot turn to {list(names)}: train a PALM for those, or "
                "use CoOp, whose context serves any classes"
            )

    def encode_names(self, names: Sequence[str]) -> Tensor:
        """Embeds classes among those it was made for.

        Arguments
        ---------
        names : sequence of str
            At least one.

        Returns
        -------
        torch.Tensor
            `[names, embed_dim]`, of norm 1.

        Raises
        ------
        ValueError
            If a name is no class.
        """
        for name in names:
            if canonical_name(name) not in self._rows:
                raise ValueError(
                    f"PALM has no parameters for {name!r}, only for "
                    f"{list(self.names)}: losses that need other names, such "
                    "as neighbours, do not go with it"
                )
        rows = torch.tensor(
            [self._rows[canonical_name(name)] for name in names],
            device=self.ctx.device,
        )
        share = self.mixing[rows].sigmoid().unsqueeze(1)
        mixed = (1 - share) * self.text[rows] + share * self.ctx[rows]
        return F.normalize(mixed, dim=-1)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        saved = state_dict.get(prefix + "classes")
        if saved is not None and not torch.equal(
            saved.cpu(), self.classes.cpu()
        ):
            raise ValueError(
                "the checkpoint of this PALM is for other classes than "
                f"{list(self.names)}, or for another order: PALM has "
                "parameters per class; train one for these"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
