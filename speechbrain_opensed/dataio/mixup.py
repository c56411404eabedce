"""Mixup of clips that were asked different questions.

Mixup (https://arxiv.org/abs/1710.09412) mixes two clips and what is known of
both. With prompts, a clip may have been asked what its partner was not: of
such a query nothing is known in the mixture.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from speechbrain_opensed.dataio.sets.detection import SedBatch

__all__ = ["mix_clips"]


def mix_clips(
    batch: SedBatch,
    generator: torch.Generator,
    alpha: float = 0.2,
    share: float = 0.5,
) -> SedBatch:
    """Mixes each clip of a batch with another one.

    Arguments
    ---------
    batch : SedBatch
        With audio.
    generator : torch.Generator
        Source of all choices.
    alpha : float
        Parameter of the Beta distribution of the shares.
    share : float
        Share of the batches that are mixed.

    Returns
    -------
    SedBatch
        Of the same queries; targets lie between 0 and 1.

    Raises
    ------
    ValueError
        If alpha is not above 0, or share not between 0 and 1.

    Example
    -------
    >>> from lhotse import CutSet
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> from speechbrain_opensed.dataio.queries import AllQueries
    >>> from speechbrain_opensed.dataio.sets.detection import SedDataset
    >>> cuts = [dummy_cut(k, with_data=True) for k in range(2)]
    >>> for cut in cuts:
    ...     cut.events_complete = True
    >>> dataset = SedDataset(SedSpec(), AllQueries(["Dog"]), {"Dog": "dog"})
    >>> batch = dataset[CutSet.from_cuts(cuts)]
    >>> mixed = mix_clips(batch, torch.Generator().manual_seed(0), share=1.0)
    >>> mixed.wavs.shape == batch.wavs.shape, mixed.mask.tolist()
    (True, [[True], [True]])
    """
    if not alpha > 0 or not 0 <= share <= 1:
        raise ValueError(
            f"mixup with alpha {alpha}, share {share}: give an alpha above 0 "
            "and a share from 0 to 1"
        )
    seed = int(torch.randint(2**31, (1,), generator=generator))
    rng = np.random.default_rng(seed)
    if len(batch) < 2 or rng.random() >= share:
        return batch
    kept = float(rng.beta(alpha, alpha))
    # A cycle: nobody is mixed with itself.
    partner = torch.from_numpy(np.roll(np.arange(len(batch)), 1))
    partner = partner.to(batch.wavs.device)
    same = batch.query_index[:, :, None] == batch.query_index[partner][:, None]

    def both(targets: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        known = same & mask[partner][:, None]
        there = targets[partner].flatten(2) if targets.ndim > 2 else None
        if there is None:
            other = (known * targets[partner][:, None]).amax(2)
        else:
            first = known.float().argmax(2)
            rows = first[:, :, None].expand(-1, -1, there.shape[2])
            other = there.gather(1, rows) * known.any(2)[:, :, None]
        return kept * targets + (1 - kept) * other, mask & known.any(2)

    targets, mask = both(batch.targets, batch.mask)
    clip_targets, clip_mask = both(batch.clip_targets, batch.clip_mask)
    return replace(
        batch,
        wavs=kept * batch.wavs + (1 - kept) * batch.wavs[partner],
        wav_lens=torch.maximum(batch.wav_lens, batch.wav_lens[partner]),
        frame_mask=batch.frame_mask | batch.frame_mask[partner],
        targets=targets,
        mask=mask,
        clip_targets=clip_targets,
        clip_mask=clip_mask,
    )
