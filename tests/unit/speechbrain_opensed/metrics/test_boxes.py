"""Bounding boxes, with the authors' package as the reference."""

import math

import numpy as np
import pytest

from speechbrain_opensed.metrics.boxes import (
    GRID,
    BoxSettings,
    box_scores,
    event_boxes,
    read_boxes,
    tune_boxes,
)
from tests.sed_frames import sed_frame

HOP = 0.04
CLASSES = ["cat", "dog"]


@pytest.fixture
def csebbs():
    """The authors' package: for comparison alone, and it may be absent."""
    return pytest.importorskip("sebbs.csebbs")


def tracks(seed, frames=120):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (frames, 2))
    smooth = np.cumsum(noise, 0) / 3 + rng.normal(0, 0.3, (frames, 2))
    return 1 / (1 + np.exp(-smooth + smooth.mean(0)))


@pytest.mark.parametrize("settings", [*GRID[::3], BoxSettings(0.48, 0.2, 2.0)])
@pytest.mark.parametrize("seed", range(6))
def test_boxes_like_the_package(csebbs, seed, settings):
    scores = tracks(seed).astype(np.float32).astype(float)
    predictor = csebbs.CSEBBsPredictor(
        settings.step_seconds, settings.merge_abs, settings.merge_rel
    )
    theirs = predictor.predict({"a": sed_frame(scores, HOP, CLASSES)})["a"]
    assert len(theirs) > 4
    for column, label in enumerate(CLASSES):
        expected = [box[:2] + box[3:] for box in theirs if box[2] == label]
        ours = list(
            zip(*event_boxes(scores[:, column], HOP, settings), strict=True)
        )
        # Their means are over lengths that are a microsecond longer.
        np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-5)
        np.testing.assert_allclose(
            [one[:2] for one in ours], [one[:2] for one in expected], atol=1e-9
        )


def test_confidences_are_means_of_scores():
    track = np.repeat([0.1, 0.9, 0.5, 0.1], [20, 10, 10, 20])
    settings = BoxSettings(0.32, math.inf, 2.0)
    onset, offset, score = event_boxes(track, HOP, settings)
    (best,) = np.flatnonzero(score == score.max())
    np.testing.assert_allclose([onset[best], offset[best]], [0.8, 1.6])
    assert score[best] == pytest.approx(0.7)
    apart = event_boxes(track, HOP, BoxSettings(0.32, 0.1, math.inf))
    assert apart[2].max() == pytest.approx(0.9, abs=0.1)


def clips(number=12):
    rng = np.random.default_rng(0)
    scores, truth = {}, {}
    for index in range(number):
        track, truth[f"{index}"] = tracks(100 + index, 250) * 0.5, []
        for column, label in enumerate(CLASSES):
            onset = float(rng.uniform(0, 8))
            offset = onset + float(rng.uniform(0.3, 2))
            truth[f"{index}"].append((onset, offset, label))
            track[round(onset / HOP) : round(offset / HOP), column] += 0.4
        scores[f"{index}"] = track.astype(np.float32)
    return scores, truth, dict.fromkeys(scores, 10.0)


def test_tuning_chooses_like_the_package(csebbs, monkeypatch):
    as_scores = csebbs.sed_scores_from_sebbs

    def writable(*args, **options):
        # Of float64 columns pandas 3 gives sed_scores_eval read-only views.
        return {
            clip: frame.astype(dict.fromkeys(CLASSES, np.float32))
            for clip, frame in as_scores(*args, **options).items()
        }

    monkeypatch.setattr(csebbs, "sed_scores_from_sebbs", writable)
    scores, truth, durations = clips()
    frames = {clip: sed_frame(s, HOP, CLASSES) for clip, s in scores.items()}
    grid = [one for one in GRID if one.step_seconds != 0.48]
    predictors = [
        csebbs.CSEBBsPredictor(
            one.step_seconds,
            one.merge_abs,
            one.merge_rel,
            sound_classes=CLASSES,
        )
        for one in grid
    ]
    theirs, values = csebbs.select_best_psds(
        [(one, one.predict(frames)) for one in predictors], truth, durations
    )
    ours = tune_boxes(scores, truth, durations, CLASSES, HOP, grid)
    for label in CLASSES:
        assert ours[label] == BoxSettings(
            theirs.step_filter_length[label],
            theirs.merge_threshold_abs[label],
            theirs.merge_threshold_rel[label],
        )
    assert len(set(map(repr, values.values()))) == 2


def test_boxes_as_scores():
    scores, *_ = clips(1)
    boxed = box_scores(scores["0"], HOP, [GRID[0], GRID[-1]])
    assert boxed.shape == scores["0"].shape
    onset, offset, score = event_boxes(scores["0"][:, 1], HOP, GRID[-1])
    for first, last, value in zip(onset, offset, score, strict=True):
        inside = boxed[round(first / HOP) : round(last / HOP), 1]
        assert np.all(inside == value)
    silent = box_scores(np.zeros((20, 1)), HOP, GRID[0])
    assert not np.any(silent > 0)


def test_nonsense_is_refused(tmp_path):
    with pytest.raises(ValueError, match="step_seconds is 0: give"):
        BoxSettings(0)
    with pytest.raises(ValueError, match="merge_abs is nan: give"):
        BoxSettings(merge_abs=math.nan)
    scores, truth, durations = clips(1)
    with pytest.raises(ValueError, match="grid is empty"):
        tune_boxes(scores, truth, durations, CLASSES, HOP, [])
    path = tmp_path / "boxes.json"
    for text in ("[]", '{"dog": 1}', '{"dog": {"step": 1}}', "{"):
        path.write_text(text)
        with pytest.raises(ValueError, match="boxes.json: not settings"):
            read_boxes(path)
