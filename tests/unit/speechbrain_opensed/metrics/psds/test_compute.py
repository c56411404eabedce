import csv
import logging
import math
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from sed_scores_eval import intersection_based

from lhotse_recipes.schema import merge_touching
from speechbrain_opensed.metrics import compute_psds, median_filter
from speechbrain_opensed.metrics.psds import kernel as psds_kernel

KINDS = ["noise", "smooth", "ties", "zeros", "binary", "plateaus", "never"]
TYPES = [np.float16, np.float32, np.float64]


def assert_same(clips, **options):
    ours = compute_psds(*clips, **options)
    theirs = compute_psds(*clips, backend="sed_scores_eval", **options)
    assert ours.psds == pytest.approx(theirs.psds, abs=1e-9)
    assert ours.per_class == pytest.approx(theirs.per_class, abs=1e-9)
    for label, curve in ours.class_curves.items():
        np.testing.assert_allclose(curve, theirs.class_curves[label])
    np.testing.assert_allclose(ours.curve, theirs.curve, atol=1e-12)
    return ours


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(TYPES),
    dtc=st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]),
    gtc=st.sampled_from([0.05, 0.3, 0.7, 1.0]),
    alpha_st=st.sampled_from([0.0, 0.5, 1.0]),
    max_efpr=st.sampled_from([100.0, 1e3, 2e4, 1e6, None]),
    keep_empty_clips=st.booleans(),
)
def test_random_clips_as_sed_scores_eval_has_them(
    make_clips, seed, kind, dtype, dtc, gtc, **options
):
    clips = make_clips(seed, kind, dtype)
    options |= {"dtc_threshold": dtc, "gtc_threshold": gtc}
    try:
        assert_same(clips, **options)
    except ValueError as error:
        assert "sed_scores_eval fails" in str(error)
        reject()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    dtc_threshold=st.sampled_from([0.1, 0.5, 0.7, 1.0]),
    gtc_threshold=st.sampled_from([0.05, 0.3, 0.7]),
    cttc_threshold=st.sampled_from([0.05, 0.1, 0.3, 0.8]),
    alpha_ct=st.sampled_from([0.1, 0.5, 1.0]),
    alpha_st=st.sampled_from([0.0, 1.0]),
    max_efpr=st.sampled_from([100.0, 2e4, 1e6, None]),
    keep_empty_clips=st.booleans(),
)
def test_cross_triggers_as_sed_scores_eval_has_them(
    make_clips, seed, kind, **options
):
    clips = make_clips(seed, kind)
    ours = compute_psds(*clips, **options)
    try:
        theirs = compute_psds(*clips, backend="sed_scores_eval", **options)
    except ValueError as error:
        assert "sed_scores_eval fails" in str(error)
        reject()
    assert ours.psds == pytest.approx(theirs.psds, abs=1e-9)
    assert ours.per_class == pytest.approx(theirs.per_class, abs=1e-9)


def test_cross_triggers_in_parts_and_threads(make_clips, monkeypatch):
    from speechbrain_opensed.metrics.psds import cross

    common = {"dtc_threshold": 0.5, "gtc_threshold": 0.3, "max_efpr": 1e5}
    options = {**common, "alpha_ct": 0.5, "cttc_threshold": 0.3}
    clips = make_clips(3, "noise", max_frames=200)
    whole = compute_psds(*clips, **options)
    without = compute_psds(*clips, **common)
    assert whole.psds < without.psds
    monkeypatch.setattr(cross, "_MAX_PAIRS", 50)
    parts = compute_psds(*clips, num_jobs=2, **options)
    assert parts.psds == pytest.approx(whole.psds, abs=1e-12)
    single = compute_psds(
        {"a": np.zeros((5, 1))}, {"a": [(0, 1, "dog")]}, {"a": 5.0}, ["dog"],
        1.0, **options,
    )  # fmt: skip
    assert single.settings["alpha_ct"] == 0


def test_what_is_beyond_sed_scores_eval_is_said_in_words():
    scores, durations = one_dog(a=[0.9, 0.0, 0.0])
    clips = scores, {"a": [(0, 3, "dog")]}, durations, ["dog"], 1.0
    assert compute_psds(*clips, gtc_threshold=0.5).psds == 1.0
    scores["a"][:] = -np.inf
    assert compute_psds(*clips).psds == 0.0
    with pytest.raises(ValueError, match="take backend='fast'"):
        compute_psds(*clips, backend="sed_scores_eval")


