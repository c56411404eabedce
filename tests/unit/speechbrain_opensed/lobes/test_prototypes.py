"""Closed forms against what they are the closed forms of."""

import pytest
import torch

from speechbrain_opensed.lobes.prototypes import Prototypes


@pytest.fixture(scope="module")
def data():
    """Five classes in ten dimensions, whose names tell where they are."""
    torch.manual_seed(0)
    queries = torch.randn(5, 6)
    centres = queries @ torch.randn(6, 10)
    targets = torch.zeros(3, 5, 100)
    for clip in range(3):
        for number in range(5):
            targets[clip, number, 20 * number : 20 * number + 15] = 1
    targets[0, 1, 0:10] = 1  # with the first class
    frames = targets.transpose(1, 2) @ centres + torch.randn(3, 100, 10)
    return frames, targets, queries


def fitted(data, keep=slice(None)):
    frames, targets, queries = data
    return Prototypes(10, 6, max_anchors=7, ridge=0.1).fit(
        [(frames, targets[:, keep])], queries[keep], torch.zeros(6)
    )


def test_frames_are_nearest_to_their_class(data):
    frames, targets, _ = data
    model = fitted(data)
    scores = model.known(model.project(frames))
    alone = targets.sum(1) == 1
    right = scores.argmax(1)[alone] == targets.argmax(1)[alone]
    assert right.float().mean() > 0.85
    assert (scores.amax(1)[targets.sum(1) == 0] < 0).float().mean() > 0.7


def test_known_phrases_are_certain_and_others_are_not(data):
    queries = data[2]
    model = fitted(data)
    assert model(queries)[1].max() < 0.12
    far = torch.linalg.qr(torch.cat([queries.T, torch.randn(6, 1)], 1))[0]
    assert model(far[:, 5][None])[1] > 0.9
    # Length of an embedding tells nothing.
    torch.testing.assert_close(model(3 * queries)[0], model(queries)[0])


def test_left_out_is_what_text_says_without_the_class(data):
    """The Gaussian process without one of its points, done by hand."""
    model = fitted(data)
    queries = data[2]
    anchors = model.place(queries)
    # What the process was given: its means and the noise's share.
    given = (anchors @ anchors.T + model.ridge * torch.eye(5)) @ model.weights[
        :5
    ]
    means, doubts = model.left_out(queries)
    for out in range(5):
        rest = [i for i in range(5) if i != out]
        kernel = anchors[rest] @ anchors[rest].T + model.ridge * torch.eye(4)
        cross = anchors[out] @ anchors[rest].T
        solved = torch.linalg.solve(kernel, given[rest])
        torch.testing.assert_close(
            means[out], cross @ solved, atol=1e-3, rtol=1e-3
        )
        doubt = 1 - cross @ torch.linalg.solve(kernel, cross)
        torch.testing.assert_close(doubts[out], doubt, atol=1e-3, rtol=1e-3)


def test_what_cannot_be_fitted_is_named(data):
    frames, targets, queries = data
    with pytest.raises(ValueError, match=r"max_anchors \(2\)"):
        Prototypes(10, 6, max_anchors=2).fit([], queries)
    targets = targets.clone()
    targets[:, 3] = 0
    with pytest.raises(ValueError, match=r"without a frame: \[3\]"):
        Prototypes(10, 6, 7).fit([(frames, targets)], queries)


def test_no_frame_without_a_class(data):
    frames, targets, queries = data
    targets = targets.clone()
    targets[:, 0] = 1
    model = Prototypes(10, 6, 7).fit([(frames, targets)], queries)
    assert torch.isfinite(model.known(model.project(frames))).all()


def test_a_class_is_added_as_if_it_had_been_there():
    torch.manual_seed(0)
    centres = torch.tensor([[9.0, 0, 0, 0], [0, 9.0, 0, 0], [6.0, 6.0, 0, 0]])
    targets = torch.eye(3).repeat_interleave(60, 1)
    targets = torch.cat([targets, torch.zeros(3, 60)], dim=1)[None]
    frames = targets[0].T @ centres + torch.randn(240, 4)
    # Roots are taken of what is learned from; squares give them back.
    frames = (frames.sign() * frames.square())[None]
    queries = torch.eye(3, 8) + 0.3
    known = Prototypes(4, 8, max_anchors=4)
    known.fit([(frames, targets[:, :2])], queries[:2])
    before, doubt = known(queries)
    known.add(frames, targets[:, 2:], queries[2:], counts=[20])
    after, less = known(queries)
    assert torch.allclose(before[:2], after[:2], atol=0.3)
    assert less[2] < 0.3 < doubt[2]
    scores = known.score(known.project(frames), after[None])
    found = scores[0].argmax(0)[:180].reshape(3, 60)
    for row in range(3):
        assert (found[row] == row).float().mean() > 0.9
    # A hum under the new recordings is no part of their sound.
    other = Prototypes(4, 8, max_anchors=4)
    other.fit([(frames, targets[:, :2])], queries[:2])
    roots = frames.sign() * frames.abs().sqrt() + torch.tensor([2.0, 0, 0, 0])
    hum = roots.sign() * roots.square()
    other.add(hum, targets[:, 2:], queries[2:], counts=[20])
    assert torch.allclose(other(queries)[0], after, atol=0.05)
