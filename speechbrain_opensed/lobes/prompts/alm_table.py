"""Text embeddings that were computed before, as a tower without tokens.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.base import canonical_name
from speechbrain_opensed.lobes.text.encoders import TableTextEncoder

__all__ = ["TableTower"]


class TableTower(AudioLanguageModel):
    """A table of text embeddings in the place of a model.

    It is enough where no soft prompt goes through the text tower: zero-shot
    classification, and PALM. Clips come as embeddings as well.

    Arguments
    ---------
    path : str or Path
        See :class:`~speechbrain_opensed.lobes.text.encoders.
        TableTextEncoder`. A name is found by its label or by what
        `canonical_name` makes of it.
    logit_scale : float
        By which the model that made the table multiplies cosines.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file has another content; if soft prompts or audio are to be
        encoded.

    Example
    -------
    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "table.npz"
    >>> np.savez(path, labels=["Dog", "Rain"], embeddings=[[3, 4], [1, 0]])
    >>> TableTower(path, logit_scale=100).encode_text(["dog"])
    tensor([[0.6000, 0.8000]])
    """

    def __init__(self, path: str | Path, logit_scale: float):
        table = TableTextEncoder(path)
        labels: dict[Any, Any] = {}
        for label in table.rows:
            labels.setdefault(canonical_name(label), label)
        table.aliases = {k: v for k, v in labels.items() if k not in table.rows}
        super().__init__(table)
        self.embed_dim = table.dim
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        self.settings = {"table": digest}
        self.register_buffer("logit_scale", torch.tensor(float(logit_scale)))

    @property  # Nothing sets it, so nothing may.
    def width(self) -> int:  # type: ignore[override]  # read alone
        """There is none: always raises a ValueError."""
        raise self._tokenless()

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """There are none: always raises a ValueError."""
        raise self._tokenless()

    def encode_text(
        self, texts: Sequence[str], texts_at_once: int = 64
    ) -> Tensor:
        """Looks texts up: `[texts, embed_dim]`, of norm 1."""
        return F.normalize(self.model(texts), dim=-1)

    def audio_features(self, wavs: Tensor, counts: list[int]) -> Tensor:
        """There are none: always raises a ValueError."""
        raise ValueError(
            "a table of text embeddings cannot hear: give precomputed "
            "embeddings of the clips, or a whole model such as ClapTower"
        )

    @property
    def device(self) -> torch.device:
        """Where embeddings are put."""
        return self.logit_scale.device

    def _tokenless(self):
        return ValueError(
            "a table of text embeddings has no tokens among which soft "
            "prompts could stand: use PALM, or a whole model such as "
            "ClapTower or FineLAPTower"
        )
