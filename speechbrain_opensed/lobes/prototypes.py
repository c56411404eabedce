"""What phrases are likely to sound like, in closed form.

Frames of labelled mixtures give each class a mean and all classes a common
covariance: linear discriminant analysis. From phrases to these means goes a
Gaussian process over text embeddings: asked for what it knows it answers with
that class's mean, asked for something else with a mixture of neighbours and
with a variance that says so.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Prototypes"]

FEW = 0.2  # variance of the mean of one recording


class Prototypes(nn.Module):
    """Likelihood of frames under what phrases sound like.

    Arguments
    ---------
    feature_dim : int
        Width of a frame.
    query_dim : int
        Width of a text embedding.
    max_anchors : int
        Most classes that :meth:`fit` takes.
    shrinkage : float
        Share of the common covariance that is replaced by its mean
        variance.
    ridge : float
        Variance of what text does not tell, of a text embedding's own 1.

    Example
    -------
    >>> prototypes = Prototypes(2, 2, max_anchors=4)
    >>> frames = torch.randn(1, 90, 2) + torch.eye(3, 2).repeat(30, 1) * 9
    >>> targets = torch.eye(3)[:2].repeat(1, 30)[None]
    >>> prototypes.fit([(frames, targets)], torch.eye(2)).num_anchors.item()
    2
    >>> scores = prototypes.score(
    ...     prototypes.project(frames), prototypes(torch.eye(2))[0][None]
    ... )
    >>> scores.shape, scores[0, :, :2].argmax(0).tolist()
    (torch.Size([1, 2, 90]), [0, 1])
    """

    def __init__(
        self,
        feature_dim: int,
        query_dim: int,
        max_anchors: int = 256,
        *,
        shrinkage: float = 0.1,
        ridge: float = 0.05,
    ):
        super().__init__()
        self.shrinkage = shrinkage
        self.ridge = ridge
        sizes = {
            "background": (feature_dim,),
            "basis": (feature_dim, max_anchors),
            "text_centre": (query_dim,),
            "anchors": (max_anchors, query_dim),
            "inverse": (max_anchors, max_anchors),
            "weights": (max_anchors, max_anchors),
        }
        for name, size in sizes.items():
            self.register_buffer(name, torch.zeros(size))
        self.register_buffer("num_anchors", torch.tensor(0))

    def fit(
        self,
        batches: Iterable[tuple[Tensor, Tensor]],
        queries: Tensor,
        text_centre: Tensor | None = None,
    ) -> "Prototypes":
        """Learns classes from labelled frames.

        Arguments
        ---------
        batches : iterable of (torch.Tensor, torch.Tensor)
            Frames `[batch, time, feature_dim]` and targets `[batch,
            classes, time]`, 0 or 1.
        queries : torch.Tensor
            Text embedding of each class, `[classes, query_dim]`.
        text_centre : torch.Tensor, optional
            What is taken off embeddings of norm 1, `[query_dim]`; default:
            their mean over the classes. Nearly all text embeddings share a
            direction that tells nothing.

        Returns
        -------
        Prototypes
            Itself.

        Raises
        ------
        ValueError
            If there are more classes than `max_anchors`, or a class has no
            frame.
        """
        count, limit = len(queries), len(self.anchors)
        if count > limit:
            raise ValueError(
                f"{count} classes: set max_anchors ({limit}) to as many"
            )
        dim = len(self.background)
        sums = torch.zeros(count + 1, dim, dtype=torch.double)
        numbers = torch.zeros(count + 1, dtype=torch.double)
        products = torch.zeros(dim, dim, dtype=torch.double)
        for frames, targets in batches:
            shares = torch.cat([targets, 1 - targets.amax(1, True)], dim=1)
            # Where several sound at once, each has its share of the frame.
            shares = shares / shares.sum(1, keepdim=True)
            x = _compressed(frames.float()).flatten(0, 1)
            y = shares.float().transpose(1, 2).flatten(0, 1)
            sums += y.T @ x
            numbers += y.sum(0)
            products += x.T @ x
        empty = (numbers[:-1] == 0).nonzero().flatten().tolist()
        if empty:
            raise ValueError(f"classes without a frame: {empty}")
        # Where everything sounds all the time, the mean of all is background.
        if numbers[-1] == 0:
            sums[-1], numbers[-1] = sums.sum(0), numbers.sum()
        means = sums / numbers[:, None]
        share = numbers / numbers.sum()
        within = products / numbers.sum() - means.T @ (share[:, None] * means)
        scale = within.diagonal().mean()
        within = within * (1 - self.shrinkage)
        within.diagonal().add_(self.shrinkage * scale + 1e-6)
        whiten = torch.linalg.inv(torch.linalg.cholesky(within)).T
        prototypes = (means[:-1] - means[-1]) @ whiten
        # The classes span at most as many directions as there are classes.
        axes = torch.linalg.svd(prototypes.T, full_matrices=False)[0]
        prototypes, basis = prototypes @ axes, whiten @ axes
        if text_centre is None:
            text_centre = F.normalize(queries, dim=-1).mean(0)
        self.text_centre.copy_(text_centre)
        anchors = self.place(queries).double()
        kernel = anchors @ anchors.T
        kernel.diagonal().add_(self.ridge)
        inverse = torch.linalg.inv(kernel)
        for name in ("basis", "anchors", "inverse", "weights"):
            getattr(self, name).zero_()
        self.background.copy_(means[-1])
        self.basis[:, : axes.shape[1]] = basis
        self.anchors[:count] = anchors
        self.inverse[:count, :count] = inverse
        self.weights[:count, : axes.shape[1]] = inverse @ prototypes
        self.num_anchors.fill_(count)
        return self

    def add(
        self,
        frames: Tensor,
        targets: Tensor,
        queries: Tensor,
        counts: Sequence[int],
    ) -> "Prototypes":
        """Takes in classes beside those that were fitted.

        A class of few recordings is placed between what they say and what
        the text and the other classes do: its mean has a variance of its own.

        Arguments
        ---------
        frames : torch.Tensor
            `[batch, time, feature_dim]`.
        targets : torch.Tensor
            1 where the classes sound, `[batch, classes, time]`.
        queries : torch.Tensor
            Text embedding of each class, `[classes, query_dim]`.
        counts : sequence of int
            Recordings of each class.

        Returns
        -------
        Prototypes
            Itself.

        Raises
        ------
        ValueError
            If nothing was fitted before, there are too many classes, or a
            class has no frame.
        """
        known, new = int(self.num_anchors), len(queries)
        if not known:
            raise ValueError("no class was fitted: fit some before adding")
        if known + new > len(self.anchors):
            raise ValueError(
                f"{known} classes and {new} new ones: the model was made for "
                f"{len(self.anchors)} (max_anchors)"
            )
        numbers = targets.sum((0, 2))
        if (numbers == 0).any():
            raise ValueError("a class without a frame: give longer examples")
        x = self.project(frames.float()).flatten(0, 1).double()
        y = targets.transpose(1, 2).flatten(0, 1).double()
        means = (y.T @ x) / numbers[:, None].double()
        # Against what else there is in the same clips: their noise and room
        # are not those that the others were learned in.
        rest = 1 - y.amax(1)
        means = means - (rest @ x) / rest.sum().clamp(min=1)
        anchors = torch.cat([self.anchors[:known], self.place(queries)])
        kernel = (anchors @ anchors.T).double()
        old = self.inverse[:known, :known].double()
        noise = torch.full((known + new,), self.ridge).to(kernel)
        noise[:known] = torch.linalg.inv(old).diagonal() - 1
        noise[known:] += FEW / torch.tensor(list(counts)).to(kernel)
        kernel.diagonal().add_(noise)
        # What the fit was given follows from what came of it.
        fitted = torch.linalg.inv(old) @ self.weights[:known].double()
        inverse = torch.linalg.inv(kernel)
        count = known + new
        self.anchors[known:count] = anchors[known:]
        self.inverse[:count, :count] = inverse
        self.weights[:count] = inverse @ torch.cat([fitted, means])
        self.num_anchors.fill_(count)
        return self

    def place(self, queries: Tensor) -> Tensor:
        """Text embeddings `[..., query_dim]`, centred, of norm 1."""
        centred = F.normalize(queries, dim=-1) - self.text_centre
        return F.normalize(centred, dim=-1)

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Prototypes of phrases.

        Arguments
        ---------
        queries : torch.Tensor
            Text embeddings, `[..., query_dim]`.

        Returns
        -------
        torch.Tensor
            Means, `[..., max_anchors]`.
        torch.Tensor
            How little the known classes tell of each, from 0 (it is one of
            them) to 1, `[...]`.
        """
        kernel = self.place(queries) @ self.anchors.T
        explained = ((kernel @ self.inverse) * kernel).sum(-1)
        return kernel @ self.weights, (1 - explained).clamp(0, 1)

    def left_out(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, as if the nearest class had not been heard.

        The leave-one-out formula of Gaussian processes (Rasmussen and
        Williams 2006, equations 5.10 to 5.12).
        """
        nearest = (self.place(queries) @ self.anchors.T).argmax(-1)
        scale = self.inverse.diagonal().clamp(min=1e-9)
        weight = (self.weights / scale[:, None])[nearest]
        # The class's own mean is what the weights give with its noise.
        own = (
            self.anchors @ self.anchors.T @ self.weights
            + self.ridge * self.weights
        )[nearest]
        return own - weight, (1 / scale - self.ridge).clamp(0, 1)[nearest]

    def project(self, frames: Tensor) -> Tensor:
        """Frames `[batch, time, feature_dim]` to the classes' space."""
        return (_compressed(frames) - self.background) @ self.basis

    def score(self, projected: Tensor, prototypes: Tensor) -> Tensor:
        """Log likelihood of frames, above that of the background.

        Arguments
        ---------
        projected : torch.Tensor
            From :meth:`project`, `[batch, time, max_anchors]`.
        prototypes : torch.Tensor
            `[batch, queries, max_anchors]`, or of one batch for all.

        Returns
        -------
        torch.Tensor
            `[batch, queries, time]`.
        """
        level = 0.5 * prototypes.square().sum(-1, keepdim=True)
        return prototypes @ projected.transpose(1, 2) - level

    def known(self, projected: Tensor) -> Tensor:
        """Scores of all known classes, `[batch, classes, time]`."""
        anchors = self.anchors[: int(self.num_anchors)]
        means = anchors @ self.anchors.T @ self.weights
        return self.score(projected, means[None])


def _compressed(x: Tensor) -> Tensor:
    """Activations have long tails, which their roots have not."""
    return x.sign() * x.abs().sqrt()
