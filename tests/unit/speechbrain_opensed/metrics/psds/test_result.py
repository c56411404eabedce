import numpy as np
import pytest

from speechbrain_opensed.metrics import PsdsResult, compute_psds


@pytest.fixture
def clips(make_clips):
    clips = make_clips(53, "smooth", max_frames=300)
    assert len(clips.classes) == 4
    return clips._replace(
        scores={c: np.c_[s, s[:, :1]] for c, s in clips.scores.items()},
        classes=[*clips.classes, "never heard"],
    )


@pytest.mark.parametrize("max_efpr", [1e4, None])
def test_group_equals_an_evaluation_of_these_classes(clips, max_efpr):
    chosen = [clips.classes[0], clips.classes[2], "never heard"]
    columns = [clips.classes.index(label) for label in chosen]
    alone = compute_psds(
        {clip: scores[:, columns] for clip, scores in clips.scores.items()},
        {
            clip: [span for span in spans if span[2] in chosen]
            for clip, spans in clips.events.items()
        },
        clips.durations,
        chosen,
        clips.hop,
        max_efpr=max_efpr,
        alpha_st=0.5,
    )
    group = compute_psds(*clips, max_efpr=max_efpr, alpha_st=0.5).group(chosen)
    assert group.psds == alone.psds > 0
    assert group.per_class == alone.per_class
    assert group.num_events == alone.num_events
    assert group.skipped_classes == ("never heard",)


def test_group_of_unknown_or_silent_classes_is_refused(clips):
    result = compute_psds(*clips)
    with pytest.raises(ValueError, match="1 classes were not evaluated.*'x'"):
        result.group([clips.classes[0], "x"])
    with pytest.raises(ValueError, match="none of the 1 classes"):
        result.group(["never heard"])


def test_saved_and_loaded_is_the_same(clips, tmp_path):
    result = compute_psds(*clips, max_efpr=1e4)
    result.save(tmp_path / "psds.npz")
    loaded = PsdsResult.load(tmp_path / "psds.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["psds.npz"]
    for name in ("psds", "per_class", "num_events", "settings"):
        assert getattr(loaded, name) == getattr(result, name)
    assert loaded.skipped_classes == ("never heard",)
    np.testing.assert_array_equal(loaded.curve, result.curve)
    for label, curve in result.class_curves.items():
        np.testing.assert_array_equal(loaded.class_curves[label], curve)
    assert loaded.group(clips.classes[:2]).psds == pytest.approx(
        result.group(clips.classes[:2]).psds
    )


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="other.npz is no PSDS result"):
        PsdsResult.load(tmp_path / "other.npz")


def test_settings_are_told_with_the_score(clips):
    text = str(compute_psds(*clips))
    assert "over 4 classes (1 without events left out)" in text
    assert "gtc_threshold 0.7" in text and "keep_empty_clips True" in text