@pytest.mark.parametrize("kind", ["noise", "smooth", "ties", "plateaus"])
def test_the_documented_call_of_sed_scores_eval(make_clips, kind):
    """The numbers do not hang on our adapter."""
    import pandas as pd

    clips = make_clips(7, kind, max_frames=300)
    frames = {}
    for clip, array in clips.scores.items():
        times = np.arange(len(array) + 1) * clips.hop
        frames[clip] = pd.DataFrame(array, columns=clips.classes)
        frames[clip].insert(0, "onset", times[:-1])
        frames[clip].insert(1, "offset", times[1:])
    psds, per_class, *_ = intersection_based.psds(
        frames,
        {clip: merge_touching(spans) for clip, spans in clips.events.items()},
        clips.durations,
        dtc_threshold=0.5,
        gtc_threshold=0.5,
        max_efpr=1e5,
        alpha_st=1.0,
    )
    for backend in ("fast", "sed_scores_eval"):
        result = compute_psds(*clips, 0.5, 0.5, 1.0, 1e5, backend=backend)
        assert result.psds == pytest.approx(psds, abs=1e-9)
        assert result.per_class == pytest.approx(per_class, abs=1e-9)
        assert psds > 0


def real_clips(path, durations, num_clips, num_classes=None):
    """Real annotations with scores as a fair detector would give them."""
    rng = np.random.default_rng(0)
    events = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            spans = events.setdefault(row["filename"], [])
            if row["event_label"]:
                onset, offset = float(row["onset"]), float(row["offset"])
                spans.append((onset, offset, row["event_label"]))
    events = dict(list(events.items())[:num_clips])
    classes = sorted({label for s in events.values() for *_, label in s})
    scores = {}
    for clip, spans in events.items():
        seconds = durations.get(clip, 10.0)
        frames = math.ceil(seconds / 0.04)
        track = rng.normal(-2, 0.7, (frames, len(classes)))
        for onset, offset, label in spans:
            part = slice(int(onset / 0.04), int(offset / 0.04) + 1)
            track[part, classes.index(label)] += rng.normal(2.5, 1)
        scores[clip] = np.float32(1 / (1 + np.exp(-track)))
    durations = {clip: durations.get(clip, 10.0) for clip in events}
    return median_filter(scores), events, durations, classes, 0.04


