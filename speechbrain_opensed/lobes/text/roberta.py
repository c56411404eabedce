"""RoBERTa as a trainable text tower, by way of the transformers library.

Paper: https://arxiv.org/abs/1907.11692.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_opensed.core.hub import (
    auto_options,
    load_pretrained,
    local_options,
)

__all__ = ["HashTokenizer", "RobertaText", "bare_ids"]

logger = logging.getLogger(__name__)

BASE = "FacebookAI/roberta-base"
# Sizes of the base model: its weights come with those of a whole model.
BASE_SIZES = {
    "vocab_size": 50265,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}
START, PAD, END = 0, 1, 2
# Texts whose lengths differ by less than so many tokens may go together.
SIMILAR = 4


class HashTokenizer:
    """Words to numbers by a hash: no download and no list of words.

    Upper and lower case, `_` and punctuation make no difference. For tests,
    demos and models that are trained from scratch.

    Arguments
    ---------
    vocab_size : int
        Numbers there are; the first three mean start, padding and end.

    Example
    -------
    >>> tokenizer = HashTokenizer(200)
    >>> tokenizer(["dog_bark", "Dog bark"], max_length=30)[0]
    [0, 189, 70, 2]
    """

    def __init__(self, vocab_size: int):
        if vocab_size < 4:
            raise ValueError(f"vocab_size {vocab_size}: give 4 or more")
        self.vocab_size = vocab_size

    def __call__(
        self, texts: Sequence[str], max_length: int | None = None
    ) -> list[list[int]]:
        """Ids of each text, cut off at `max_length` with both ends."""
        rows = []
        for text in texts:
            cleaned = "".join(c if c.isalnum() else " " for c in text.lower())
            words = [
                END + 1 + zlib.crc32(word.encode()) % (self.vocab_size - 3)
                for word in cleaned.split()
            ]
            if max_length is not None:
                words = words[: max_length - 2]
            rows.append([START, *words, END])
        return rows


def bare_ids(tokenizer: Callable, texts: Sequence[str]) -> list[list[int]]:
    """Ids of texts without the two tokens around them.

    Arguments
    ---------
    tokenizer : callable
        :class:`HashTokenizer`, or a tokenizer of the transformers library
        that puts one token in front and one behind.
    texts : sequence of str
        The texts.

    Returns
    -------
    list of list of int
        The ids.

    Example
    -------
    >>> bare_ids(HashTokenizer(200), ["dog bark"])
    [[189, 70]]
    """
    rows = tokenizer(list(texts))
    if not isinstance(rows, list):
        rows = rows["input_ids"]
    return [list(row[1:-1]) for row in rows]


class RobertaText(nn.Module):
    """RoBERTa whose first token stands for a text.

    Arguments
    ---------
    source : str, Path, mapping or None
        A name on the Hugging Face hub or a folder, whose weights are loaded;
        sizes of a model with random weights, as in transformers'
        `RobertaConfig`; None: random weights of the base model's sizes.
    tokenizer : str or Path, optional
        A name or folder, or `hash` for :class:`HashTokenizer`. Default:
        that of the source, or of the base model where the source is None.
        It is loaded when the first text comes.
    max_tokens : int
        Longest text in tokens, start and end included; what is longer is
        cut off and announced in the log.

    Raises
    ------
    FileNotFoundError
        If a model or tokenizer can be neither found nor fetched.
    ValueError
        If a size is unknown.

    Example
    -------
    >>> sizes = dict(
    ...     vocab_size=50,
    ...     hidden_size=8,
    ...     num_hidden_layers=1,
    ...     num_attention_heads=2,
    ...     intermediate_size=16,
    ... )
    >>> tower = RobertaText(sizes, tokenizer="hash")
    >>> tower(*tower.tokenize(["dog barking", "rain"])).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        source: str | Path | Mapping | None = None,
        tokenizer: str | Path | None = None,
        max_tokens: int = 30,
    ):
        super().__init__()
        from transformers import RobertaConfig, RobertaModel

        if max_tokens < 3:
            raise ValueError(
                f"max_tokens {max_tokens}: start, end and a word need 3"
            )
        self.max_tokens = max_tokens
        self._tokenizer_source = tokenizer
        if source is None or isinstance(source, Mapping):
            # 514 positions hold 512 tokens, as in all published models.
            sizes = {"max_position_embeddings": 514, **(source or BASE_SIZES)}
            known = RobertaConfig().to_dict()
            unknown = sorted(set(sizes) - set(known))
            if unknown:
                raise ValueError(
                    f"unknown sizes {unknown} of a RoBERTa: it has those of "
                    "transformers.RobertaConfig, such as hidden_size"
                )
            self.text_encoder = RobertaModel(
                RobertaConfig(**sizes), add_pooling_layer=False
            )
            if source is None and tokenizer is None:
                self._tokenizer_source = BASE
        else:
            self.text_encoder = load_pretrained(
                "RoBERTa model",
                source,
                lambda folder: RobertaModel.from_pretrained(
                    folder, add_pooling_layer=False, **local_options(folder)
                ),
            )
            if tokenizer is None:
                self._tokenizer_source = source
        self.dim = self.text_encoder.config.hidden_size
        self._tokenizer: Any = None
        self._shortened: set[str] = set()

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Turns texts into what the model reads.

        Arguments
        ---------
        texts : sequence of str
            At least one.

        Returns
        -------
        torch.Tensor
            Ids, int64 `[texts, tokens]`, on the model's device.
        torch.Tensor
            1 for tokens and 0 for padding, `[texts, tokens]`.

        Raises
        ------
        ValueError
            If there is no text, one is empty, or there is no tokenizer.
        """
        texts = list(texts)
        blank = [i for i, text in enumerate(texts) if not text.strip()]
        if blank or not texts:
            raise ValueError(
                f"text {blank[0]} of {len(texts)} is empty: leave it out"
                if blank
                else "no text: give at least one"
            )
        rows = self._ids(texts)
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), PAD)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens)
        ids = ids.to(self.text_encoder.device)
        return ids, (ids != PAD).long()

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts without start and end, of any length."""
        if self._tokenizer is None:
            self._tokenizer = self._load_tokenizer()
        return bare_ids(self._tokenizer, texts)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Vectors of tokens before positions are added, `[..., dim]`."""
        return self.text_encoder.get_input_embeddings()(ids)

    def forward(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Encodes texts, those of about one length together.

        Arguments
        ---------
        input_ids : torch.Tensor or None
            `[texts, tokens]`; None where vectors are given.
        attention_mask : torch.Tensor
            1 for tokens and 0 for padding, on the right, `[texts, tokens]`.
        inputs_embeds : torch.Tensor, optional
            Vectors in the place of ids, as :meth:`embed_tokens` gives them,
            `[texts, tokens, dim]`.

        Returns
        -------
        torch.Tensor
            The state of the first token, `[texts, dim]`.
        """
        lengths = attention_mask.sum(1)
        groups = (lengths + SIMILAR - 1) // SIMILAR
        order, states = [], []
        for group in groups.unique().tolist():
            rows = (groups == group).nonzero()[:, 0]
            width = int(lengths[rows].max())
            some = (
                None if x is None else x[rows, :width]
                for x in (input_ids, attention_mask, inputs_embeds)
            )
            order.append(rows)
            states.append(self._first_states(*some))
        return torch.cat(states)[torch.cat(order).argsort()]

    def _first_states(self, input_ids, attention_mask, inputs_embeds):
        return self.text_encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
        ).last_hidden_state[:, 0]

    def _ids(self, texts):
        whole = [[START, *row, END] for row in self.token_ids(texts)]
        for text, ids in zip(texts, whole, strict=True):
            if len(ids) > self.max_tokens and text not in self._shortened:
                self._shortened.add(text)
                logger.warning(
                    "text of %d tokens cut off after %d: %r (said once)",
                    len(ids),
                    self.max_tokens,
                    text,
                )
        return [
            ids
            if len(ids) <= self.max_tokens
            else [*ids[: self.max_tokens - 1], END]
            for ids in whole
        ]

    def _load_tokenizer(self):
        source = self._tokenizer_source
        if source is None:
            raise ValueError(
                "a RoBERTa of own sizes has no tokenizer: give tokenizer= a "
                "name, a folder or 'hash'"
            )
        if source == "hash":
            return HashTokenizer(self.text_encoder.config.vocab_size)
        from transformers import AutoTokenizer

        return load_pretrained(
            "tokenizer",
            source,
            lambda folder: AutoTokenizer.from_pretrained(
                folder, **auto_options(folder)
            ),
        )
