"""Mel augmentation: labels follow, padding stays, choices repeat."""

import pytest
import torch

from speechbrain_opensed.dataio.augment import (
    MelAugment,
    filter_augment,
    frame_shift,
    time_mask,
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def aligned(batch=4, frames=25, ratio=4, extra=1):
    """Labels, and a "mel" that shows them frame by frame."""
    targets = (torch.rand(batch, 3, frames, generator=rng(1)) > 0.5).float()
    mel = targets.repeat_interleave(ratio, dim=2)
    mel = torch.cat([mel, torch.zeros(batch, 3, extra)], dim=2)
    return mel, targets


def assert_aligned(mel, targets, ratio=4):
    shown = targets.repeat_interleave(ratio, dim=2)
    assert torch.equal(mel[..., : shown.shape[-1]] != 0, shown != 0)


def test_shift_equals_rolling_each_clip():
    mel, targets = aligned()
    shifts = torch.tensor([0, 3, -7, 60])
    new_mel, new_targets = frame_shift(mel, targets, 4 * shifts)
    for i, shift in enumerate(shifts.tolist()):
        assert torch.equal(new_targets[i], targets[i].roll(shift, 1))
        assert torch.equal(
            new_mel[i, :, :100], mel[i, :, :100].roll(4 * shift, 1)
        )
        assert torch.equal(new_mel[i, :, 100:], mel[i, :, 100:])


def test_shift_leaves_padding_behind():
    mel, targets = aligned(batch=2)
    lengths = torch.tensor([0.4, 1.0])
    shifts = torch.tensor([3, 3])
    new_mel, new_targets = frame_shift(mel, targets, 4 * shifts, lengths)
    assert torch.equal(new_targets[0, :, 10:], targets[0, :, 10:])
    assert torch.equal(new_mel[0, :, 40:], mel[0, :, 40:])
    assert torch.equal(new_targets[0, :, :10], targets[0, :, :10].roll(3, 1))
    assert_aligned(new_mel, new_targets)


def test_labels_follow_a_shift_of_mel_frames_as_published():
    mel = torch.arange(40.0).view(1, 1, 40).repeat(3, 1, 1)
    targets = torch.arange(10.0).view(1, 1, 10).repeat(3, 1, 1)
    shifts = torch.tensor([6, -6, -8])
    new_mel, new_targets = frame_shift(mel, targets, shifts)
    assert new_mel[:, 0, 0].tolist() == [34.0, 6.0, 8.0]
    # 6 // 4, -6 // 4, -8 // 4
    assert new_targets[:, 0, 0].tolist() == [9.0, 2.0, 2.0]


def test_a_batch_shares_its_bands_but_not_their_gains():
    out = filter_augment(torch.ones(6, 64, 1), rng(), (3, 3), min_width=4)[
        ..., 0
    ]
    edges = (out[:, 1:] != out[:, :-1]).int()
    assert torch.equal(edges, edges[:1].expand_as(edges)) and edges.sum() == 12
    assert len(out.unique(dim=0)) == 6


def test_masks_are_as_wide_as_published():
    mel, targets = torch.ones(4000, 1, 1000), torch.ones(4000, 1, 250)
    augment = MelAugment(shift_std=0, gains_db=(0, 0), mask_per_clip=True)
    widths = (augment(mel, targets, rng())[1] == 0).sum((1, 2))
    assert (widths.min(), widths.max()) == (12, 49)
    assert widths.float().mean().item() == pytest.approx(30.5, abs=0.6)


def test_time_mask_zeroes_features_and_labels():
    mel, targets = torch.ones(2, 8, 101), torch.ones(2, 3, 25)
    new_mel, new_targets = time_mask(
        mel, targets, torch.tensor([5, 20]), torch.tensor([2, 5])
    )
    assert (new_targets[0, 0] == 0).nonzero().flatten().tolist() == [5, 6]
    assert (new_mel[0, 0] == 0).nonzero().flatten().tolist() == list(
        range(20, 28)
    )
    assert (
        new_targets[1, 0, 20:].sum() == 0 and new_mel[1, 0, 80:100].sum() == 0
    )
    assert torch.equal(mel, torch.ones(2, 8, 101))


def test_filter_bands_are_wide_enough_and_gains_in_range():
    mel = torch.ones(500, 64, 3)
    out = filter_augment(
        mel, rng(), (2, 4), min_width=4, gains_db=(-4.5, 6.0), per_clip=True
    )
    assert torch.equal(out[..., 0], out[..., 2])
    db = 20 * torch.log10(out[..., 0])
    assert db.min() >= -4.5001 and db.max() <= 6.0001
    numbers = set()
    for clip in db:
        _, widths = clip.unique_consecutive(return_counts=True)
        numbers.add(len(widths))
        assert widths.min() >= 4
    assert numbers == {2, 3, 4}
    assert len(db.unique(dim=0)) == 500


def test_filter_edges_are_spread_evenly():
    out = filter_augment(
        torch.ones(4000, 64, 1), rng(), (2, 2), min_width=4, per_clip=True
    )[..., 0]
    edges = (out[:, 1:] != out[:, :-1]).nonzero()[:, 1] + 1
    counts = edges.bincount(minlength=64)[4:61]
    assert edges.min() == 4 and edges.max() == 60
    assert counts.min() > 35 and counts.max() < 115


def test_too_many_bands_are_refused():
    with pytest.raises(ValueError, match="9 bands of at least 8 bins"):
        filter_augment(torch.ones(1, 64, 1), rng(), (2, 9), min_width=8)


def test_everything_together_stays_aligned_and_repeats():
    mel, targets = aligned(batch=8, frames=250)
    augment = MelAugment(
        bands=(1, 1), min_band_width=1, shift_whole_frames=True
    )
    one = augment(mel, targets, rng(7))
    two = augment(mel, targets, rng(7))
    other = augment(mel, targets, rng(8))
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])
    assert not torch.equal(one[1], other[1])
    assert_aligned(*one)
    # One mask for the whole batch, 12 to 49 frames.
    silent = (one[1].sum((0, 1)) == 0).sum()
    assert 12 <= silent <= 49


def test_each_clip_can_have_a_mask_of_its_own():
    mel, targets = torch.ones(8, 3, 1001), torch.ones(8, 2, 250)
    augment = MelAugment(shift_std=0, gains_db=(0, 0), mask_per_clip=True)
    _, masked = augment(mel, targets, rng())
    silent = (masked == 0).sum(2)
    assert ((12 <= silent) & (silent <= 49)).all()
    assert len(masked[:, 0].unique(dim=0)) > 4


def test_switched_off_it_does_nothing():
    mel, targets = aligned()
    off = MelAugment(shift_std=0, mask_width=(0, 0), gains_db=(0, 0))
    new_mel, new_targets = off(mel, targets, rng())
    assert torch.equal(mel, new_mel) and torch.equal(targets, new_targets)


def test_upside_down_ranges_are_refused():
    with pytest.raises(ValueError, match="smaller value first"):
        MelAugment(gains_db=(6, -4.5))
    with pytest.raises(ValueError, match="within 0 and 1"):
        MelAugment(mask_width=(0.5, 2))
