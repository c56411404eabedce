"""Cuts to batches for audio generation in the style of a reference.

Every random choice is made from (seed, epoch, batch number, cut id): batches
are the same for any number of workers, and after a resume.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import torch
from lhotse import CutSet
from lhotse.cut import Cut
from torch import Tensor

from lhotse_recipes.schema import captions_of
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.dataio.batches import BatchKey, TensorBatch

__all__ = ["REFERENCES", "ConditionDrop", "StyleBatch", "StyleDataset"]

REFERENCES = ("own", "shuffled", "none")


@dataclass(frozen=True)
class ConditionDrop:
    """Shares of the training clips that go without a condition.

    Arguments
    ---------
    both : float
        Without text and style.
    text : float
        Without text alone.
    style : float
        Without style alone.

    Raises
    ------
    ValueError
        If they are no shares.

    Example
    -------
    >>> drop = ConditionDrop(both=0.0, text=0.0, style=1.0)
    >>> drop(np.random.default_rng(0))
    (True, False)
    """

    both: float = 0.05
    text: float = 0.05
    style: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.both, self.text, self.style)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(
                f"shares of dropped conditions {shares} must be at least 0 "
                "and at most 1 together"
            )

    def __call__(self, rng: np.random.Generator) -> tuple[bool, bool]:
        """Whether text and style are kept."""
        draw = rng.random()
        if draw < self.both:
            return False, False
        if draw < self.both + self.text:
            return False, True
        return True, draw >= self.both + self.text + self.style


@dataclass
class StyleBatch(TensorBatch):
    """A batch for a generator with text and a reference as conditions.

    Arguments
    ---------
    ids : list of str
        Ids of the cuts.
    captions : list of str
        What is said about each; "" where text is dropped.
    references : torch.Tensor
        Reference sounds `[batch, samples]`, zeros behind shorter ones.
    reference_lens : torch.Tensor
        Their lengths relative to `samples`, `[batch]`.
    keep_style : torch.Tensor
        Clips whose reference counts, bool `[batch]`.
    wavs : torch.Tensor or None
        The clips `[batch, samples]`, where latents are not cached.
    mean, logvar : torch.Tensor or None
        Cached latents `[batch, channels, height, width]`, and the logarithm
        of their variance where the encoder has one.
    text_states : torch.Tensor or None
        Cached states of the captions `[batch, tokens, dim]`.
    text_mask : torch.Tensor or None
        Tokens that count, bool `[batch, tokens]`.

    Example
    -------
    >>> batch = StyleBatch(
    ...     ids=["a"],
    ...     captions=["a low sound"],
    ...     references=torch.zeros(1, 8),
    ...     reference_lens=torch.ones(1),
    ...     keep_style=torch.ones(1, dtype=torch.bool),
    ...     wavs=torch.zeros(1, 16),
    ... )
    >>> len(batch), batch.to("cpu").mean
    (1, None)
    """

    captions: list[str]
    references: Tensor
    reference_lens: Tensor
    keep_style: Tensor
    wavs: Tensor | None = None
    mean: Tensor | None = None
    logvar: Tensor | None = None
    text_states: Tensor | None = None
    text_mask: Tensor | None = None


class StyleDataset(torch.utils.data.Dataset):
    """Turns captioned cuts that know their references into batches.

    Cuts are those of `lhotse_recipes.prepare_serst` and
    `lhotse_recipes.soundscapes.prepare_styles`. In training (indexed with a
    `BatchKey`) one of a clip's captions and one of its references is drawn
    and conditions are dropped; in evaluation (indexed with a CutSet) it is
    the first of each, and all are kept.

    Arguments
    ---------
    references : iterable of Cut
        The reference sounds of all clips.
    spec : SedSpec
        Sample rate and length of the clips; shorter ones are padded.
    ref_seconds : float
        Length of a reference; longer ones are cut, shorter ones padded.
    reference : str
        `"own"`; `"shuffled"`: one of another clip, drawn at random, which
        tells nothing; `"none"`.
    drop : ConditionDrop
        What training goes without.
    latents : mapping, optional
        Id of a cut to `{"mean", "logvar"}`, e.g. a `TensorCache`. None: the
        batch has the clips' samples.
    texts : mapping, optional
        Caption to `{"states"}` `[tokens, dim]`; it has to have "" as well.
        None: the batch has captions alone.
    seed : int
        Of all draws.

    Raises
    ------
    ValueError
        If `reference` is unknown; when indexed, if a clip has no caption or
        its reference is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.soundscapes.captions import with_caption
    >>> cut = with_caption(dummy_cut(0, with_data=True), "a low sound")
    >>> reference = dummy_cut(1, with_data=True)
    >>> cut.references = [reference.id]
    >>> spec = SedSpec(window_seconds=2.0)
    >>> dataset = StyleDataset([reference], spec, ref_seconds=0.5)
    >>> batch = dataset[CutSet.from_cuts([cut])]
    >>> batch.captions, batch.wavs.shape, batch.references.shape
    (['a low sound'], torch.Size([1, 32000]), torch.Size([1, 8000]))
    """

    def __init__(
        self,
        references: Iterable[Cut],
        spec: SedSpec,
        ref_seconds: float = 2.0,
        *,
        reference: str = "own",
        drop: ConditionDrop | None = None,
        latents: Mapping[str, Mapping[str, Tensor]] | None = None,
        texts: Mapping[str, Mapping[str, Tensor]] | None = None,
        seed: int = 0,
    ):
        if reference not in REFERENCES:
            raise ValueError(
                f"reference {reference!r}: choose from {', '.join(REFERENCES)}"
            )
        self.references = {cut.id: cut for cut in references}
        self.names = sorted(self.references)
        self.spec = spec
        self.ref_spec = replace(spec, window_seconds=ref_seconds)
        self.reference = reference
        self.drop = ConditionDrop() if drop is None else drop
        self.latents = latents
        self.texts = texts
        self.seed = seed

    def __getitem__(self, batch: BatchKey | CutSet) -> StyleBatch:
        training = isinstance(batch, BatchKey)
        if not training:
            batch = BatchKey(epoch=0, index=0, cuts=batch)
        cuts = list(batch.cuts)
        captions, names, keep_style = [], [], []
        for cut in cuts:
            key = (self.seed, batch.epoch, batch.index, crc32(cut.id.encode()))
            rng = np.random.default_rng(key)
            keep_text, keep = self.drop(rng) if training else (True, True)
            said = _captions(cut)
            caption = said[rng.integers(len(said)) if training else 0]
            captions.append(caption if keep_text else "")
            names.append(self._reference_of(cut, rng, training))
            keep_style.append(keep and names[-1] is not None)
        waves = [self._wave(name) for name in names]
        width = self.ref_spec.num_samples
        references = torch.zeros(len(cuts), width)
        for row, wave in zip(references, waves, strict=True):
            row[: len(wave)] = torch.from_numpy(wave)
        return StyleBatch(
            ids=[cut.id for cut in cuts],
            captions=captions,
            references=references,
            reference_lens=torch.tensor([max(1, len(w)) for w in waves])
            / width,
            keep_style=torch.tensor(keep_style),
            **self._clips(cuts),
            **self._texts(captions),
        )

    def reference_of(self, cut: Cut) -> Cut | None:
        """The reference that evaluation uses.

        Arguments
        ---------
        cut : lhotse.cut.Cut
            A clip.

        Returns
        -------
        lhotse.cut.Cut or None
            Its first reference, that of another clip if they are shuffled,
            or None if there shall be none.
        """
        rng = np.random.default_rng((self.seed, 0, 0, crc32(cut.id.encode())))
        name = self._reference_of(cut, rng, False)
        return None if name is None else self.references[name]

    def _reference_of(self, cut, rng, training) -> str | None:
        if self.reference == "none":
            return None
        if self.reference == "shuffled":
            return self.names[rng.integers(len(self.names))]
        own = (cut.custom or {}).get("references")
        if not own:
            raise ValueError(
                f"cut {cut.id} has no references: prepare it with "
                "prepare_serst, or train with reference 'none'"
            )
        name = own[rng.integers(len(own)) if training else 0]
        if name not in self.references:
            raise ValueError(
                f"cut {cut.id}: its reference {name} is not among the "
                f"{len(self.references)} references: give those of its part"
            )
        return name

    def _wave(self, name) -> np.ndarray:
        if name is None:
            return np.zeros(0, dtype=np.float32)
        cut = self.references[name]
        if cut.duration > self.ref_spec.window_seconds:
            cut = cut.truncate(
                duration=self.ref_spec.window_seconds, preserve_id=True
            )
        return load_window(cut, self.ref_spec)

    def _clips(self, cuts):
        if self.latents is None:
            wavs = torch.zeros(len(cuts), self.spec.num_samples)
            for row, cut in zip(wavs, cuts, strict=True):
                wave = load_window(cut, self.spec)
                row[: len(wave)] = torch.from_numpy(wave)
            return {"wavs": wavs}
        items = [self.latents[cut.id] for cut in cuts]
        return {
            field: torch.stack([item[field] for item in items]).float()
            for field in ("mean", "logvar")
            if field in items[0]
        }

    def _texts(self, captions):
        if self.texts is None:
            return {}
        states = [self.texts[caption]["states"] for caption in captions]
        lengths = torch.tensor([len(some) for some in states])
        padded = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        return {"text_states": padded.float(), "text_mask": mask}


def _captions(cut) -> list[str]:
    texts = [caption.text for caption in captions_of(cut)]
    if not texts:
        raise ValueError(
            f"cut {cut.id} has no caption: generation needs one to go by"
        )
    return texts
