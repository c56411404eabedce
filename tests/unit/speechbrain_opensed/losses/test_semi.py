"""Losses of clips, of a teacher and of its labels."""

import pytest
import torch

from speechbrain_opensed.losses import (
    clip_scores,
    consistency_loss,
    pseudo_loss,
    weak_loss,
)

FRAMES = torch.tensor([[True, True, True, False]])


def known(*values):
    return torch.tensor([values])


def test_frames_weigh_as_much_as_they_score_and_padding_does_not():
    scores = torch.tensor([[[0.8, 0.2, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]])
    pooled = clip_scores(scores, FRAMES)
    assert pooled[0, 0].item() == pytest.approx((0.64 + 0.04) / 1.0)
    assert pooled[0, 1].item() == 0.0


def test_tags_pull_frames_up_and_known_absence_pulls_them_down():
    logits = torch.zeros(1, 3, 4, requires_grad=True)
    targets, mask = torch.tensor([[1.0, 0.0, 1.0]]), known(True, True, False)
    weak_loss(logits, FRAMES, targets, mask).backward()
    there, absent, unknown = logits.grad[0]
    assert (there[:3] < 0).all() and (absent[:3] > 0).all()
    assert not there[3] and not absent[3] and not unknown.any()


def test_nothing_known_is_no_loss_and_no_gradient():
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    none = known(False)
    loss = weak_loss(logits, FRAMES, torch.ones(1, 1), none)
    loss = loss + pseudo_loss(logits, torch.ones(1, 1, 4), none[..., None])
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_a_student_follows_its_teacher_whatever_is_known():
    teacher = torch.tensor([[[0.9, 0.1, 0.1, 0.5]]])
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = consistency_loss(logits, teacher, FRAMES, known(True))
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(
        logits.detach().sigmoid()[0, 0, :3],
        teacher[0, 0, :3],
        atol=0.02,
        rtol=0,
    )
    padding = torch.zeros(1, 1, 4)
    assert consistency_loss(padding, teacher, FRAMES, known(False)) == 0


def test_labels_of_a_teacher_count_where_it_is_sure_and_none_are_given():
    teacher = torch.tensor([[[0.99, 0.5, 0.01, 0.99]]])
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    unknown = torch.tensor([[[True, True, True, False]]])
    pseudo_loss(logits, teacher, unknown).backward()
    assert logits.grad[0, 0].sign().tolist() == [-1, 0, 1, 0]
