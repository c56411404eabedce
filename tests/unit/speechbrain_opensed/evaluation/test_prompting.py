"""Zero-shot scores obey their law; folders belong to one run."""

from dataclasses import replace

import pytest
import torch
from lhotse.testing.dummies import dummy_cut
from safetensors.torch import save_file

from lhotse_recipes.schema import tag
from speechbrain_opensed.dataio.feature_cache import Features
from speechbrain_opensed.dataio.sets.prompt_tasks import Exam, PromptTask
from speechbrain_opensed.evaluation.prompting import (
    inference_ms,
    load_learner,
    with_embeddings,
    zero_shot,
)
from speechbrain_opensed.lobes.prompts import PALM, CoCoOp, CoOp
from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
from speechbrain_opensed.metrics.base_new import check_zero_shot
from speechbrain_opensed.metrics.classification import ClassificationStats
from speechbrain_opensed.plotting.embeddings import plot_embeddings

NAMES = ("ant", "bee", "cat", "dog", "elk")


@pytest.fixture(scope="module")
def tower():
    return FineLAPTower.tiny()


def exam_of(names, cuts):
    return Exam(
        names,
        names,
        tuple(c for c in cuts if c.supervisions[0].text in names),
    )


@pytest.fixture(scope="module")
def cuts():
    return [
        dummy_cut(
            number,
            supervisions=[
                tag(f"r{number}", 0, 1.0, NAMES[number % 5], NAMES[number % 5])
            ],
        )
        for number in range(60)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_halves_are_never_worse_than_all_classes(tower, cuts, seed):
    draw = torch.Generator().manual_seed(seed)
    features = Features(
        tuple(cut.id for cut in cuts), torch.randn(60, 32, generator=draw)
    )
    stats = [
        zero_shot(tower, exam_of(names, cuts), features, ["a {}", "{}"])
        for names in (NAMES[:3], NAMES[3:], NAMES)
    ]
    check_zero_shot(*stats)


def stats_of(names, answers):
    """Statistics of clips named after their class, with these answers."""
    stats = ClassificationStats(names)
    scores = [[float(answer == name) for name in names] for answer in answers]
    clips = [f"{number}" for number in range(len(answers))]
    stats.append(clips, scores, [[name] for name in stats_truth(names, clips)])
    return stats


def stats_truth(names, clips):
    return [names[int(clip) % len(names)] for clip in clips]


def test_what_cannot_be_is_noticed():
    names = ("ant", "bee")
    right = stats_of(names, names * 4)
    wrong = stats_of(names, ("bee", "ant") * 4)
    nothing = ClassificationStats(("cat",))
    nothing.append(["x"], [[1.0]], [["cat"]])
    joint = stats_of(names, names * 4)
    joint.append(["x"], [[0.0, 1.0]], [["bee"]])
    check_zero_shot(right, nothing, joint)
    with pytest.raises(RuntimeError, match="1 of 9 .* but 9 among all"):
        check_zero_shot(wrong, nothing, joint)
    with pytest.raises(RuntimeError, match="or they are others"):
        check_zero_shot(right, nothing, right)


def test_unreadable_clips_are_left_out_and_missing_classes_named(cuts):
    exam = exam_of(NAMES, cuts)
    task = PromptTask("few_shot", exam, {}, {"joint": exam}, {"joint": exam})
    ids = [cut.id for cut in cuts]
    some = Features(tuple(ids[5:]), torch.zeros(55, 2))
    left = with_embeddings(task, some)
    assert len(left.train.cuts) == len(left.exams["joint"].cuts) == 55
    kept = [c.id for c in cuts if c.supervisions[0].text != "bee"]
    few = replace(some, ids=tuple(kept))
    with pytest.raises(ValueError, match="no clip of bee can be read"):
        with_embeddings(task, few)


def test_costs_are_measured(tower):
    clips = torch.rand(3, 32)
    fast = CoOp(tower, NAMES, context=2)
    slow = CoCoOp(tower, NAMES, context=2)
    times = [inference_ms(one, clips, repeats=5) for one in (fast, slow)]
    assert 0 < times[0] < times[1]


def test_figures_need_a_point_for_each_name(tmp_path):
    with pytest.raises(ValueError, match="2 points for 2 classes and 1"):
        plot_embeddings(
            {"x": torch.rand(2, 4)},
            NAMES[:2],
            tmp_path / "a.png",
            owners=["ant"],
        )


def test_checkpoints_of_other_classes_and_methods(tower, tmp_path):
    path = tmp_path / "learner.safetensors"
    save_file(PALM(tower, NAMES[:2]).state_dict(), path)
    with pytest.raises(ValueError, match="for other classes than"):
        load_learner(PALM(tower, NAMES[:3]), tmp_path)
    with pytest.raises(ValueError, match="another host, context or tower"):
        load_learner(CoOp(tower, NAMES[:2], context=3), tmp_path)
