"""Mixtures know what both clips know."""

import pytest
import torch

from speechbrain_opensed.dataio.mixup import mix_clips
from speechbrain_opensed.dataio.sets.detection import SedBatch


def make_batch():
    """Clip 0 has a dog and no rain; clip 1 has rain, and a cat somewhere."""
    targets = torch.zeros(2, 2, 4)
    targets[0, 0, :2] = 1
    targets[1, 1, 2:] = 1
    return SedBatch(
        ids=["a", "b"],
        wavs=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        wav_lens=torch.tensor([1.0, 0.5]),
        phrases=["dog", "rain", "cat"],
        # a: dog, rain; b: cat, rain.
        query_index=torch.tensor([[0, 1], [2, 1]]),
        targets=targets,
        mask=torch.tensor([[True, True], [False, True]]),
        frame_mask=torch.tensor([[True] * 4, [True, True, False, False]]),
        asked=torch.ones(2, 2, dtype=torch.bool),
        clip_targets=torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
        clip_mask=torch.ones(2, 2, dtype=torch.bool),
    )


def mixed(seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    options = {"alpha": 1.0, "share": 1.0, **options}
    return mix_clips(make_batch(), generator, **options)


def test_waves_and_labels_are_mixed_alike():
    batch = mixed()
    kept = batch.wavs[0, 0].item()
    assert 0 < kept < 1
    torch.testing.assert_close(
        batch.wavs, torch.tensor([[kept, 1 - kept], [1 - kept, kept]])
    )
    # Rain, which both were asked about.
    torch.testing.assert_close(
        batch.targets[0, 1], torch.tensor([0, 0, 1 - kept, 1 - kept])
    )
    torch.testing.assert_close(
        batch.targets[1, 1], torch.tensor([0, 0, kept, kept])
    )
    assert batch.clip_targets[0, 1].item() == pytest.approx(1 - kept)
    assert batch.frame_mask.all() and batch.wav_lens.tolist() == [1, 1]


def test_what_the_partner_was_not_asked_is_unknown():
    batch = mixed()
    # b says nothing of dogs, a nothing of cats.
    assert batch.mask.tolist() == [[False, True], [False, True]]
    assert batch.clip_mask.tolist() == [[False, True], [False, True]]
    assert batch.asked.all()


def test_a_share_of_the_batches_is_mixed_and_seeds_repeat_it():
    before = make_batch().wavs
    shares = [
        not torch.equal(mixed(seed, share=0.5).wavs, before)
        for seed in range(60)
    ]
    assert 15 < sum(shares) < 45
    assert torch.equal(mixed(3).wavs, mixed(3).wavs)
    assert torch.equal(mixed(share=0.0).wavs, before)


@pytest.mark.parametrize("options", [{"alpha": 0.0}, {"share": 1.5}])
def test_senseless_settings_are_refused(options):
    with pytest.raises(ValueError, match="mixup with alpha"):
        mixed(**options)
