"""Batches for styled generation: references, dropped conditions, caches."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from lhotse import CutSet

from lhotse_recipes.soundscapes.captions import with_caption
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.sets.detection import BatchKey
from speechbrain_opensed.dataio.style.data import ConditionDrop, StyleDataset

SPEC = SedSpec(sample_rate=8000, window_seconds=1.0)
KEEP = ConditionDrop(0.0, 0.0, 0.0)


@pytest.fixture
def corpus(make_cut):
    """Four clips with two references each, and one that is short."""
    clips, references = [], []
    for number in range(4):
        cut = with_caption(make_cut(f"clip{number}", 1.0), f"sound {number}")
        cut = with_caption(cut, f"noise {number}")
        own = [make_cut(f"ref{number}{k}", 0.3 + 0.4 * k) for k in range(2)]
        cut.custom["references"] = [one.id for one in own]
        clips.append(cut)
        references += own
    clips[3] = clips[3].truncate(duration=0.5, preserve_id=True)
    return CutSet.from_cuts(clips), references


def equal(one, other):
    pairs = [
        (getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
    ]
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in pairs
    )


def test_evaluation_takes_the_first_of_each(corpus):
    cuts, references = corpus
    dataset = StyleDataset(references, SPEC, ref_seconds=0.5)
    batch = dataset[cuts]
    assert batch.captions == [f"sound {k}" for k in range(4)]
    assert batch.keep_style.all()
    assert batch.wavs.shape == (4, 8000)
    assert (batch.wavs[3, 4000:] == 0).all()
    assert batch.reference_lens.tolist() == pytest.approx([0.6] * 4)
    for row, wave, cut in zip(range(4), batch.references, cuts, strict=True):
        own = dataset.reference_of(cut)
        assert own.id == f"ref{row}0"
        audio = torch.from_numpy(own.load_audio()[0])
        assert torch.equal(wave[:2400], audio)
        assert (wave[2400:] == 0).all()
    assert equal(batch, dataset[cuts])


def test_training_draws_captions_and_references(corpus):
    cuts, references = corpus
    dataset = StyleDataset(references, SPEC, ref_seconds=0.5, drop=KEEP)
    batches = [dataset[BatchKey(e, 0, cuts)] for e in range(20)]
    for row in range(4):
        assert {b.captions[row] for b in batches} == {
            f"sound {row}",
            f"noise {row}",
        }
        # Those of 0.7 s are cut to half a second.
        lengths = {round(float(b.reference_lens[row]), 3) for b in batches}
        assert lengths == {0.6, 1.0}
    assert equal(batches[3], dataset[BatchKey(3, 0, cuts)])
    # A clip's draws do not depend on what else is in its batch.
    alone = dataset[BatchKey(3, 0, cuts.subset(last=1))]
    assert alone.captions == batches[3].captions[3:]
    assert torch.equal(alone.references, batches[3].references[3:])


def test_shuffled_references_tell_nothing(corpus):
    cuts, references = corpus
    dataset = StyleDataset(references, SPEC, reference="shuffled", seed=1)
    drawn = [dataset.reference_of(cut).id for cut in cuts]
    assert drawn != [cut.references[0] for cut in cuts]
    assert len(set(drawn)) > 1
    batch = dataset[cuts]
    assert batch.keep_style.all()
    first = next(one for one in references if one.id == drawn[0])
    audio = torch.from_numpy(first.load_audio()[0])
    assert torch.equal(batch.references[0, : len(audio)], audio)


def test_no_reference_is_read_where_none_is_wanted(corpus):
    cuts, _ = corpus
    dataset = StyleDataset([], SPEC, reference="none")
    for batch in (dataset[cuts], dataset[BatchKey(0, 0, cuts)]):
        assert not batch.keep_style.any()
        assert not batch.references.any()
        assert (batch.reference_lens > 0).all()
    assert dataset.reference_of(cuts[0]) is None


def test_conditions_are_dropped_by_their_shares():
    drop = ConditionDrop(both=0.1, text=0.2, style=0.3)
    rng = np.random.default_rng(0)
    kept = [drop(rng) for _ in range(20000)]
    shares = {
        pair: kept.count(pair) / len(kept)
        for pair in [(0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert shares == pytest.approx(
        {(0, 0): 0.1, (0, 1): 0.2, (1, 0): 0.3, (1, 1): 0.4}, abs=0.015
    )


def test_dropped_text_is_the_empty_sentence(corpus):
    cuts, references = corpus
    texts = {"": {"states": torch.ones(1, 3)}}
    dataset = StyleDataset(
        references, SPEC, drop=ConditionDrop(0.5, 0.5, 0.0), texts=texts
    )
    batch = dataset[BatchKey(0, 0, cuts)]
    assert batch.captions == [""] * 4
    assert batch.text_states.shape == (4, 1, 3)
    assert 0 < int(batch.keep_style.sum()) < 4


def test_caches_replace_audio_and_text(corpus):
    cuts, references = corpus
    latents = {
        f"clip{k}": {
            "mean": torch.full((2, 3, 4), k).half(),
            "logvar": torch.full((2, 3, 4), -k).half(),
        }
        for k in range(4)
    }
    texts = {f"sound {k}": {"states": torch.ones(k + 1, 5)} for k in range(4)}
    dataset = StyleDataset(references, SPEC, latents=latents, texts=texts)
    batch = dataset[cuts].to("cpu")
    assert batch.wavs is None
    assert batch.mean.dtype == batch.logvar.dtype == torch.float32
    assert batch.mean[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert batch.logvar[:, 1, 2, 3].tolist() == [0, -1, -2, -3]
    assert batch.text_states.shape == (4, 4, 5)
    assert batch.text_mask.sum(1).tolist() == [1, 2, 3, 4]
    assert (batch.text_states.sum(2) == 5 * batch.text_mask).all()


def test_what_is_missing_is_named(corpus):
    cuts, references = corpus
    with pytest.raises(ValueError, match="reference 'any': choose from own"):
        StyleDataset(references, SPEC, reference="any")
    with pytest.raises(ValueError, match="clip0: its reference ref00 is not"):
        StyleDataset(references[1:], SPEC)[cuts]
    bare = next(iter(cuts)).drop_supervisions()
    with pytest.raises(ValueError, match="clip0 has no caption"):
        StyleDataset(references, SPEC)[CutSet.from_cuts([bare])]
    plain = with_caption(bare, "a sound")
    plain.custom = None
    with pytest.raises(ValueError, match="clip0 has no references"):
        StyleDataset(references, SPEC)[CutSet.from_cuts([plain])]
    for shares in ((0.5, 0.5, 0.1), (-0.1, 0.0, 0.0)):
        with pytest.raises(ValueError, match="at least 0 and at most 1"):
            ConditionDrop(*shares)
