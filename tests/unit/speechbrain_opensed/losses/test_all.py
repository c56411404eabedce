"""Losses against hand-computed values, alone and over several processes."""

import math

import pytest
import torch
import torch.nn.functional as F

from speechbrain_opensed.losses import (
    alignment,
    clip_sigmoid_loss,
    detection_loss,
    dice_loss,
    frame_sigmoid_loss,
    info_nce_loss,
    min_snr_weights,
    semantic_expansion_loss,
    velocity_loss,
)

Z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
P = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [0.8, 0.6]]])
MARGINS = 1 - 0.5 * torch.eye(2)[:, :, None].expand(2, 2, 2)


def test_clip_loss_by_hand():
    clip, text = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    logits = [[5.0, 1.0], [-5.0, 3.0]]  # cosines / 0.1 - 5
    signs = [[1, -1], [-1, 1]]
    expected = 0.5 * sum(
        math.log1p(math.exp(-signs[i][j] * logits[i][j]))
        for i in range(2)
        for j in range(2)
    )
    loss = clip_sigmoid_loss(clip, text, torch.tensor(0.1), torch.tensor(-5.0))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_info_nce_by_hand_and_bias_has_no_effect():
    clip = F.normalize(torch.tensor([[1.0, 0.2], [0.3, 1.0], [1.0, 1.0]]))
    text = F.normalize(torch.tensor([[1.0, 0.0], [0.5, 1.0], [0.2, 1.0]]))
    bias = torch.tensor(-10.0, requires_grad=True)
    loss = info_nce_loss(clip, text, torch.tensor(0.5), bias)
    logits = (clip.double() @ text.double().T / 0.5).exp()
    expected = (
        -(
            (logits.diagonal() / logits.sum(0)).log().mean()
            + (logits.diagonal() / logits.sum(1)).log().mean()
        )
        / 2
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    assert abs(bias.grad.item()) < 1e-6


@pytest.mark.parametrize("loss", [clip_sigmoid_loss, info_nce_loss])
def test_ranks_have_their_own_pairs_among_those_of_all(loss, monkeypatch):
    """The mean over two ranks is the loss of one with all pairs."""
    torch.manual_seed(0)
    clips, texts = torch.randn(2, 6, 4, dtype=torch.float64)
    whole = loss(clips, texts, temperature=0.5, bias=-1.0)
    monkeypatch.setattr(alignment, "world_size", lambda: 2)
    parts = []
    for first in (0, 3):
        mine = slice(first, first + 3)

        def gather(rows, first=first, mine=mine):
            all_rows = next(
                table.float()
                for table in (clips, texts)
                if torch.equal(table[mine].float(), rows)
            )
            return all_rows, first

        monkeypatch.setattr(alignment, "gather_rows", gather)
        parts.append(loss(clips[mine], texts[mine], temperature=0.5, bias=-1.0))
    assert parts[0] != parts[1]
    torch.testing.assert_close(sum(parts) / 2, whole)


def test_frame_loss_has_gradients_where_sigmoids_have_none():
    logits = torch.tensor([[[-60.0, 20.0, 0.0]]], requires_grad=True)
    loss = frame_sigmoid_loss(logits, torch.tensor([[[1.0, 0.0, 1.0]]]))
    loss.backward()
    assert loss.item() == pytest.approx((60 + 20 + math.log(2)) / 3)
    expected = torch.tensor([[[-1.0, 1.0, -0.5]]]) / 3
    assert torch.allclose(logits.grad, expected, atol=1e-6)


def test_frame_loss_masks_like_the_detection_loss():
    torch.manual_seed(0)
    logits = torch.randn(3, 4, 5)
    targets = torch.randint(2, (3, 4, 5)).float()
    mask = torch.rand(3, 4, 5) > 0.4
    loss = frame_sigmoid_loss(logits, targets, mask)
    assert loss.item() == pytest.approx(
        detection_loss(logits, targets, mask).item(), rel=1e-6
    )


def test_dice_by_hand_over_heard_tracks_alone():
    scores = torch.tensor([[[0.9, 0.5, 0.2, 0.7], [0.9, 0.9, 0.9, 0.9]]])
    targets = torch.tensor([[[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]])
    mask = torch.ones(1, 2, 4, dtype=torch.bool)
    mask[..., 3] = False
    expected = 1 - (2 * (0.9 + 0.5) + 1) / (0.9 + 0.5 + 0.2 + 2 + 1)
    loss = dice_loss(scores.logit(), targets, mask)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_dice_weight_adds_to_the_cross_entropy():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5)
    targets = torch.randint(2, (2, 3, 5)).float()
    mask = torch.rand(2, 3, 5) > 0.4
    without = detection_loss(logits, targets, mask)
    dice = dice_loss(logits, targets, mask)
    both = detection_loss(logits, targets, mask, dice_weight=0.5)
    assert dice > 0.1
    assert both.item() == pytest.approx((without + 0.5 * dice).item())


def test_dice_of_clips_without_events_is_zero_with_a_graph():
    logits = torch.randn(2, 3, 4, requires_grad=True)
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    loss = dice_loss(logits, torch.zeros(2, 3, 4), mask)
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().sum() == 0


def test_no_grounded_clip_gives_zero_with_a_graph():
    logits = torch.randn(2, 3, 4, requires_grad=True)
    mask = torch.zeros(2, 3, 4, dtype=torch.bool)
    loss = frame_sigmoid_loss(logits, torch.zeros(2, 3, 4), mask)
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().sum() == 0


@pytest.mark.parametrize("loss", [clip_sigmoid_loss, info_nce_loss])
def test_pairs_have_to_be_pairs(loss):
    with pytest.raises(ValueError, match="one text for each clip"):
        loss(torch.eye(3), torch.eye(3)[:2], torch.tensor(0.1), 0.0)


def expansion(**options):
    return semantic_expansion_loss(Z, P, MARGINS, **options).item()


def test_semantic_expansion_vectors():
    assert expansion() == pytest.approx(0.3810, abs=5e-5)
    assert expansion(inter=False) == pytest.approx(0.1972, abs=5e-5)
    assert expansion(intra=False) == pytest.approx(0.1838, abs=5e-5)
    # Without margins: mean distance within, minus that between.
    far = math.dist((1, 0), (0.6, 0.8))
    within, between = far / 2, (2**0.5 + math.dist((1, 0), (0.8, 0.6))) / 2
    loss = semantic_expansion_loss(Z, P, None).item()
    assert loss == pytest.approx(within - between, abs=1e-6)


def test_semantic_expansion_properties():
    torch.manual_seed(0)
    z = torch.randn(3, 8)
    p = torch.randn(3, 5, 8)
    unit_z, unit_p = F.normalize(z, dim=-1), F.normalize(p, dim=-1)
    margins = (unit_z[:, None, None] - unit_p[None]).norm(dim=-1)
    assert semantic_expansion_loss(z, p, margins).item() < 1e-6
    other = margins[:, :, torch.randperm(5)]
    loss = semantic_expansion_loss(z, p, other)
    assert loss > 0
    order = torch.randperm(5)
    assert semantic_expansion_loss(z, p[:, order], other[:, :, order]) == (
        pytest.approx(loss.item(), rel=1e-5)
    )
    assert semantic_expansion_loss(2 * z, p, margins) < 1e-6
    assert semantic_expansion_loss(2 * z, p, margins, normalize=False) > 0.1


def test_semantic_expansion_gradients():
    z, p = Z.clone().requires_grad_(), P.clone().requires_grad_()
    semantic_expansion_loss(z, p, MARGINS).backward()
    # Distance 0 within a class: no gradient, but no NaN either.
    assert torch.isfinite(z.grad).all() and torch.isfinite(p.grad).all()
    # Only what is nearer than its margin is pushed: (.8, .6) by (1, 0).
    p.grad = None
    semantic_expansion_loss(Z, p, MARGINS, intra=False).backward()
    moved = p.grad.norm(dim=-1) > 1e-6
    assert moved.tolist() == [[False, True], [False, True]]
    pushed = P - 0.01 * p.grad
    assert semantic_expansion_loss(Z, pushed, MARGINS, intra=False) < (
        semantic_expansion_loss(Z, P, MARGINS, intra=False)
    )


def test_semantic_expansion_of_one_class_and_bad_input():
    loss = semantic_expansion_loss(Z[:1], P[:1], MARGINS[:1, :1])
    assert loss.item() == pytest.approx(0.1972, abs=5e-5)
    with pytest.raises(ValueError, match=r"margins \[2, 2\]: give"):
        semantic_expansion_loss(Z, P, MARGINS[0])
    with pytest.raises(ValueError, match="neither intra nor inter"):
        expansion(intra=False, inter=False)


def test_min_snr_weights_are_those_of_their_definition():
    alpha_bar = torch.tensor([0.99, 0.9, 0.5, 0.01], dtype=torch.float64)
    snr = alpha_bar / (1 - alpha_bar)
    for gamma in (1.0, 5.0):
        least = torch.minimum(snr, torch.tensor(gamma))
        velocity = min_snr_weights(alpha_bar, gamma)
        torch.testing.assert_close(velocity, least / (snr + 1))
        epsilon = min_snr_weights(alpha_bar, gamma, "epsilon")
        torch.testing.assert_close(epsilon, least / snr)
        # Weighted as noise is, the last step counts fully.
        assert epsilon[-1] == 1 and epsilon[0] < 0.06
    assert (min_snr_weights(alpha_bar, None) == 1).all()
    with pytest.raises(ValueError, match="form 'v': choose 'velocity' or"):
        min_snr_weights(alpha_bar, form="v")


def test_velocity_loss_weighs_clips():
    predicted, velocity = torch.randn(2, 3, 2, 4, 5)
    weights = torch.tensor([2.0, 0.0, 0.5])
    each = ((predicted - velocity) ** 2).mean(dim=(1, 2, 3))
    loss = velocity_loss(predicted, velocity, weights)
    expected = (2 * each[0] + 0.5 * each[2]) / 3
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