def test_real_desed_annotations(shared_data):
    folder = shared_data / "meta/desed"
    with open(folder / "validation_durations.tsv", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        durations = {row["filename"]: float(row["duration"]) for row in rows}
    clips = real_clips(folder / "validation__validation.tsv", durations, 250)
    for alpha_st in (0.0, 1.0):
        assert assert_same(clips, alpha_st=alpha_st).psds > 0.1
    assert assert_same(clips, target_known=True).psds > 0.1


def test_real_audioset_annotations(shared_data):
    path = shared_data / "meta/audioset/audioset_strong_small_sample.tsv"
    result = assert_same(real_clips(path, {}, 60))
    assert len(result.per_class) > 20
    assert 0.1 < result.psds < 1


def test_parts_of_the_events_join_to_the_same(make_clips, monkeypatch):
    clips = make_clips(3, "smooth", max_frames=200)
    whole = compute_psds(*clips, max_efpr=None)
    monkeypatch.setattr(psds_kernel, "_MAX_PAIRS", 1)
    monkeypatch.setattr(psds_kernel, "_MAX_POINTS", 2)
    parts = compute_psds(*clips, max_efpr=None)
    np.testing.assert_array_equal(parts.curve, whole.curve)
    assert parts.per_class == whole.per_class


@pytest.mark.parametrize("gtc", [0.0, 0.7])
def test_events_shorter_than_a_microsecond(make_clips, gtc):
    """They count as found as soon as anything is."""
    clips = make_clips(53, "smooth")
    for spans in clips.events.values():
        spans.append((0.0, 2e-7, clips.classes[0]))
    assert_same(clips, gtc_threshold=gtc, max_efpr=1e4)


def test_frames_of_no_interest_change_nothing(make_clips):
    """With many empty clips, the floor cuts most thresholds off."""
    clips = make_clips(11, "smooth", max_frames=100)
    rng = np.random.default_rng(0)
    for index in range(300):
        name = f"empty {index}"
        noise = rng.random((50, len(clips.classes)))
        clips.scores[name] = noise.astype(np.float32) ** 4
        clips.events[name] = []
        clips.durations[name] = 50 * clips.hop
    limit = 250.0
    result = assert_same(
        clips, dtc_threshold=0.1, gtc_threshold=0.1, max_efpr=limit
    )
    assert result.psds > 0
    unlimited = compute_psds(*clips, 0.1, 0.1, max_efpr=None)
    for label, (true, rate) in result.class_curves.items():
        all_true, all_rate = unlimited.class_curves[label]
        assert len(true) < len(all_true)
        np.testing.assert_array_equal(true, all_true[all_rate <= limit])
        np.testing.assert_array_equal(rate, all_rate[all_rate <= limit])


def test_jobs_and_executors_change_nothing(make_clips):
    clips = make_clips(5, "smooth")
    alone = compute_psds(*clips)
    with ProcessPoolExecutor(2) as executor:
        elsewhere = compute_psds(*clips, num_jobs=3, executor=executor)
    for result in (compute_psds(*clips, num_jobs=2), elsewhere):
        assert result.per_class == alone.per_class
        np.testing.assert_array_equal(result.curve, alone.curve)
    assert threading.active_count() < 10


def test_monotone_transforms_change_nothing(make_clips):
    clips = make_clips(8, "noise", np.float64)
    cubed = {clip: scores**3 + 1e-3 for clip, scores in clips.scores.items()}
    other = compute_psds(*clips._replace(scores=cubed))
    assert other.per_class == compute_psds(*clips).per_class


def one_dog(**scores):
    arrays = {c: np.array(s, float)[:, None] for c, s in scores.items()}
    return arrays, {clip: float(len(s)) for clip, s in arrays.items()}


def test_target_known_zeroes_absent_classes(make_clips):
    clips = make_clips(21, "noise")
    zeroed = {}
    for clip, array in clips.scores.items():
        present = {label for *_, label in clips.events[clip]}
        zeroed[clip] = array * [label in present for label in clips.classes]
    known = compute_psds(*clips, target_known=True, max_efpr=1e4)
    by_hand = compute_psds(*clips._replace(scores=zeroed), max_efpr=1e4)
    assert known.per_class == by_hand.per_class
    assert known.psds > compute_psds(*clips, max_efpr=1e4).psds
    assert_same(clips, target_known=True, max_efpr=1e4)


def test_target_known_needs_scores_that_are_not_negative():
    scores, durations = one_dog(a=[-1.0, 2.0])
    with pytest.raises(ValueError, match="'a'.*'dog'.*frame 0.*negative"):
        compute_psds(
            scores,
            {"a": [(0, 1, "dog")]},
            durations,
            ["dog"],
            1.0,
            target_known=True,
        )


@pytest.mark.parametrize("backend", ["fast", "sed_scores_eval"])
def test_hand_made_case(backend):
    """Two clips of an hour in all: each false positive costs 1 per hour."""
    scores = {
        "a": np.array([[0.9], [0.9], [0.1], [0.8], [0.1]]),
        "b": np.array([[0.1], [0.7], [0.7], [0.1], [0.1]]),
    }
    silence = np.full((1795, 1), 0.05)
    scores = {
        clip: np.concatenate([array, silence]) for clip, array in scores.items()
    }
    events = {"a": [(0.0, 2.0, "dog")], "b": [(1.0, 3.0, "dog")]}
    result = compute_psds(
        scores,
        events,
        {"a": 1800.0, "b": 1800.0},
        ["dog"],
        1.0,
        max_efpr=10.0,
        backend=backend,
    )
    # One event found at once, the other after one false positive.
    true, rate = result.class_curves["dog"]
    assert true.tolist() == [0.5, 1.0] and rate.tolist() == [0.0, 1.0]
    assert result.psds == pytest.approx(0.5 * 0.1 + 1.0 * 0.9)


def test_touching_events_are_merged_and_counted():
    scores, durations = one_dog(a=[0.9] * 4 + [0.0] * 4)
    events = {"a": [(0, 2, "dog"), (2, 3, "dog"), (2.5, 4, "dog")]}
    result = compute_psds(scores, events, durations, ["dog"], 1.0)
    assert result.psds == 1.0
    assert result.num_events == {"dog": 1}
    assert result.settings["merged_events"] == 2


def test_classes_without_events_are_left_out_in_words(caplog):
    scores = {"a": np.eye(4, 3)}
    events = {"a": [(1.0, 2.0, "dog")]}
    with caplog.at_level(logging.WARNING):
        result = compute_psds(
            scores, events, {"a": 4.0}, ["cat", "dog", "owl"], 1.0
        )
    assert result.skipped_classes == ("cat", "owl")
    assert "2 of 3 classes have no event" in caplog.text
    assert "cat, owl" in caplog.text
    assert result.per_class == {"dog": 1.0}


def test_clips_without_events_count_unless_dropped(caplog):
    scores, durations = one_dog(a=[0.9, 0.1], b=[0.95, 0.1], c=[0.99, 0.1])
    events = {"a": [(0, 1, "dog")], "b": []}
    with caplog.at_level(logging.WARNING):
        kept = compute_psds(scores, events, durations, ["dog"], 1.0)
    assert "1 of 3 clips are not in the ground truth" in caplog.text
    dropped = compute_psds(
        scores, events, durations, ["dog"], 1.0, keep_empty_clips=False
    )
    assert (kept.psds, dropped.psds) == (0.0, 1.0)
    assert kept.settings["clips"] == 3
    assert dropped.settings["clips"] == 1
    assert dropped.settings["dropped_clips"] == 2
    assert not dropped.settings["keep_empty_clips"]


GOOD = {
    "scores": {"a": np.zeros((5, 2))},
    "ground_truth": {"a": [(0.0, 1.0, "dog")]},
    "durations": {"a": 5.0},
    "classes": ["dog", "cat"],
    "hop_seconds": 1.0,
}


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"classes": ["dog"]}, r"clip 'a' have shape \(5, 2\).*1 classes"),
        ({"classes": ["dog", "dog"]}, r"more than once: \['dog'\]"),
        ({"scores": {"a": np.zeros((0, 2))}}, r"clip 'a' have shape \(0, 2\)"),
        ({"hop_seconds": 0.5}, "'a': 5 frames of 0.5 s are 2.5 s.*hop 1 s"),
        ({"durations": {"a": 5000.0}}, "'a'.*looks like milliseconds"),
        ({"durations": {"a": 80000.0}}, "'a'.*like samples at 16 kHz"),
        ({"ground_truth": {"a": [(7, 8, "dog")]}}, "'a' lasts 5 s.*7 to 8"),
        (
            {"ground_truth": {"a": [(1000, 2000, "dog")]}},
            "'a'.*look like milliseconds",
        ),
        ({"scores": {"a": np.full((5, 2), np.nan)}}, "'a'.*'dog'.*is nan"),
        ({"scores": {"a": np.full((5, 2), np.inf)}}, "'a'.*'dog'.*is inf"),
        ({"scores": {}}, "1 clips of the ground truth have no scores.*'a'"),
        ({"ground_truth": {"a": [(1, 1, "dog")]}}, r"'a'.*'dog' from 1\.0 s"),
        ({"ground_truth": {"a": [(0, 1, "dgo")]}}, r"'a'.*'dgo'.*\['dog'\]"),
        ({"ground_truth": {"a": []}}, "none of the 2 classes has an event"),
        ({"durations": {}}, "duration of clip 'a' is missing"),
        ({"durations": {"a": 0.0}}, "duration of clip 'a' is 0.0"),
        ({"hop_seconds": 0.0}, "hop_seconds is 0.0"),
        ({"dtc_threshold": 1.5}, "dtc_threshold is 1.5"),
        ({"alpha_st": -1.0}, "alpha_st is -1.0"),
        ({"max_efpr": 0.0}, "max_efpr is 0.0"),
        ({"backend": "slow"}, "'slow': choose from"),
        ({"num_jobs": 0}, "num_jobs is 0"),
    ],
)
def test_bad_input_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        compute_psds(**(GOOD | bad))


