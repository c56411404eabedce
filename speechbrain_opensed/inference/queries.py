"""From phrases to queries, with a word on phrases that are far from training.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from speechbrain_opensed.inference.events import check_phrases
from speechbrain_opensed.inference.familiarity import Familiarity
from speechbrain_opensed.lobes.text.learned import LearnedPhrases

__all__ = ["Queries"]

logger = logging.getLogger(__name__)


class Queries:
    """Embeds what a detector is asked for.

    Arguments
    ---------
    text_encoder : TextEncoder
        From phrases to `[phrases, dim]`.
    classes : sequence of str
        Phrases that the detector was trained on; may be empty.
    device : str or torch.device
        Where queries go.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> queries = Queries(HashTextEncoder(dim=8), ["rain"], "cpu")
    >>> queries(["dog barking", "rain"]).shape, queries.known()
    (torch.Size([2, 8]), ['rain'])
    """

    def __init__(
        self,
        text_encoder: Any,
        classes: Sequence[str],
        device: str | torch.device,
    ):
        self._encoder, self._device = text_encoder, device
        self._classes = list(classes)
        self._familiarity = Familiarity(classes, text_encoder)
        self._told: set[str] = set()

    def __call__(self, phrases: Sequence[str]) -> Tensor:
        """Queries `[phrases, dim]`; a far phrase is told once in the log."""
        with torch.no_grad():
            queries: Tensor = self._encoder(check_phrases(phrases))
        new = [p for p in phrases if p not in {*self._told, *self._learned}]
        self._told.update(new)
        if far := self._familiarity.far(new):
            named = ", ".join(repr(phrase) for phrase in far[:5])
            more = f" and {len(far) - 5} more" if len(far) > 5 else ""
            logger.warning(
                f"{named}{more}: nothing that this detector was trained on "
                "is like that, so its scores say little; teach it with "
                "examples (learn)"
            )
        return queries.to(self._device)

    def known(self, phrases: Sequence[str] | None = None) -> list[str]:
        """Phrases to choose from.

        Arguments
        ---------
        phrases : sequence of str, optional
            Those of the user; default: those of training, and what was
            learned from examples.

        Returns
        -------
        list of str
            At least one.

        Raises
        ------
        ValueError
            If none are given, and the detector does not tell.
        """
        if phrases is None:
            phrases = list(dict.fromkeys([*self._classes, *self._learned]))
            if not phrases:
                raise ValueError(
                    "this detector does not say what it was trained on: give "
                    "phrases (add -q PHRASE), or a vocabulary"
                )
        return list(phrases)

    @property
    def _learned(self) -> list[str]:
        known = isinstance(self._encoder, LearnedPhrases)
        return list(self._encoder.table) if known else []
