"""Any mix of captions, tags and events becomes one kind of batch."""

import logging

import numpy as np
import pytest
import torch
from lhotse import CutSet

from lhotse_recipes.schema import caption, tag
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import BatchKey
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.phrases.cluster_negatives import (
    ClusterNegatives,
)
from speechbrain_opensed.dataio.sets.language_audio import (
    LanguageAudioDataset,
    draw_caption,
)
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.losses import clip_sigmoid_loss, frame_sigmoid_loss

SPEC = SedSpec(sample_rate=8000, hop_seconds=0.1, window_seconds=1.0)
# What the model below hears.
HEARD = SedSpec(sample_rate=16000, hop_seconds=0.16, window_seconds=1.12)
BANK = PhraseBank(
    {name: [f"{name}s"] for name in ("dog", "cat", "cow", "hen", "rain")}
)
TEXT = {
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def dataset(queries=3, spec=SPEC, **options):
    sampler = ClusterNegatives(BANK, None, queries, suspects="keep")
    return LanguageAudioDataset(spec, sampler, **options)


def said(cut, *texts, complete=False):
    """The cut with captions and without events."""
    cut.supervisions = [
        caption(cut.recording_id, i, cut.duration, text)
        for i, text in enumerate(texts)
    ]
    cut.events_complete = complete
    return cut


def batch_of(*cuts, **options):
    return dataset(**options)[CutSet.from_cuts(cuts)]


def phrases_of(batch, row):
    return [
        batch.texts[i] for i in batch.query_index[row][batch.mask[row]].tolist()
    ]


def objective(model, batch):
    clip, frames, texts = model(
        batch.wavs, *model.text_encoder.tokenize(batch.texts), batch.wav_lens
    )
    frames = frames[:, : batch.targets.shape[2]]
    logits = model.frame_logits(frames, texts[batch.query_index])
    frame = frame_sigmoid_loss(logits, batch.targets, batch.loss_mask)
    clip = clip_sigmoid_loss(clip, texts[batch.captions], *model.clip_scale)
    return clip, frame


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FineLAP(
        16, 1, 2, embed_size=8, roberta=TEXT, tokenizer="hash",
        target_length=112,
    )  # fmt: skip


def test_mixed_batch(make_cut):
    strong = make_cut("strong", 1.0, [(0.25, 0.45, "cat"), (0.9, 1.0, "wolf")])
    strong.supervisions.append(caption("strong", 9, 1.0, "A cat and a wolf."))
    tagged = make_cut("tagged", 0.55)
    tagged.supervisions = [tag("tagged", 0, 0.55, "hens", "hen")]
    tagged.events_complete = False
    batch = batch_of(strong, said(make_cut("told"), "It rains."), tagged)
    assert batch.grounded.tolist() == [True, False, False]
    assert [batch.texts[i] for i in batch.captions[:2]] == [
        "A cat and a wolf.",
        "It rains.",
    ]
    assert "ens" in batch.texts[batch.captions[2]]
    assert len(set(batch.texts)) == len(batch.texts)
    asked = phrases_of(batch, 0)
    assert asked[0] in ("cat", "cats") and asked[1] == "wolf"
    assert batch.targets.shape == (3, 3, 10)
    assert batch.targets.nonzero().tolist() == [
        [0, 0, 2],
        [0, 0, 3],
        [0, 0, 4],
        [0, 1, 9],
    ]
    assert batch.frame_mask.sum(1).tolist() == [10, 10, 6]
    assert batch.loss_mask.sum((1, 2)).tolist() == [30, 0, 0]
    moved = batch.to("meta")
    assert moved.mask.device.type == "meta" and moved.texts == batch.texts


def test_rounding_is_an_option(make_cut):
    cut = make_cut("strong", 1.0, [(0.26, 0.44, "cat")])
    assert batch_of(cut).targets[0, 0].sum() == 3
    assert batch_of(cut, rounding="round").targets[0, 0].sum() == 1
    assert batch_of(cut, rounding="floor").targets[0, 0].sum() == 2
    blip = make_cut("blip", 1.0, [(0.26, 0.29, "cat")])
    assert batch_of(blip).targets[0, 0].sum() == 1
    # As released: it stays a phrase that sounds nowhere.
    assert batch_of(blip, rounding="floor").targets[0, 0].sum() == 0


def test_clips_that_hold_nothing_are_grounded(make_cut):
    batch = batch_of(make_cut("silent"))
    assert batch.grounded.tolist() == [True]
    assert not batch.targets.any() and batch.mask.sum() == 3
    assert "event" in batch.texts[0] or "background" in batch.texts[0]


def test_draws_depend_on_seed_epoch_number_and_cut_alone(make_cut):
    texts = [f"Caption {i}." for i in range(9)]
    cuts = [make_cut(f"c{i}", 0.2, [(0, 0.1, "dog")]) for i in range(4)]
    for cut in cuts:
        cut.supervisions += said(make_cut(cut.id, 0.2), *texts).supervisions

    def drawn(seed=0, epoch=1, index=2, cuts=cuts):
        key = BatchKey(epoch, index, CutSet.from_cuts(cuts))
        batch = dataset(seed=seed)[key]
        return {
            name: (batch.texts[batch.captions[i]], phrases_of(batch, i))
            for i, name in enumerate(batch.ids)
        }

    reference = drawn()
    assert drawn(cuts=cuts[::-1]) == drawn() == reference
    assert drawn(cuts=cuts[2:3]) == {"c2": reference["c2"]}
    for other in (drawn(seed=1), drawn(epoch=2), drawn(index=3)):
        assert other != reference
    assert len({text for text, _ in reference.values()}) > 1


def test_caption_lists_of_unequal_length(make_cut):
    one = said(make_cut("one"), "A.")
    five = said(make_cut("five"), *"BCDEF")
    drawn = {
        batch.texts[batch.captions[1]]
        for index in range(40)
        for batch in [
            dataset()[BatchKey(0, index, CutSet.from_cuts([one, five]))]
        ]
    }
    assert drawn == set("BCDEF")


def test_long_clips_are_cropped_with_their_events(make_cut):
    cut = make_cut("long", 3.0, [(0.95, 2.0, "cat"), (2.0, 2.5, "dog")])
    batch = batch_of(cut, queries=1)
    assert batch.ids == ["long"] and batch.wav_lens.tolist() == [1.0]
    assert phrases_of(batch, 0)[0] in ("cat", "cats")
    assert batch.targets[0, 0].tolist() == [0] * 9 + [1]


def test_no_grounded_clip_in_a_batch(make_cut, model):
    told = said(make_cut("a"), "Rain."), said(make_cut("b"), "Wind.")
    batch = batch_of(*told, spec=HEARD)
    assert not batch.grounded.any() and batch.query_index.shape == (2, 1)
    clip, frame = objective(model, batch)
    assert frame.item() == 0 and frame.requires_grad
    model.zero_grad()
    (clip + frame).backward()
    # Every parameter stays in the graph: other processes wait for it.
    assert all(p.grad is not None for p in model.parameters())
    assert not any(p.grad.any() for p in [*model.local_audio_proj.parameters()])
    assert model.temp_global.grad


@pytest.mark.parametrize("seconds", [0.0125, 0.05, 0.1])
def test_clips_shorter_than_a_patch(make_cut, model, seconds):
    cut = make_cut("blip", seconds, [(0.0, seconds, "dog")])
    batch = batch_of(cut, spec=HEARD)
    assert batch.wav_lens.tolist() == pytest.approx([1 / 7])
    assert batch.targets[0, 0].tolist() == [1] + [0] * 6
    assert torch.isfinite(sum(objective(model, batch)))


def test_phrases_over_thirty_tokens(make_cut, model, caplog):
    long = " ".join(f"word{i}" for i in range(40))
    cut = make_cut("wordy", 1.0, [(0.0, 0.5, long)])
    told = said(make_cut("told"), long + " and more")
    batch = batch_of(cut, told, spec=HEARD)
    assert long in batch.texts
    with caplog.at_level(logging.WARNING):
        assert torch.isfinite(sum(objective(model, batch)))
    assert "cut off" in caplog.text


def test_missing_audio_is_an_error(make_cut, tmp_path):
    cut = said(make_cut("gone"), "Rain.")
    (tmp_path / "gone.wav").unlink()
    with pytest.raises(FileNotFoundError, match="cut gone: .*gone.wav"):
        batch_of(cut)


def test_bad_annotation_is_named(make_cut):
    with pytest.raises(ValueError, match="cut a has an empty caption"):
        batch_of(said(make_cut("a"), " "))
    with pytest.raises(ValueError, match="cut a has neither caption nor tag"):
        batch_of(said(make_cut("a")))
    cut = make_cut("b", 1.0, [(0, 1, "dog")])
    cut.custom = None
    with pytest.raises(ValueError, match="cut b does not say whether"):
        batch_of(cut)
    with pytest.raises(ValueError, match="'rms' is unknown"):
        dataset(normalize="rms")
    with pytest.raises(ValueError, match="phrase bank is empty"):
        PhraseBank({})


def test_rules_use_what_is_known(make_cut):
    rng = np.random.default_rng(0)
    cut = make_cut("a", 1.0, [(0, 0.3, "dog"), (0.5, 1.0, "cat")])
    text = draw_caption(cut, rng).lower()
    assert text.index("dog") < text.index("cat")
    cut.supervisions = [
        tag("a", i, 1.0, phrase, phrase) for i, phrase in enumerate("xyx")
    ]
    assert "x and y" in draw_caption(cut, rng).lower()
