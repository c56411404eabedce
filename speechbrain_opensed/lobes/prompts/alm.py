"""What prompt learners need of an audio-language model, and its frozenness.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.fingerprint import fingerprint

__all__ = ["AudioLanguageModel"]


class AudioLanguageModel(nn.Module):
    """Base of frozen towers that put sounds and texts into one space.

    Nothing in it is trained, whatever is asked of it: parameters take no
    gradients, and it stays in `eval`, so that no BatchNorm statistic moves.
    Gradients do go through it, from text embeddings to the vectors that
    were put among the tokens.

    Another model is a subclass in one small file. It hands its module to
    `super().__init__`, sets

    - `width`, of the token vectors; `embed_dim`, of the common space;
      `max_tokens`, start and end included; `sample_rate` in Hz;
    - `start_id`, `end_id` and `pad_id`, of the tokens around a text;
    - `settings`, a dict of what else changes its audio embeddings;

    and defines

    - `token_ids(texts)`: ids as lists, without start and end;
    - `embed_tokens(ids)`: `[..., width]`, raw vectors, without positions;
    - `text_features(embeds, mask)`: `[texts, embed_dim]` of `[texts,
      tokens, width]`, padded on the right; the end token is the last one
      where the mask is 1, as models need it that pool there. Of a model
      that takes ids only, a forward hook on its token embedding puts
      `embeds` in the place of what it gives;
    - `audio_features(wavs, counts)`: `[batch, embed_dim]` of `[batch,
      samples]` and each clip's true number of samples, the same for a clip
      whatever its batch and whenever it is asked;
    - the property `logit_scale`, by which cosines are multiplied.

    Neither features need to be of norm 1.

    Arguments
    ---------
    model : torch.nn.Module
        The whole model.

    Example
    -------
    >>> class Letters(AudioLanguageModel):
    ...     width = embed_dim = 4
    ...     max_tokens, sample_rate = 10, 8000
    ...     start_id, end_id, pad_id = 0, 1, 2
    ...     logit_scale = torch.tensor(10.0)
    ...
    ...     def token_ids(self, texts):
    ...         return [[ord(c) - 94 for c in text] for text in texts]
    ...
    ...     def embed_tokens(self, ids):
    ...         return self.model(ids)
    ...
    ...     def text_features(self, embeds, mask):
    ...         return (embeds * mask[..., None]).sum(1)
    ...
    ...     def audio_features(self, wavs, counts):
    ...         return wavs[:, :4]
    >>> tower = Letters(nn.Embedding(30, 4))
    >>> tower.encode_text(["dog", "cat"]).shape
    torch.Size([2, 4])
    >>> tower.encode_audio(torch.rand(3, 80)).norm(dim=1).round().tolist()
    [1.0, 1.0, 1.0]
    >>> tower.train().training
    False
    """

    width: int
    embed_dim: int
    max_tokens: int
    sample_rate: int
    start_id: int
    end_id: int
    pad_id: int
    logit_scale: Tensor

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.settings: dict = {}
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "AudioLanguageModel":
        """Stays in `eval`: the towers are frozen."""
        return super().train(False)

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts, without start and end; given by the subclass."""
        raise self._undefined("token_ids")

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Vectors of tokens `[..., width]`; given by the subclass."""
        raise self._undefined("embed_tokens")

    def text_features(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """`[texts, embed_dim]`, of any norm; given by the subclass."""
        raise self._undefined("text_features")

    def audio_features(self, wavs: Tensor, counts: list[int]) -> Tensor:
        """`[batch, embed_dim]`, of any norm; given by the subclass."""
        raise self._undefined("audio_features")

    def tokenize(
        self, texts: Sequence[str], reserved: int = 0
    ) -> list[list[int]]:
        """Turns texts into ids, and checks that they fit.

        Arguments
        ---------
        texts : sequence of str
            As the tokenizer is to see them: in the middle of a prompt, most
            want a space before a word.
        reserved : int
            Places that a context will take.

        Returns
        -------
        list of list of int
            Ids, without start and end.

        Raises
        ------
        ValueError
            If a text is empty, or too long for the tower.
        """
        texts = list(texts)
        rows = self.token_ids(texts)
        room = self.max_tokens - reserved - 2
        for text, ids in zip(texts, rows, strict=True):
            if not ids:
                raise ValueError(
                    f"text {text!r} has no token: leave it out or use words"
                )
            if len(ids) > room:
                raise ValueError(
                    f"text {text.strip()!r} has {len(ids)} tokens; beside "
                    f"start, end and {reserved} of context, {room} of "
                    f"{self.max_tokens} are left: shorten the text or the "
                    "context"
                )
        return rows

    def assemble(
        self, ids: Sequence[Sequence[int]], context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Puts prompts together: start, context, tokens, end, padding.

        Arguments
        ---------
        ids : sequence of sequence of int
            Tokens of each text, from :meth:`tokenize`.
        context : torch.Tensor, optional
            Vectors before the tokens, `[context, width]` for all texts, or
            `[texts, context, width]`.

        Returns
        -------
        torch.Tensor
            `[texts, tokens, width]`.
        torch.Tensor
            1 for tokens and 0 for padding, `[texts, tokens]`.
        """
        rows = [[self.start_id, *row, self.end_id] for row in ids]
        length = max(map(len, rows))
        table = torch.tensor(
            [row + [self.pad_id] * (length - len(row)) for row in rows],
            device=self.device,
        )
        counts = torch.tensor([[len(row)] for row in rows], device=self.device)
        mask = (torch.arange(length, device=self.device) < counts).long()
        embeds = self.embed_tokens(table)
        if context is None:
            return embeds, mask
        context = context.expand(len(rows), -1, -1).to(embeds.dtype)
        ones = mask.new_ones(len(rows), context.shape[1])
        return (
            torch.cat([embeds[:, :1], context, embeds[:, 1:]], dim=1),
            torch.cat([mask[:, :1], ones, mask[:, 1:]], dim=1),
        )

    def encode_embeds(
        self, embeds: Tensor, mask: Tensor, normalize: bool = True
    ) -> Tensor:
        """Encodes prompts, with gradients to their vectors.

        Arguments
        ---------
        embeds : torch.Tensor
            `[texts, tokens, width]`, from :meth:`assemble`.
        mask : torch.Tensor
            `[texts, tokens]`.
        normalize : bool
            Whether to bring them to norm 1.

        Returns
        -------
        torch.Tensor
            float32 `[texts, embed_dim]`.
        """
        features = self.text_features(embeds, mask).float()
        return F.normalize(features, dim=-1) if normalize else features

    @torch.no_grad()
    def encode_text(
        self, texts: Sequence[str], texts_at_once: int = 64
    ) -> Tensor:
        """Encodes whole texts, without a context and without gradients.

        Arguments
        ---------
        texts : sequence of str
            At least one.
        texts_at_once : int
            Texts in one pass.

        Returns
        -------
        torch.Tensor
            `[texts, embed_dim]`, of norm 1.

        Raises
        ------
        ValueError
            If a text is empty, or too long for the tower.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"texts are {texts!r}: give a list of some")
        ids = self.tokenize(texts)
        return torch.cat(
            [
                self.encode_embeds(*self.assemble(ids[i : i + texts_at_once]))
                for i in range(0, len(ids), texts_at_once)
            ]
        )

    @torch.no_grad()
    def encode_audio(
        self,
        wavs: Tensor,
        lengths: Tensor | None = None,
        normalize: bool = True,
    ) -> Tensor:
        """Encodes clips, without gradients.

        Arguments
        ---------
        wavs : torch.Tensor
            One channel at the tower's sample rate, `[batch, samples]`.
        lengths : torch.Tensor, optional
            Length of each clip relative to `samples`, `[batch]`; default:
            all full.
        normalize : bool
            Whether to bring them to norm 1.

        Returns
        -------
        torch.Tensor
            float32 `[batch, embed_dim]`.

        Raises
        ------
        ValueError
            If the shape does not fit or a clip is empty.
        """
        if wavs.ndim != 2:
            raise ValueError(
                f"wavs of shape {list(wavs.shape)}: give [batch, samples], "
                "channels averaged"
            )
        size = wavs.shape[1]
        counts = [size] * len(wavs)
        if lengths is not None:
            relative = lengths.double().cpu()
            counts = (relative * size).round().long().tolist()
        for row, count in enumerate(counts):
            if not 0 < count <= size:
                raise ValueError(
                    f"clip {row} of {len(counts)} has {count} of {size} "
                    "samples: lengths are above 0 and at most 1"
                )
        features = self.audio_features(wavs, counts).float()
        return F.normalize(features, dim=-1) if normalize else features

    def fingerprint(self) -> str:
        """A name for the weights and settings, to key caches by.

        Returns
        -------
        str
            The same for the same audio and text embeddings.
        """
        return fingerprint(self, self.settings)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def _undefined(self, method):
        return TypeError(f"{type(self).__name__} has to define {method}()")
