"""Hand-written prompts.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.base import canonical_name

__all__ = ["template_embeds"]


def template_embeds(
    tower: AudioLanguageModel, names: Sequence[str], templates: Sequence[str]
) -> Tensor:
    """Embeds names by hand-written prompts, as the model is.

    Arguments
    ---------
    tower : AudioLanguageModel
        The frozen tower.
    names : sequence of str
        Names of classes.
    templates : sequence of str
        Prompts; `{}` becomes the name. Embeddings of several are averaged.

    Returns
    -------
    torch.Tensor
        `[names, embed_dim]`, of norm 1.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> tower = FineLAPTower.tiny()
    >>> template_embeds(tower, ["dog", "rain"], ["a {}", "{}"]).shape
    torch.Size([2, 32])
    """
    written = [canonical_name(name) for name in names]
    embeds = [
        tower.encode_text([template.format(name) for name in written])
        for template in templates
    ]
    return F.normalize(torch.stack(embeds).mean(0), dim=-1)
