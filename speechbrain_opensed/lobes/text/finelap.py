"""FineLAP's text tower as the text encoder of a detector.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = ["FineLAPTextEncoder"]


class FineLAPTextEncoder(TextEncoder):
    """A FineLAP's own text tower, as a detector asks it.

    Arguments
    ---------
    model : FineLAP
        It stays the owner of the weights. When they change, embeddings are
        computed anew.

    Example
    -------
    >>> model = FineLAP.tiny()
    >>> FineLAPTextEncoder(model)(["dog barking", "rain"]).shape
    torch.Size([2, 8])
    """

    def __init__(self, model: FineLAP):
        super().__init__()
        # In a tuple it is no part of this module: it is saved and moved
        # once, as the detector's model.
        self._model = (model,)
        self._state: tuple[tuple[int, int], ...] | None = None
        self.dim = model.embed_size

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds distinct phrases: `[phrases, dim]`, of norm 1."""
        (model,) = self._model
        training = model.text_encoder.training
        model.text_encoder.eval()
        try:
            rows = [
                model.encode_phrases(phrases[start : start + 64])
                for start in range(0, len(phrases), 64)
            ]
        finally:
            model.text_encoder.train(training)
        return torch.cat(rows)

    def forward(self, phrases: Sequence[str]) -> Tensor:
        """Embeds phrases; see TextEncoder."""
        state = tuple(
            (p.data_ptr(), p._version) for p in self._model[0].parameters()
        )
        if state != self._state:
            self._cache.clear()
            self._state = state
        return super().forward(phrases)
