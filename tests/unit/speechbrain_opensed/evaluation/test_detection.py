"""Scores that are kept are taken again, and only for the same question."""

import numpy as np
import pytest
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import event
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.evaluation.detection import store_scores
from speechbrain_opensed.evaluation.ground_truth import read_truth
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder


@pytest.fixture(scope="module")
def detector():
    return SoundEventDetector(
        {
            "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
            "text_encoder": HashTextEncoder(dim=8),
        },
        {"spec": SedSpec()},
        {"device": "cpu"},
    )


def _cut(number):
    bark = event("r", 0, 0.1, 0.2, "dog barking", "Bark")
    return dummy_cut(number, supervisions=[bark], with_data=True)


def test_scores_are_taken_again(detector, tmp_path, monkeypatch):
    cuts = [_cut(0), _cut(1)]
    truth = read_truth(cuts)
    first = store_scores(cuts, truth, detector, tmp_path / "scores")
    values = {clip: np.array(first[clip]) for clip in first}

    def hear(*_, **__):
        raise AssertionError("heard once more")

    with monkeypatch.context() as patch:
        patch.setattr(type(detector), "detect_batch", hear)
        again = store_scores(cuts, truth, detector, tmp_path / "scores")
        assert {clip: again[clip].tolist() for clip in again} == {
            clip: value.tolist() for clip, value in values.items()
        }
        other = dict(cuts=cuts[:1], truth=read_truth(cuts[:1]))
        for asked in (other, dict(cuts=cuts, truth=truth, median_seconds=0.2)):
            with pytest.raises(FileExistsError, match="another model, other"):
                store_scores(
                    detector=detector, folder=tmp_path / "scores", **asked
                )


def test_what_is_no_store_stays(detector, tmp_path):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/notes.txt").write_text("mine")
    cuts = [_cut(0)]
    with pytest.raises(FileExistsError, match="exists already"):
        store_scores(cuts, read_truth(cuts), detector, tmp_path / "scores")
    assert (tmp_path / "scores/notes.txt").read_text() == "mine"
