"""Tables against tables, with sed_eval as the reference."""

import math

import dcase_util
import numpy as np
import pytest
import sed_eval

from speechbrain_opensed.metrics.tables import event_based, segment_based

LABELS = ["cat", "dog", "owl"]


def random_table(rng, number, labels, crowded=False):
    """Events of some clips; borders lie on a grid so that collars tie."""
    table = {}
    for clip in ("a", "b", "c"):
        spans = []
        for _ in range(rng.integers(0, number)):
            onset = rng.integers(0, 20 if crowded else 90) / 10
            length = rng.integers(1, 30) / 10
            spans.append((onset, onset + length, str(rng.choice(labels))))
        table[clip] = spans
    return table


def container(clip, spans):
    return dcase_util.containers.MetaDataContainer(
        [
            {
                "file": clip,
                "onset": float(onset),
                "offset": float(offset),
                "event_label": label,
            }
            for onset, offset, label in spans
        ]
    )


def theirs(metric, reference, detected, **settings):
    for clip in reference:
        metric.evaluate(
            container(clip, reference[clip]),
            container(clip, detected[clip]),
            **settings,
        )
    return metric.results()


def compare(ours, other, labels):
    """Asserts that both say the same; what was compared, where not NaN."""
    overall, compared = other["overall"], []
    found = ours.to_dict()
    for name in ("f_measure", "precision", "recall"):
        value = overall["f_measure"][name]
        if not math.isnan(value):
            assert found["micro"][name] == pytest.approx(value, abs=1e-12)
            compared.append(name)
    for name, value in overall["error_rate"].items():
        assert found["micro"][name] == pytest.approx(value, abs=1e-9), name
    for label in labels:
        each = other["class_wise"][label]
        mine = found["per_class"][label]
        assert mine["events"] == each["count"]["Nref"]
        assert mine["detections"] == each["count"]["Nsys"]
        value = each["f_measure"]["f_measure"]
        if not math.isnan(value):
            assert mine["f_measure"] == pytest.approx(value, abs=1e-12)
        if each["count"]["Nref"]:
            rate = each["error_rate"]["error_rate"]
            assert mine["error_rate"] == pytest.approx(rate, abs=1e-9)
    if all(one.num_true for one in ours.per_class.values()):
        average = other["class_wise_average"]
        expected = average["f_measure"]["f_measure"]
        if not math.isnan(expected):
            assert ours.macro_of_detected == pytest.approx(expected, abs=1e-12)
        for name in ("recall", "error_rate"):
            value = average["f_measure" if name == "recall" else name][name]
            assert found["macro"][name] == pytest.approx(value, abs=1e-9)
    return compared


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_random_tables_like_sed_eval(seed, crowded):
    rng = np.random.default_rng(seed)
    reference = random_table(rng, 8, LABELS[: 2 + seed % 2], crowded)
    detected = random_table(rng, 8, LABELS, crowded)
    # Half of the detections are about right.
    for clip, spans in reference.items():
        for onset, offset, label in spans:
            if rng.random() < 0.6:
                shift = rng.integers(-3, 4, 2) / 10
                label = label if rng.random() < 0.8 else "owl"
                detected[clip].append(
                    (max(0.0, onset + shift[0]), offset + shift[1], label)
                )
    reference["a"].append((9.0, 9.5, "dog"))
    detected["a"].append((9.0, 9.5, "cat"))
    for onsets_only in (False, True):
        collars = (
            float(rng.choice([0.2, 0.25])),
            float(rng.choice([0.2, 0.5])),
        )
        metric = sed_eval.sound_event.EventBasedMetrics(
            LABELS,
            t_collar=collars[0],
            percentage_of_length=collars[1],
            evaluate_offset=not onsets_only,
        )
        ours = event_based(
            reference,
            detected,
            collars[0],
            offset_collar=collars[0],
            offset_collar_rate=collars[1],
            onsets_only=onsets_only,
        )
        other = theirs(metric, reference, detected)
        assert "precision" in compare(ours, other, ours.per_class)
    length = float(rng.choice([0.5, 1.0, 0.1]))
    metric = sed_eval.sound_event.SegmentBasedMetrics(LABELS, length)
    ours = segment_based(reference, detected, segment_length=length)
    expected = theirs(metric, reference, detected)
    assert "precision" in compare(ours, expected, ours.per_class)
    metric = sed_eval.sound_event.SegmentBasedMetrics(LABELS, length)
    durations = dict.fromkeys(reference, 7.3)
    ours = segment_based(reference, detected, durations, length)
    expected = theirs(metric, reference, detected, evaluated_length_seconds=7.3)
    compare(ours, expected, ours.per_class)


def test_zero_score_of_classes_that_are_never_detected():
    reference = {"a": [(0.0, 1.0, "dog"), (2.0, 3.0, "cat")]}
    detected = {"a": [(0.0, 1.0, "dog")]}
    metric = sed_eval.sound_event.EventBasedMetrics(
        ["dog", "cat"], empty_system_output_handling="zero_score"
    )
    average = theirs(metric, reference, detected)["class_wise_average"]
    ours = event_based(reference, detected)
    assert ours.macro == average["f_measure"]["f_measure"] == 0.5
    assert ours.macro_of_detected == 1.0
    nothing = event_based(reference, {})
    assert (nothing.micro, nothing.macro, nothing.error_rate) == (0, 0, 1)
    assert math.isnan(nothing.more["onset_error"])
    assert math.isnan(event_based({}, detected).micro)


def test_errors_of_borders_like_sed_scores_eval():
    from sed_scores_eval import collar_based

    from tests.sed_frames import sed_frame

    rng = np.random.default_rng(1)
    reference, detected, frames = {}, {}, {}
    for clip in "abcdef":
        active = np.zeros((100, 1))
        reference[clip], detected[clip] = [], []
        for begin in (5, 40, 70):
            first, last = begin + rng.integers(0, 4), begin + 10
            active[first:last] = 1.0
            detected[clip].append((first / 10, last / 10, "dog"))
            shift = rng.uniform(-0.3, 0.3, 2)
            reference[clip].append(
                (first / 10 + shift[0], last / 10 + shift[1], "dog")
            )
        frames[clip] = sed_frame(active, 0.1, ["dog"])
    *_, counts = collar_based.fscore(
        frames,
        reference,
        {"dog": 0.5},
        onset_collar=0.2,
        offset_collar=0.2,
        offset_collar_rate=0.2,
        return_onset_offset_dist_sum=True,
    )
    counts = counts["dog"]
    ours = event_based(reference, detected)
    assert ours.total.num_right == counts["tps"] > 5
    for border in ("onset", "offset"):
        expected = counts[f"{border}_dist_sum"] / counts["tps"]
        assert abs(ours.more[f"{border}_bias"]) == pytest.approx(
            abs(expected), abs=1e-6
        )
        assert ours.more[f"{border}_error"] >= abs(expected)
