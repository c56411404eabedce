"""From cuts to scores, batch by batch.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from lhotse.cut import Cut
from tqdm import tqdm

from lhotse_recipes.manifests import check_cut, num_cuts
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.inference.detector import SoundEventDetector

__all__ = ["score_cuts"]


def score_cuts(
    cuts: Iterable[Cut],
    detector: SoundEventDetector,
    phrases: Sequence[str],
    *,
    batch_size: int = 4,
    normalize: str | None = "spec",
    failed: dict[str, str] | None = None,
    allow_commands: bool = False,
) -> Iterator[tuple[Cut, np.ndarray]]:
    """Score cuts of any length, rate and number of tracks.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        What to listen to.
    detector : SoundEventDetector
        The model.
    phrases : sequence of str
        What to look for.
    batch_size : int
        Cuts that are read, and windows that are encoded, at once.
    normalize : str or None
        See :meth:`SoundEventDetector.detect_batch`.
    failed : dict, optional
        Where given, cuts that cannot be used are left out, and noted here:
        id to reason.
    allow_commands : bool
        Let audio come from shell commands and addresses on the net.

    Yields
    ------
    (lhotse.cut.Cut, np.ndarray)
        The cut and its probabilities `[frames, phrases]`, not smoothed.

    Raises
    ------
    ValueError
        If a cut or its audio cannot be used; the message names the cut.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> detector = SoundEventDetector(
    ...     {
    ...         "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
    ...         "text_encoder": HashTextEncoder(dim=8),
    ...     },
    ...     {"spec": SedSpec()},
    ...     {"device": "cpu"},
    ... )
    >>> cuts = [dummy_cut(0, with_data=True)]
    >>> for cut, scores in score_cuts(cuts, detector, ["rain", "dog"]):
    ...     print(cut.id, scores.shape)
    dummy-mono-cut-0000 (25, 2)
    """

    def score(batch):
        for cut in batch:
            check_cut(cut, allow_commands)
        scores = _score_batch(batch, detector, phrases, batch_size, normalize)
        return list(zip(batch, scores, strict=True))

    with tqdm(
        total=num_cuts(cuts), desc="detect", unit="cut", delay=2
    ) as progress:
        remaining = iter(cuts)
        while batch := list(islice(remaining, max(1, batch_size))):
            try:
                done = score(batch)
            except (ValueError, OSError) as error:
                if failed is None:
                    raise
                if len(batch) == 1:
                    failed[batch[0].id] = " ".join(str(error).split())
                    done = []
                else:
                    done = _one_by_one(batch, score, failed)
            yield from done
            progress.update(len(batch))


def _one_by_one(batch, score, failed):
    """Those of a batch that can be used."""
    for cut in batch:
        try:
            yield from score([cut])
        except (ValueError, OSError) as error:
            failed[cut.id] = " ".join(str(error).split())


def _score_batch(cuts, detector, phrases, batch_size, normalize):
    spec = detector.spec
    waves = [
        torch.from_numpy(
            # The detector has windows of its own.
            load_window(cut, replace(spec, window_seconds=cut.duration + 1))
        )
        for cut in cuts
    ]
    lengths = torch.tensor([len(wave) for wave in waves])
    wavs = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    scores = detector.detect_batch(
        wavs,
        lengths.double() / wavs.shape[1],
        phrases,
        batch_size=batch_size,
        normalize=normalize,
    )
    scores = scores.cpu().numpy()
    frames = -(-lengths.numpy() // spec.hop_samples)
    return [row[:count] for row, count in zip(scores, frames, strict=True)]
