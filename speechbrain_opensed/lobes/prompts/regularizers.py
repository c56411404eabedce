"""What keeps learned prompts near the knowledge of the frozen model.

Papers: https://arxiv.org/abs/2303.13283 (KgCoOp) and
https://arxiv.org/abs/2601.20867 (SEPT). Each is called with a prompt learner
and its class embeddings and gives a number, so that any of them go together.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from speechbrain_opensed.lobes.prompts.base import (
    PromptLearner,
    canonical_name,
)
from speechbrain_opensed.losses import semantic_expansion_loss

__all__ = ["TEMPLATES", "KnowledgeGuidance", "SemanticExpansion"]

TEMPLATES = (
    "this is a sound of {}",
    "a recording of {}",
    "{} can be heard",
    "the sound of {}",
    "an audio clip of {}",
    "someone recorded {}",
    "you hear {}",
    "this audio contains {}",
    "a field recording with {}",
    "{} in the background",
)


class KnowledgeGuidance(nn.Module):
    """The loss of KgCoOp: classes stay near a hand-written prompt's place.

    Arguments
    ---------
    weight : float
        Factor of the loss; 8 in the paper's code.
    template : str
        The prompt; `{}` becomes the class.
    form : str
        `cosine`, 1 minus the mean cosine, as the paper's code has it; or
        `squared`, the mean squared distance, as the paper has it, which is
        twice as much.

    Raises
    ------
    ValueError
        If an option has another value.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> from speechbrain_opensed.lobes.prompts.coop import CoOp
    >>> learner = CoOp(FineLAPTower.tiny(), ["dog", "rain"], context=2)
    >>> guidance = KnowledgeGuidance()
    >>> bool(guidance(learner, learner.class_embeds()) > 0)
    True
    """

    def __init__(
        self,
        weight: float = 8.0,
        template: str = TEMPLATES[0],
        form: str = "cosine",
    ):
        super().__init__()
        if form not in ("cosine", "squared"):
            raise ValueError(f"form is {form!r}: choose 'cosine' or 'squared'")
        self.weight = weight
        (self.template,) = _checked_templates([template])
        self.form = form
        self._anchors = _PerClasses()

    def forward(self, learner: PromptLearner, z: Tensor) -> Tensor:
        """How far classes are from their places, weighted.

        Arguments
        ---------
        learner : PromptLearner
            Says what the classes are.
        z : torch.Tensor
            Its class embeddings, `[classes, embed_dim]`, of norm 1.

        Returns
        -------
        torch.Tensor
            The loss.
        """
        anchors = self._anchors(learner, self._encode).to(z.device)
        cosines = (z * anchors).sum(dim=1)
        distance = 1 - cosines.mean()
        if self.form == "squared":
            distance = (z - anchors).square().sum(dim=1).mean()
        return self.weight * distance

    def _encode(self, learner):
        return learner.tower.encode_text(
            [self.template.format(canonical_name(n)) for n in learner.names]
        )


class SemanticExpansion(nn.Module):
    """The loss of SEPT: neighbours in meaning keep their distances.

    Classes and their neighbours are prompted by the same learned context.
    Neighbours further than the frozen model has them are pulled to their
    class, those nearer to other classes are pushed away. With CoCoOp, all
    are prompted as its `regularize_at` says; with DePT, the loss is taken
    before its scales.

    Arguments
    ---------
    neighbors : mapping of str to sequence of str
        For each class, words and phrases of like meaning and sound; classes
        are found by :func:`canonical_name`. Classes that are not learned are
        passed over.
    weight : float
        Factor of the loss; the paper does not tell it.
    templates : int or sequence of str
        Prompts whose mean distances in the frozen model are the margins:
        how many of :data:`TEMPLATES`, or own ones, `{}` for the name.
    num_neighbors : int, optional
        The first so many of each class; default: all, of which each class
        must have as many as the others.
    intra : bool
        Whether distances within a class count.
    inter : bool
        Whether distances between classes count.
    margins : bool
        False: no margins, distances are made small and large without limit.
    normalize : bool
        See :func:`~speechbrain_opensed.losses.semantic_expansion_loss`.
    detach_neighbors : bool
        Whether neighbours are encoded without gradients, which is cheaper.
    neighbor_subsample : int, optional
        Neighbours of each class that are drawn for a step of training;
        default: all.
    seed : int
        Of the draws, which depend on it and on the number of steps. That
        number is the module's state.

    Raises
    ------
    ValueError
        If an option does not fit, or neighbours of a class are missing or
        too few.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> from speechbrain_opensed.lobes.prompts.coop import CoOp
    >>> learner = CoOp(FineLAPTower.tiny(), ["dog", "rain"], context=2)
    >>> expansion = SemanticExpansion(
    ...     {"dog": ["puppy", "hound"], "rain": ["drizzle", "downpour"]}
    ... )
    >>> expansion(learner, learner.class_embeds()).shape
    torch.Size([])
    """

    def __init__(
        self,
        neighbors: Mapping[str, Sequence[str]],
        weight: float = 1.0,
        templates: int | Sequence[str] = 5,
        *,
        num_neighbors: int | None = None,
        intra: bool = True,
        inter: bool = True,
        margins: bool = True,
        normalize: bool = True,
        detach_neighbors: bool = False,
        neighbor_subsample: int | None = None,
        seed: int = 0,
    ):
        super().__init__()
        if not (intra or inter):
            raise ValueError("neither intra nor inter: leave the loss out")
        self.neighbors = {
            canonical_name(name): tuple(words)
            for name, words in neighbors.items()
        }
        self.weight = weight
        self.templates = _checked_templates(templates)
        for what, count in (
            ("num_neighbors", num_neighbors),
            ("neighbor_subsample", neighbor_subsample),
        ):
            if count is not None and count < 1:
                raise ValueError(f"{what} is {count}: give 1 or more, or None")
        self.num_neighbors = num_neighbors
        self.intra, self.inter, self.margins = intra, inter, margins
        self.normalize = normalize
        self.detach_neighbors = detach_neighbors
        self.neighbor_subsample = neighbor_subsample
        self.seed = seed
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._margins = _PerClasses()

    def neighbors_of(self, names: Sequence[str]) -> list[list[str]]:
        """Those of some classes, as many of each.

        Arguments
        ---------
        names : sequence of str
            The classes.

        Returns
        -------
        list of list of str
            Their neighbours.

        Raises
        ------
        ValueError
            If a class has none or too few.
        """
        rows = [self.neighbors.get(canonical_name(n), ()) for n in names]
        wanted = self.num_neighbors or max(map(len, rows))
        for name, row in zip(names, rows, strict=True):
            if len(row) < max(1, wanted):
                raise ValueError(
                    f"class {name!r} has {len(row)} neighbours and "
                    f"{max(1, wanted)} are asked for: add some to the file of "
                    "neighbours, or set num_neighbors to fewer"
                )
        return [list(row[:wanted]) for row in rows]

    def margins_of(self, learner: PromptLearner) -> Tensor:
        """Distances in the frozen model, computed once for some classes.

        Arguments
        ---------
        learner : PromptLearner
            Says what the classes and the tower are.

        Returns
        -------
        torch.Tensor
            Of each class to each neighbour of each class, `[classes,
            classes, neighbors]`.
        """
        return self._margins(learner, self._measure)

    def forward(self, learner: PromptLearner, z: Tensor) -> Tensor:
        """How far distances are beyond their margins, weighted.

        Arguments
        ---------
        learner : PromptLearner
            Encodes the neighbours.
        z : torch.Tensor
            Its class embeddings, `[classes, embed_dim]`.

        Returns
        -------
        torch.Tensor
            The loss.
        """
        words = self.neighbors_of(learner.names)
        margins = (
            self.margins_of(learner).to(z.device) if self.margins else None
        )
        if self.neighbor_subsample is not None and self.training:
            words, margins = self._draw(words, margins)
        flat = [word for row in words for word in row]
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and not self.detach_neighbors
        ):
            p = learner.encode_names(flat)
        loss = semantic_expansion_loss(
            z,
            p.view(len(words), len(words[0]), -1),
            margins,
            intra=self.intra,
            inter=self.inter,
            normalize=self.normalize,
        )
        return self.weight * loss

    def _draw(self, words, margins):
        """The same for a seed and step, whatever else was drawn."""
        k, n = len(words), len(words[0])
        if self.neighbor_subsample > n:
            raise ValueError(
                f"neighbor_subsample is {self.neighbor_subsample}, but there "
                f"are {n} neighbours of each class: draw fewer"
            )
        draw = np.random.default_rng([self.seed, self.steps.item()])
        self.steps += 1
        picks = draw.permuted(np.tile(np.arange(n), (k, 1)), axis=1)
        picks = np.sort(picks[:, : self.neighbor_subsample])
        words = [
            [row[i] for i in pick]
            for row, pick in zip(words, picks, strict=True)
        ]
        if margins is not None:
            index = torch.from_numpy(picks).to(margins.device)
            margins = margins.gather(2, index.expand(k, -1, -1))
        return words, margins

    def _measure(self, learner):
        words = self.neighbors_of(learner.names)
        names = [canonical_name(name) for name in learner.names]
        said = [canonical_name(word) for row in words for word in row]
        total = 0.0
        for template in tqdm(self.templates, desc="margins", delay=2):
            embeds = learner.tower.encode_text(
                [template.format(text) for text in (*names, *said)]
            )
            z, p = embeds[: len(names)], embeds[len(names) :]
            total = total + torch.cdist(
                z, p, compute_mode="donot_use_mm_for_euclid_dist"
            )
        return (total / len(self.templates)).view(len(names), len(names), -1)


class _PerClasses:
    """Keeps what was computed for the last classes and tower."""

    def __init__(self):
        self.key = self.value = None

    def __call__(self, learner, compute):
        key = (learner.tower, learner.class_key)
        if self.key != key:
            self.key, self.value = key, compute(learner)
        return self.value


def _checked_templates(templates):
    if isinstance(templates, int):
        if not 1 <= templates <= len(TEMPLATES):
            raise ValueError(
                f"templates is {templates}: there are {len(TEMPLATES)}; give "
                "own ones for more"
            )
        templates = TEMPLATES[:templates]
    templates = list(templates)
    for template in templates:
        if "{}" not in template:
            raise ValueError(f"template {template!r} has no {{}} for the name")
    if not templates:
        raise ValueError("no template: give at least one with {}")
    return templates