def test_no_limit_means_the_last_gain():
    scores, durations = one_dog(a=[0.9, 0.1, 0.8, 0.1], b=[0.7, 0.0])
    events = {"a": [(0, 1, "dog")], "b": [(0, 1, "dog")]}
    arguments = scores, events, durations, ["dog"], 1.0
    result = compute_psds(*arguments, max_efpr=None)
    assert result.psds == 0.5
    assert result.curve[1][-1] == pytest.approx(1 / 6 * 3600)
    perfect = compute_psds(
        {"a": scores["b"]}, {"a": events["b"]}, {"a": 2.0}, ["dog"], 1.0,
        max_efpr=None,
    )  # fmt: skip
    assert perfect.psds == 1.0


def test_events_end_with_their_clip_and_are_counted(caplog):
    """As in DESED's validation table, where four end up to 0.115 s late."""
    scores, durations = one_dog(a=[0.0, 0.0, 0.9], b=[0.9, 0.0, 0.0])
    events = {"a": [(2.0, 3.115, "dog"), (3.0, 3.05, "dog")]}
    events["b"] = [(0.0, 1.0, "dog")]
    with caplog.at_level(logging.WARNING):
        result = compute_psds(
            scores, events, durations, ["dog"], 1.0, gtc_threshold=1.0
        )
    assert result.psds == 1.0
    assert result.settings["clipped_events"] == 2
    assert "2 events end behind their clips, by up to 0.115 s" in caplog.text


def test_cross_triggers_of_a_single_class(make_clips):
    """There are none: no other class has events."""
    options = {"cttc_threshold": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0}
    scores, durations = one_dog(a=[0.9, 0.1], b=[0.1, 0.5])
    events = {"a": [(0, 1, "dog")], "b": []}
    result = compute_psds(
        scores, events, durations, ["dog"], 1.0,
        backend="sed_scores_eval", **options,
    )  # fmt: skip
    assert (
        result.psds
        == compute_psds(
            scores, events, durations, ["dog"], 1.0, alpha_st=1.0
        ).psds
    )
