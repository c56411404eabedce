import io
import logging
import math

import numpy as np
import pytest
import torch

from speechbrain_opensed.metrics import PsdsStats, compute_psds, median_filter
from speechbrain_opensed.metrics.summary import mark_few

CLASSES = ["dog", "cat", "owl"]
TRUTH = {
    "a": [(1.0, 3.0, "dog"), (5.0, 9.0, "cat")],
    "b": [(0.0, 2.0, "dog")],
    "c": [(2.0, 3.9, "cat")],
    "d": [],
}
DURATIONS = {"a": 10.0, "b": 10.0, "c": 4.0, "d": 10.0}


@pytest.fixture
def batch():
    scores = torch.rand(4, 250, 3, generator=torch.manual_seed(0)) * 0.6
    for row, spans in enumerate(TRUTH.values()):
        for onset, offset, label in spans:
            part = slice(int(onset * 25), int(offset * 25))
            scores[row, part, CLASSES.index(label)] += 0.25
    # Padding behind the end of a clip must not count.
    scores[2, 100:] = 0.99
    return scores


def make_stats(**options):
    groups = {"seen": ["dog"], "unseen": ["cat", "owl"], "silent": ["owl"]}
    return PsdsStats(CLASSES, TRUTH, 0.04, groups=groups, **options)


def test_batches_give_what_all_at_once_gives(batch):
    stats = make_stats()
    batch.requires_grad_()
    stats.append(["a", "b"], batch[:2], torch.tensor([10.0, 10.0]))
    stats.append(["c", "d"], batch[2:], [4.0, 10.0])
    summary = stats.summarize()
    scores = median_filter(
        {
            clip: row[: int(DURATIONS[clip] * 25)].numpy()
            for clip, row in zip(TRUTH, batch.detach(), strict=True)
        }
    )
    arguments = scores, TRUTH, DURATIONS, CLASSES, 0.04
    every = compute_psds(*arguments)
    known = compute_psds(*arguments, target_known=True)
    assert summary["PSDS1_A"] == every.psds
    assert summary["PSDS1_T"] == known.psds > 0
    assert summary["PSDS1_A_seen"] == every.per_class["dog"]
    assert summary["PSDS1_T_unseen"] == known.per_class["cat"]
    assert math.isnan(summary["PSDS1_A_silent"])
    assert (summary["clips"], summary["classes"]) == (4, 2)
    assert stats.summarize("PSDS1_T") == known.psds


def test_the_filter_and_settings_are_options(batch):
    stats = make_stats(median_frames=1, max_efpr=1000.0)
    stats.append(list(TRUTH), batch.half(), DURATIONS.values())
    np.testing.assert_array_equal(
        stats.scores["c"], batch[2, :100].half().float().numpy()
    )
    stats.summarize()
    assert stats.results["PSDS1_T"].settings["max_efpr"] == 1000.0


def test_a_part_of_the_clips_is_told(batch, caplog):
    stats = make_stats()
    stats.append(["a"], batch[:1], [10.0])
    with caplog.at_level(logging.WARNING):
        assert stats.summarize("clips") == 1
    assert "PSDS over 1 of 4 clips" in caplog.text


def test_unknown_and_repeated_clips_are_named(batch):
    stats = make_stats()
    stats.append(["a"], batch[:1], [10.0])
    with pytest.raises(ValueError, match="'a' came twice"):
        stats.append(["a"], batch[:1], [10.0])
    with pytest.raises(ValueError, match="'x' is not in the ground truth"):
        stats.append(["x"], batch[:1], [10.0])
    stats.clear()
    stats.append(["a"], batch[:1], [10.0])
    assert list(stats.scores) == ["a"]


def test_the_table_names_every_class(batch, capsys):
    stats = make_stats()
    stats.append(list(TRUTH), batch, DURATIONS.values())
    stream = io.StringIO()
    stats.write_stats(stream, verbose=True)
    text = stream.getvalue()
    assert f"PSDS1_A: {stats.summary['PSDS1_A']}\n" in text
    assert "classes without events, left out: owl" in text
    assert "class\tgroups\tevents\tPSDS1_A\tPSDS1_T\n" in text
    dog = stats.results["PSDS1_T"].per_class["dog"]
    assert text.splitlines()[-2].startswith("dog\tseen\t2\t")
    assert text.splitlines()[-2].endswith(f"\t{dog:.4f}")
    assert text in capsys.readouterr().out


def test_classes_that_are_not_tested_come_first(batch):
    stats = make_stats()
    stats.append(list(TRUTH), batch, DURATIONS.values())
    words = "scores over only 2 of 3 classes: no test events of owl"
    assert stats.coverage() == words
    stream = io.StringIO()
    stats.write_stats(stream)
    assert stream.getvalue().startswith(words + "\n")
    named = mark_few(stats.summarize(), 2)
    assert named["PSDS1_A_over_2_classes"] == stats.summary["PSDS1_A"]
    assert "PSDS1_A" not in named and named["clips"] == 4


def test_groups_of_few_classes_are_marked_as_such():
    labels = [*CLASSES, "hen"]
    truth = {"a": [(k, k + 1, label) for k, label in enumerate(CLASSES)]}
    groups = {"seen": labels[:1], "unseen": labels[1:], "none": ["hen"]}
    stats = PsdsStats(labels, truth, 0.04, groups=groups)
    stats.append(["a"], torch.rand(1, 250, 4), [10.0])
    named = stats.marked()
    assert [key for key in named if key.startswith("PSDS1_A")] == [
        "PSDS1_A",
        "PSDS1_A_seen_over_1_class",
        "PSDS1_A_unseen_over_2_classes",
        "PSDS1_A_none",
    ]
    seen = stats.summary["PSDS1_A_seen"]
    assert named["PSDS1_A_seen_over_1_class"] == seen
    assert (named["clips"], named["classes"]) == (1, 3)


def test_enough_classes_need_no_word():
    truth = {"a": [(k, k + 1, label) for k, label in enumerate(CLASSES)]}
    stats = PsdsStats(CLASSES, truth, 0.04)
    stats.append(["a"], torch.rand(1, 250, 3), [10.0])
    assert stats.coverage() == ""
    assert mark_few(stats.summarize(), 3) == stats.summary
