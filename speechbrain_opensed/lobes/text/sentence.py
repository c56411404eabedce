"""Sentence embeddings, by way of the transformers library.

Paper: https://arxiv.org/abs/1908.10084. It computes what the
sentence-transformers library does for models that average their tokens.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.core.hub import auto_options, load_pretrained
from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = ["SentenceTextEncoder"]


class SentenceTextEncoder(TextEncoder):
    """A frozen sentence transformer with mean pooling.

    Arguments
    ---------
    source : str or Path
        Name on the Hugging Face hub, or a local folder with model and
        tokenizer.
    batch_size : int
        Phrases that are embedded at once.

    Raises
    ------
    FileNotFoundError
        If the model can be neither found nor fetched.

    Example
    -------
    >>> SentenceTextEncoder("./nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no sentence transformer at ./nowhere ...
    """

    def __init__(
        self,
        source: str | Path = "sentence-transformers/all-mpnet-base-v2",
        batch_size: int = 64,
    ):
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer, self.model = load_pretrained(
            "sentence transformer",
            source,
            lambda folder: (
                AutoTokenizer.from_pretrained(folder, **auto_options(folder)),
                AutoModel.from_pretrained(folder, **auto_options(folder)),
            ),
        )
        self.model.requires_grad_(False).eval()
        self.dim = self.model.config.hidden_size
        self.batch_size = batch_size

    def train(self, mode: bool = True) -> "SentenceTextEncoder":
        """Stays in `eval`: the model is frozen."""
        return super().train(False)

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds phrases: `[phrases, dim]`, of norm 1."""
        rows = []
        for start in range(0, len(phrases), self.batch_size):
            tokens = self.tokenizer(
                phrases[start : start + self.batch_size],
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(self.place.device)
            states = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(2)
            rows.append((states * mask).sum(1) / mask.sum(1))
        return F.normalize(torch.cat(rows), dim=-1)
