"""Detection prompted by text on a frozen encoder, from few recordings.

A transformer that is trained on frozen features of a small bank learns its
recordings by heart. Here what a phrase sounds like is found in closed form,
from the bank's classes and from the encoder's own tags, and a small network
that is the same for all phrases turns these tracks into events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.lobes.on_encoder import OnEncoder
from speechbrain_opensed.lobes.piecewise import piecewise_constant
from speechbrain_opensed.lobes.prototypes import Prototypes

__all__ = ["TrackSED"]

SPAN_SECONDS = 1.0  # of the slower copy of each track
SHARPNESS = 20.0  # of the choice of tags by similarity of text
PAIRS_AT_ONCE = 256


class TrackSED(OnEncoder):
    """Encoder, tracks of likelihood, and a small temporal network.

    Four tracks say how well the frames fit what the bank's classes tell
    about a phrase (:class:`~speechbrain_opensed.lobes.prototypes.Prototypes`)
    and four how well they fit the encoder's tags whose names are near: the
    score, its lead over all other classes or tags, the score over a second
    and its maximum in the clip. One more says how little the bank tells.

    Arguments
    ---------
    encoder, pool_frames, encoder_config
        See :class:`~speechbrain_opensed.lobes.on_encoder.OnEncoder`.
    query_dim : int
        Width of a text embedding.
    hidden : int
        Width of the temporal network.
    num_layers : int
        Its layers, each looking twice as far as the one before.
    shared_dim : int
        Width of what it is told about the frames themselves.
    dropout : float
        Of what it is told about the frames, in training.
    unheard : float
        Share of phrases that, in training, are treated as if their class
        had not been heard.
    step_penalty : float
        See :func:`~speechbrain_opensed.lobes.piecewise.piecewise_constant`;
        not in training.
    max_anchors : int
        Most classes of a bank.

    Raises
    ------
    ValueError
        If the encoder is none.

    Example
    -------
    >>> from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
    >>> encoder = MobileNet(width=0.1, num_tags=5)
    >>> model = TrackSED(encoder, query_dim=8, max_anchors=4).eval()
    >>> feats = model.encode(torch.rand(2, 32000))
    >>> feats.shape, model.decode(feats, torch.rand(3, 8)).shape
    (torch.Size([2, 13, 421]), torch.Size([2, 3, 13]))
    """

    precisions = ("fp32",)

    def __init__(
        self,
        encoder: nn.Module | str,
        query_dim: int = 512,
        pool_frames: int | None = None,
        *,
        encoder_config: Mapping | None = None,
        hidden: int = 64,
        num_layers: int = 4,
        shared_dim: int = 24,
        dropout: float = 0.3,
        unheard: float = 0.2,
        step_penalty: float = 3.0,
        max_anchors: int = 256,
    ):
        super().__init__(encoder, pool_frames, encoder_config)
        self.unheard = unheard
        self.step_penalty = step_penalty
        encoder = self.encoder
        self.num_tags = encoder.num_tags
        inner = encoder.dim - self.num_tags
        self.register_buffer("mean", torch.zeros(encoder.dim))
        self.register_buffer("std", torch.ones(encoder.dim))
        # A row of zeros: text has no name for this tag.
        self.register_buffer("tags", torch.zeros(self.num_tags, query_dim))
        self.prototypes = Prototypes(inner, query_dim, max_anchors)
        self.shared = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(inner, shared_dim)
        )
        channels = 1 + 4 + (4 if self.num_tags else 0)
        self.inlet = nn.Linear(channels + shared_dim, hidden)
        self.layers = nn.ModuleList(
            _Layer(hidden, 2**depth) for depth in range(num_layers)
        )
        self.outlet = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, 1))
        nn.init.constant_(self.outlet[1].bias, -2.0)

    def fit(
        self,
        batches: Callable[[], Iterable[tuple[Tensor, Tensor]]],
        queries: Tensor,
        tags: Tensor | None = None,
    ) -> "TrackSED":
        """Finds in closed form what is not trained.

        Arguments
        ---------
        batches : callable
            Gives an iterable of frames `[batch, time, dim]` from
            :meth:`encode` and targets `[batch, classes, time]`; is called
            twice.
        queries : torch.Tensor
            Text embeddings of the classes, `[classes, query_dim]`.
        tags : torch.Tensor, optional
            Text embeddings of the encoder's tags, `[num_tags, query_dim]`,
            zeros for those without.

        Returns
        -------
        TrackSED
            Itself.

        Raises
        ------
        ValueError
            As :meth:`Prototypes.fit` does, or if there are not as many tags
            as the encoder has.
        """
        total, squares, number = 0.0, 0.0, 0
        for frames, _ in batches():
            x = frames.double().flatten(0, 1)
            total, squares = total + x.sum(0), squares + x.square().sum(0)
            number += len(x)
        self.mean.copy_(total / number)
        variance = squares / number - self.mean.double().square()
        self.std.copy_(variance.clamp(min=1e-6).sqrt())
        centre = None
        if tags is not None:
            if tags.shape != self.tags.shape:
                raise ValueError(
                    f"embeddings of tags {list(tags.shape)}: give "
                    f"{list(self.tags.shape)}"
                )
            named = tags.abs().sum(-1) > 0
            if named.any():
                centre = F.normalize(tags[named], dim=-1).mean(0)
        inner = len(self.mean) - self.num_tags
        self.prototypes.fit(
            ((frames[..., :inner], targets) for frames, targets in batches()),
            queries,
            centre,
        )
        if tags is not None:
            self.tags.copy_(self.prototypes.place(tags) * named[:, None])
        return self

    @torch.no_grad()
    def learn(
        self,
        frames: Tensor,
        targets: Tensor,
        queries: Tensor,
        counts: Sequence[int],
    ) -> "TrackSED":
        """Takes in new sounds, in closed form.

        Arguments
        ---------
        frames : torch.Tensor
            From :meth:`encode`, `[batch, time, dim]`.
        targets : torch.Tensor
            1 where they sound, `[batch, sounds, time]`.
        queries : torch.Tensor
            Text embeddings of their names, `[sounds, query_dim]`.
        counts : sequence of int
            How many recordings each was learned from.

        Returns
        -------
        TrackSED
            Itself.

        Raises
        ------
        ValueError
            As :meth:`Prototypes.add` does.
        """
        inner = len(self.mean) - self.num_tags
        self.prototypes.add(frames[..., :inner], targets, queries, counts)
        return self

    def decode(
        self,
        feats: Tensor,
        queries: Tensor,
        precision: str = "fp32",
    ) -> Tensor:
        """Looks for every query in every clip.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`, `[batch, time, dim]`.
        queries : torch.Tensor
            Text embeddings, `[queries, query_dim]` or `[batch, queries,
            query_dim]`.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            If there is no query, or the shapes do not fit.
        """
        check_precision(precision, self.precisions)
        width = self.tags.shape[1]
        if queries.ndim == 2:
            queries = queries.expand(len(feats), *queries.shape)
        if queries.ndim != 3 or queries.shape[::2] != (len(feats), width):
            raise ValueError(
                f"queries of shape {list(queries.shape)} for {len(feats)} "
                f"clips: give [queries, {width}] or [{len(feats)}, queries, "
                f"{width}]"
            )
        if queries.shape[1] == 0:
            raise ValueError("no query: give at least one phrase")
        about = self._hear(feats.float())
        group = max(1, PAIRS_AT_ONCE // len(feats))
        logits = [
            self._answer(about, queries[:, start : start + group])
            for start in range(0, queries.shape[1], group)
        ]
        logits = torch.cat(logits, dim=1)
        if self.training:
            return logits
        return piecewise_constant(logits, self.step_penalty)

    def _hear(self, feats):
        """What is the same for all phrases."""
        standard = ((feats - self.mean) / self.std).clamp(-8, 8)
        inner = feats.shape[-1] - self.num_tags
        projected = self.prototypes.project(feats[..., :inner])
        known = self.prototypes.known(projected) / 10
        silent = torch.zeros_like(projected[:, None, :, 0])
        best = torch.cat([known, silent], dim=1).mul(3).logsumexp(1) / 3
        shared = self.shared(standard[..., :inner])
        tags = standard[..., inner:] / 3
        return projected, best, shared, tags

    def _answer(self, about, queries):
        projected, best, shared, tags = about
        means, doubt = self.prototypes(queries)
        if self.training and self.unheard:
            others, their_doubt = self.prototypes.left_out(queries)
            chosen = torch.rand_like(doubt) < self.unheard
            means = torch.where(chosen[..., None], others, means)
            doubt = torch.where(chosen, their_doubt, doubt)
        score = self.prototypes.score(projected, means) / 10
        tracks = self._views(score, best)
        if self.num_tags:
            near = self.prototypes.place(queries) @ self.tags.T
            near = near.masked_fill(self.tags.abs().sum(-1) == 0, -2.0)
            share = (SHARPNESS * near).softmax(-1)
            most = tags.mul(6).logsumexp(-1) / 6 - 1
            tracks += self._views(share @ tags.transpose(1, 2), most)
        tracks.append(doubt[..., None].expand_as(score))
        x = torch.stack(tracks, dim=-1).clamp(-6, 6)
        shared = shared[:, None].expand(-1, x.shape[1], -1, -1)
        x = self.inlet(torch.cat([x, shared], dim=-1))
        batch, count, time, _ = x.shape
        x = x.flatten(0, 1)
        for layer in self.layers:
            x = layer(x)
        return self.outlet(x).view(batch, count, time)

    def _views(self, score, best):
        """A score, its lead, its slow copy and that one's maximum."""
        width = 1 + 2 * round(SPAN_SECONDS / self.hop_seconds / 2)
        slow = F.avg_pool1d(
            score, width, 1, width // 2, count_include_pad=False
        )
        peak = slow.amax(-1, keepdim=True).expand_as(score)
        return [score, score - best[:, None], slow, peak]


class _Layer(nn.Module):
    """Mixes over time, then over channels."""

    def __init__(self, dim, dilation):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mix = nn.Conv1d(
            dim, dim, 5, padding=2 * dilation, dilation=dilation, groups=dim
        )
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2 * dim),
            nn.GELU(),
            nn.Linear(2 * dim, dim),
        )

    def forward(self, x):
        mixed = self.mix(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mlp(mixed)
