"""Whether a phrase is like anything that a detector was trained on.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Familiarity"]

# Of the known phrases so many are farther from all others than what counts
# as familiar.
_STRANGERS = 0.05
# Below this there is no telling what is usual.
_FEWEST = 8


class Familiarity:
    """Tells phrases that are far from all that a detector knows.

    Far is a phrase whose nearest known one is less like it (cosine of the
    embeddings) than a known one's nearest other is, for all but 5 % of the
    known ones. So the measure fits any text encoder.

    Arguments
    ---------
    known : sequence of str
        Phrases that the detector was trained on.
    embed : callable
        From phrases to `[phrases, dim]`.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> known = [f"{a} {b}" for a in ("low", "high") for b in "abcd"]
    >>> Familiarity(known, HashTextEncoder(dim=32)).far(["low a", "dog"])
    ['dog']
    """

    def __init__(
        self, known: Sequence[str], embed: Callable[[list[str]], Tensor]
    ):
        self.known = set(known)
        self._embed = embed
        self._references: Tensor | None = None
        self._limit = -1.0

    def far(self, phrases: Sequence[str]) -> list[str]:
        """Those phrases that nothing known is like.

        Arguments
        ---------
        phrases : sequence of str
            What is looked for.

        Returns
        -------
        list of str
            Some of them; none where too little is known to tell.
        """
        asked = [p for p in phrases if p not in self.known]
        if not asked or len(self.known) < _FEWEST:
            return []
        if self._references is None:
            self._references = self._unit(sorted(self.known))
            likeness = self._references @ self._references.T
            likeness.fill_diagonal_(-1.0)
            nearest = likeness.amax(1)
            self._limit = float(torch.quantile(nearest, _STRANGERS)) - 1e-4
        nearest = (self._unit(asked) @ self._references.T).amax(1)
        return [
            phrase
            for phrase, value in zip(asked, nearest.tolist(), strict=True)
            if value < self._limit
        ]

    def _unit(self, phrases: list[str]) -> Tensor:
        with torch.no_grad():
            return F.normalize(self._embed(phrases).float().cpu(), dim=-1)
