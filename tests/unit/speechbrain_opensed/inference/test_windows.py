"""Windows cover a stream once, and blending neither moves nor scales."""

import numpy as np
import pytest

from speechbrain_opensed.inference.windows import OverlapAdd, sliding_windows

FRAME = 4


@pytest.mark.parametrize("seed", range(150))
def test_windows_rebuild_the_signal(seed):
    rng = np.random.default_rng(seed)
    length, frames = int(rng.integers(1, 300)), int(rng.integers(1, 13))
    hop_frames = int(rng.integers(1, frames + 1))
    cuts = rng.integers(0, 300, size=rng.integers(0, 7))
    signal = np.arange(1, length + 1, dtype=np.float32)
    blocks = np.split(signal, sorted(min(c, length) for c in cuts))
    windows = list(
        sliding_windows(blocks, frames * FRAME, hop_frames * FRAME, FRAME)
    )
    blend = OverlapAdd()
    for start, samples in windows:
        assert len(samples) == min(frames * FRAME, length + -length % FRAME)
        blend.add(start, samples.reshape(-1, FRAME))
    rebuilt = blend.result().reshape(-1)
    assert len(rebuilt) == length + -length % FRAME
    np.testing.assert_allclose(rebuilt[:length], signal, rtol=1e-5)
    assert not rebuilt[length:].any()
    starts = [start for start, _ in windows]
    assert starts == sorted(set(starts))


def test_empty_stream_has_no_window():
    assert list(sliding_windows([], 8, 4, 2)) == []
    with pytest.raises(ValueError, match="no window"):
        OverlapAdd().result()


@pytest.mark.parametrize("size, hop", [(8, 9), (8, 0), (7, 4), (8, 3)])
def test_windows_off_the_grid_are_refused(size, hop):
    with pytest.raises(ValueError, match="multiples of 2"):
        list(sliding_windows([np.zeros(20)], size, hop, 2))


def test_edges_give_way_to_middles():
    blend = OverlapAdd()
    for start, value in ((0, 0.0), (5, 1.0), (10, 0.0)):
        blend.add(start, np.full((10, 2), value))
    scores = blend.result()
    assert scores.shape == (20, 2) and scores.dtype == np.float32
    assert (np.diff(scores[:10, 0]) >= 0).all()
    assert (np.diff(scores[10:, 0]) <= 0).all()
    np.testing.assert_allclose(scores, scores[::-1], atol=1e-6)


def test_gap_or_disorder_is_refused():
    blend = OverlapAdd()
    blend.add(0, np.zeros((4, 1)))
    with pytest.raises(ValueError, match="in order"):
        blend.add(5, np.zeros((4, 1)))
    blend.add(2, np.zeros((4, 1)))
    with pytest.raises(ValueError, match="in order"):
        blend.add(1, np.zeros((4, 1)))


def test_buffer_stays_small():
    blend = OverlapAdd()
    for start in range(0, 4000, 5):
        blend.add(start, np.ones((10, 1)))
        assert len(blend._sum) == 10
    assert blend.result().shape == (4005, 1)
