"""Captioned, tagged and annotated clips to batches of language and audio.

What FineLAP (https://arxiv.org/abs/2604.01155) trains on: every clip comes
with a caption, and clips whose events are known with phrases and frames too.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.schema import captions_of, tags_of, trim_events
from lhotse_recipes.soundscapes.captions import describe, describe_tags
from speechbrain_opensed.core.levels import check_level
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import (
    BatchKey,
    TensorBatch,
    cut_generator,
    load_waves,
)
from speechbrain_opensed.dataio.phrases.cluster_negatives import (
    ClusterQueries,
    index_phrases,
)

__all__ = ["LanguageAudioBatch", "LanguageAudioDataset", "draw_caption"]


@dataclass
class LanguageAudioBatch(TensorBatch):
    """A batch for models of language and audio, in clips and in frames.

    Arguments
    ---------
    ids : list of str
        Ids of the cuts.
    wavs : torch.Tensor
        Audio `[batch, samples]`, zeros behind shorter clips.
    wav_lens : torch.Tensor
        Length of each clip relative to `samples`, `[batch]`.
    texts : list of str
        All captions and phrases of the batch, each once.
    captions : torch.Tensor
        Which text is the caption of each clip, int64 `[batch]`.
    query_index : torch.Tensor
        Which text each phrase is, int64 `[batch, phrases]`.
    targets : torch.Tensor
        0 or 1, float32 `[batch, phrases, frames]`.
    mask : torch.Tensor
        Phrases that count, bool `[batch, phrases]`. False is padding; it is
        False for all phrases of clips whose events are not known.
    frame_mask : torch.Tensor
        Frames that hold audio, bool `[batch, frames]`.

    Example
    -------
    >>> batch = LanguageAudioBatch(
    ...     ids=["a", "b"],
    ...     wavs=torch.zeros(2, 8),
    ...     wav_lens=torch.ones(2),
    ...     texts=["It rains.", "A dog barks.", "rain"],
    ...     captions=torch.tensor([0, 1]),
    ...     query_index=torch.tensor([[2], [0]]),
    ...     targets=torch.ones(2, 1, 2),
    ...     mask=torch.tensor([[True], [False]]),
    ...     frame_mask=torch.ones(2, 2, dtype=torch.bool),
    ... )
    >>> batch.grounded.tolist(), batch.loss_mask.sum((1, 2)).tolist()
    ([True, False], [2, 0])
    """

    wavs: torch.Tensor
    wav_lens: torch.Tensor
    texts: list[str]
    captions: torch.Tensor
    query_index: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    frame_mask: torch.Tensor

    @property
    def grounded(self) -> torch.Tensor:
        """Clips of which frames are known, bool `[batch]`."""
        return self.mask.any(dim=1)

    @property
    def loss_mask(self) -> torch.Tensor:
        """What the frame loss may look at, bool `[batch, phrases, frames]`."""
        return self.mask[:, :, None] & self.frame_mask[:, None]


class LanguageAudioDataset(torch.utils.data.Dataset):
    """Turns cuts with captions, tags or events, in any mix, into batches.

    Of several captions one is drawn; a clip without any is described by a
    rule. Clips that are longer than the window lose what is behind it, as
    published; those shorter than one frame are padded to one.

    Arguments
    ---------
    spec : SedSpec
        Sample rate, frame hop and window.
    query_sampler : callable
        (cut, numpy Generator) to `ClusterQueries`; see `ClusterNegatives`.
    seed : int
        Of the draws of captions and phrases.
    normalize : str or None
        See `core.levels.check_level`.
    rounding : str
        See `targets.frame_span`.

    Raises
    ------
    ValueError
        If `normalize` is unknown; when indexed, if nothing is known about a
        cut, a caption is empty, or its audio cannot be used.
    FileNotFoundError
        When indexed, if audio is missing; see `audio.with_audio`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> from speechbrain_opensed.dataio.phrases.cluster_negatives import (
    ...     ClusterNegatives,
    ... )
    >>> from speechbrain_opensed.dataio.phrases.bank import PhraseBank
    >>> bark = event("r", 0, 0.1, 0.2, "dog barking", "Bark")
    >>> cut = dummy_cut(0, supervisions=[bark], with_data=True)
    >>> cut.events_complete = True
    >>> sampler = ClusterNegatives(PhraseBank({"Bark": [], "Rain": []}), None)
    >>> dataset = LanguageAudioDataset(SedSpec(hop_seconds=0.16), sampler)
    >>> batch = dataset[CutSet.from_cuts([cut])]
    >>> batch.texts, batch.query_index.tolist()
    (['The recording has dog barking.', 'Bark', 'Rain'], [[1, 2]])
    >>> batch.wavs.shape, batch.targets.sum(2).tolist()
    (torch.Size([1, 160000]), [[2.0, 0.0]])
    """

    def __init__(
        self,
        spec: SedSpec,
        query_sampler: Callable[[Cut, np.random.Generator], ClusterQueries],
        seed: int = 0,
        *,
        normalize: str | None = "spec",
        rounding: str = "cover",
    ):
        self.spec = spec
        self.query_sampler = query_sampler
        self.seed = seed
        self.normalize = check_level(normalize)
        self.rounding = rounding

    def __getitem__(self, batch: BatchKey | CutSet) -> LanguageAudioBatch:
        key = BatchKey.of(batch)
        spec = self.spec
        cuts = [self._cropped(cut) for cut in key.cuts]
        wavs, wav_lens, frame_mask = load_waves(cuts, spec, self.normalize)
        # What is shorter than a frame is one: no encoder takes less.
        wav_lens.clamp_(min=spec.hop_samples / spec.num_samples)
        frame_mask[:, 0] = True

        captions, queries = [], []
        for cut in cuts:
            rng = cut_generator(self.seed, key, cut)
            captions.append(draw_caption(cut, rng))
            queries.append(self._queries(cut, rng))
        texts, rows, mask = index_phrases(
            [
                (caption, *asked.phrases)
                for caption, asked in zip(captions, queries, strict=True)
            ]
        )
        rows, mask = torch.from_numpy(rows), torch.from_numpy(mask)
        # Without any phrase there is one column, which does not count.
        width = max(1, rows.shape[1] - 1)
        targets = torch.zeros(len(cuts), width, frame_mask.shape[1])
        for i, (cut, asked) in enumerate(zip(cuts, queries, strict=True)):
            targets[i, : len(asked.phrases)] = torch.from_numpy(
                asked.targets(
                    cut, spec.hop_seconds, targets.shape[2], self.rounding
                )
            )
        return LanguageAudioBatch(
            ids=[cut.id for cut in cuts],
            wavs=wavs,
            wav_lens=wav_lens,
            texts=texts,
            captions=rows[:, 0],
            query_index=_columns(rows, width),
            targets=targets,
            mask=_columns(mask, width),
            frame_mask=frame_mask,
        )

    def _cropped(self, cut):
        if cut.duration <= self.spec.window_seconds:
            return cut
        return cut.truncate(duration=self.spec.window_seconds, preserve_id=True)

    def _queries(self, cut, rng):
        complete = cut.has_custom("events_complete") and cut.events_complete
        if not complete and not trim_events(cut):
            return ClusterQueries((), (), ())
        return self.query_sampler(cut, rng)


def draw_caption(cut: Cut, rng: np.random.Generator) -> str:
    """One sentence about a clip.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The clip.
    rng : numpy.random.Generator
        Chooses among several captions, or the wording of a rule's.

    Returns
    -------
    str
        One of its captions; where there is none, a rule's, from its events
        or else its tags.

    Raises
    ------
    ValueError
        If there is nothing to go by, or a caption is empty.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> cut = dummy_cut(0, supervisions=[tag("r", 0, 1.0, "rain", "Rain")])
    >>> draw_caption(cut, np.random.default_rng(0))
    'Rain can be heard.'
    """
    captions = captions_of(cut)
    if captions:
        text = captions[rng.integers(len(captions))].text
        if not text or not text.strip():
            raise ValueError(
                f"cut {cut.id} has an empty caption: correct it, or remove "
                "it from the manifest"
            )
        return text
    events = trim_events(cut)
    tags = [tag.text for tag in tags_of(cut)]
    if tags and not events:
        return describe_tags(tags, rng)
    complete = cut.has_custom("events_complete") and cut.events_complete
    if not events and not complete:
        raise ValueError(
            f"cut {cut.id} has neither caption nor tag nor event, and does "
            "not say that there is none: leave it out of the manifest"
        )
    return describe([(e.start, e.end, e.text) for e in events], rng)


def _columns(rows: torch.Tensor, width: int) -> torch.Tensor:
    """All columns but the first, at least `width`; what is added is 0."""
    columns = rows[:, 1:]
    return torch.nn.functional.pad(columns, (0, width - columns.shape[1]))
