"""Figures of embeddings on their two main axes.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

from speechbrain_opensed.lobes.prompts import (
    PromptLearner,
    canonical_name,
)
from speechbrain_opensed.lobes.prompts.templates import template_embeds
from speechbrain_opensed.plotting.figures import check_figure_path, save_figure

__all__ = ["plot_embeddings", "plot_prompts", "principal_axes"]


def principal_axes(embeds: Tensor) -> Tensor:
    """Where points lie on the two axes along which they vary most.

    Arguments
    ---------
    embeds : torch.Tensor
        `[points, dim]`, two or more.

    Returns
    -------
    torch.Tensor
        `[points, 2]`.

    Example
    -------
    >>> points = torch.tensor([[0.0, 1.0, 5.0], [0.0, 1.0, 7.0]])
    >>> principal_axes(points).abs().tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    centred = embeds.double() - embeds.double().mean(dim=0)
    u, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
    places = torch.zeros(len(embeds), 2, dtype=torch.double)
    kept = min(2, len(sizes))
    places[:, :kept] = u[:, :kept] * sizes[:kept]
    # The sign of an axis is arbitrary: the point furthest out is positive.
    far = places.abs().argmax(dim=0)
    return places * torch.where(places[far, [0, 1]] < 0, -1.0, 1.0)


def plot_embeddings(
    panels: Mapping[str, Tensor],
    names: Sequence[str],
    out: str | Path,
    *,
    owners: Sequence[str] = (),
    max_labels: int = 30,
) -> Path:
    """Draws classes and their neighbours in meaning, one panel beside another.

    Arguments
    ---------
    panels : mapping from str to torch.Tensor
        Title to embeddings `[points, dim]`: classes, then neighbours. Each
        panel has axes of its own.
    names : sequence of str
        The classes.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.
    owners : sequence of str
        The class of each neighbour, one of `names`.
    max_labels : int
        Names are written where there are no more classes than this.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the numbers do not fit or the extension is unknown.

    Example
    -------
    >>> out = getfixture("tmp_path") / "a.png"
    >>> points = torch.rand(3, 4)
    >>> labels = ["dog", "cat"]
    >>> out = plot_embeddings({"x": points}, labels, out, owners=["cat"])
    >>> out.stat().st_size > 1000
    True
    """
    out = check_figure_path(out)
    for title, embeds in panels.items():
        if len(embeds) != len(names) + len(owners):
            raise ValueError(
                f"{title}: {len(embeds)} points for {len(names)} classes and "
                f"{len(owners)} neighbours"
            )
    colour = {
        name: colormaps["turbo"](row / max(1, len(names) - 1))
        for row, name in enumerate(names)
    }
    figure = Figure(figsize=(5.5 * len(panels), 5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels)))
    for axis, (title, embeds) in zip(axes, panels.items(), strict=True):
        places = principal_axes(embeds)
        centres, near = places[: len(names)], places[len(names) :]
        axis.scatter(
            *near.T, s=12, alpha=0.6, color=[colour[one] for one in owners]
        )
        axis.scatter(
            *centres.T,
            s=60,
            marker="*",
            color=[colour[name] for name in names],
            edgecolor="black",
            linewidth=0.4,
        )
        if len(names) <= max_labels:
            for name, place in zip(names, centres.tolist(), strict=True):
                axis.annotate(name, place, fontsize=6, alpha=0.8)
        axis.margins(x=0.15)
        axis.set_title(title, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    return save_figure(figure, out)


@torch.no_grad()
def plot_prompts(
    learner: PromptLearner,
    names: Sequence[str],
    neighbors: Mapping[str, Sequence[str]],
    templates: Sequence[str],
    out: str | Path,
) -> Path:
    """Draws what learning a prompt did to classes and neighbours.

    Arguments
    ---------
    learner : PromptLearner
        The learnt prompt, of a method that can encode any names.
    names : sequence of str
        The classes.
    neighbors : mapping from str to sequence of str
        Some of the classes to their neighbours.
    templates : sequence of str
        Hand-written prompts of the other panel.
    out : str or Path
        The figure's file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the learner cannot encode the names, or the extension is unknown.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> from speechbrain_opensed.lobes.prompts import CoOp
    >>> learner = CoOp(FineLAPTower.tiny(), ["dog", "rain"], context=2)
    >>> out = getfixture("tmp_path") / "a.png"
    >>> near = {"dog": ["puppy"], "rain": ["drizzle"]}
    >>> plot_prompts(learner, ["dog", "rain"], near, ["a {}"], out).is_file()
    True
    """
    names = [canonical_name(name) for name in names]
    texts = [*names, *(word for row in neighbors.values() for word in row)]
    before = template_embeds(learner.tower, texts, templates)
    return plot_embeddings(
        {
            "hand-written prompts": before.cpu(),
            "learnt prompt": learner.encode_names(texts).cpu(),
        },
        names,
        out,
        owners=[
            canonical_name(name) for name, row in neighbors.items() for _ in row
        ],
    )
