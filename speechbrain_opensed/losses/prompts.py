"""The objective of prompts that stay near their neighbors in meaning.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "semantic_expansion_loss",
]


def semantic_expansion_loss(
    class_embeds: Tensor,
    neighbor_embeds: Tensor,
    margins: Tensor | None,
    *,
    intra: bool = True,
    inter: bool = True,
    normalize: bool = True,
) -> Tensor:
    """Keeps classes near their neighbours in meaning, far from others'.

    SEPT (https://arxiv.org/abs/2601.20867): within a class, what is further
    than the margin is pulled; between classes, what is nearer is pushed.

    Arguments
    ---------
    class_embeds : torch.Tensor
        `[classes, dim]`.
    neighbor_embeds : torch.Tensor
        `[classes, neighbors, dim]`.
    margins : torch.Tensor or None
        Distances in the pretrained space, of each class to each neighbour
        of each class, `[classes, classes, neighbors]`. None: no margins,
        distances within a class are made small and those between classes
        large, without limit.
    intra : bool
        Whether distances within a class count.
    inter : bool
        Whether distances between classes count.
    normalize : bool
        Whether embeddings are brought to norm 1 first, as margins of
        cosine models need it.

    Returns
    -------
    torch.Tensor
        The mean over classes.

    Raises
    ------
    ValueError
        If the shapes do not fit, or nothing counts.

    Example
    -------
    >>> classes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> neighbors = torch.tensor(
    ...     [[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [0.8, 0.6]]]
    ... )
    >>> margins = 1 - 0.5 * torch.eye(2)[:, :, None].expand(2, 2, 2)
    >>> loss = semantic_expansion_loss(classes, neighbors, margins)
    >>> round(loss.item(), 4)
    0.381
    """
    k, n = neighbor_embeds.shape[:2]
    if class_embeds.shape != (k, neighbor_embeds.shape[2]) or (
        margins is not None and margins.shape != (k, k, n)
    ):
        raise ValueError(
            f"classes {list(class_embeds.shape)}, neighbors "
            f"{list(neighbor_embeds.shape)} and margins "
            f"{None if margins is None else list(margins.shape)}: give "
            "[classes, dim], [classes, neighbors, dim] and [classes, "
            "classes, neighbors]"
        )
    if not (intra or inter):
        raise ValueError("neither intra nor inter: leave the loss out")
    z, p = class_embeds.float(), neighbor_embeds.float()
    if normalize:
        z, p = F.normalize(z, dim=-1), F.normalize(p, dim=-1)
    # By matrix products, small distances would drown in rounding.
    distance = torch.cdist(
        z, p.flatten(0, 1), compute_mode="donot_use_mm_for_euclid_dist"
    ).view(k, k, n)
    excess = distance if margins is None else distance - margins
    pulled, pushed = excess, -excess
    if margins is not None:
        pulled, pushed = pulled.clamp(min=0), pushed.clamp(min=0)
    own = torch.eye(k, device=z.device, dtype=torch.bool)[:, :, None]
    loss = z.new_zeros(())
    if intra:
        loss = loss + (pulled * own).sum() / (k * n)
    if inter and k > 1:
        loss = loss + (pushed * ~own).sum() / (k * (k - 1) * n)
    return loss
