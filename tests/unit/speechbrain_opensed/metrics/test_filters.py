import numpy as np
import pytest
from scipy import ndimage

from speechbrain_opensed.metrics import median_filter


@pytest.mark.parametrize("frames", [1, 3, 5, 7, 9, 11, 21])
@pytest.mark.parametrize("length", [1, 3, 8, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_equals_scipy(frames, length, dtype):
    rng = np.random.default_rng(frames * length)
    scores = rng.random((length, 6)).astype(dtype)
    scores[:, :3] = scores[:, :3].round(1)
    expected = ndimage.median_filter(scores.astype(float), (frames, 1))
    filtered = median_filter(scores, frames)
    assert filtered.dtype == dtype
    np.testing.assert_array_equal(filtered, expected.astype(dtype))


def test_batches_and_dicts_clip_by_clip():
    batch = np.random.default_rng(0).random((2, 30, 4))
    filtered = median_filter(batch, 5)
    by_clip = median_filter({"a": batch[0], "b": batch[1]}, 5)
    np.testing.assert_array_equal(filtered[0], median_filter(batch[0], 5))
    np.testing.assert_array_equal(filtered[1], by_clip["b"])
    assert list(by_clip) == ["a", "b"]


def test_the_scores_given_stay_as_they_are():
    scores = np.random.default_rng(0).random((30, 4))
    before = scores.copy()
    for frames in (1, 9):
        median_filter(scores, frames)[:] = 7
    np.testing.assert_array_equal(scores, before)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="4 frames wide: give an odd number"):
        median_filter(np.zeros((9, 2)), 4)
    with pytest.raises(ValueError, match=r"shape \(9,\)"):
        median_filter(np.zeros(9))
    with pytest.raises(ValueError, match=r"shape \(0, 3\)"):
        median_filter(np.zeros((0, 3)))
