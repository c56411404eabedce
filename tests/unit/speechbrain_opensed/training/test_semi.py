"""Tags, unlabelled clips and a teacher in the training loop."""

import math

import pytest
import torch
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import event, tag
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.queries import (
    AllQueries,
    RelatedAwareNegatives,
)
from speechbrain_opensed.dataio.sets.detection import SedDataset
from speechbrain_opensed.training import OpenSEDBrain, SemiSupervised

LABELS = ["Cat", "Dog", "Rain"]


@pytest.fixture(scope="module")
def cuts():
    """A strong, a weak and an unlabelled clip."""
    strong, weak, unlabelled = (
        dummy_cut(k, duration=1.0, with_data=True) for k in range(3)
    )
    strong.supervisions = [event("r", 0, 0.2, 0.5, "dog", "Dog")]
    weak.supervisions = [tag("r", 0, 1.0, "cat", "Cat")]
    for cut, complete in (strong, True), (weak, False), (unlabelled, False):
        cut.events_complete, cut.vocabulary = complete, "desed"
    weak.negatives = ["Rain"]
    return CutSet.from_cuts([strong, weak, unlabelled])


@pytest.fixture(scope="module")
def batch(cuts):
    spec = SedSpec(hop_seconds=0.1, window_seconds=1.0)
    queries = AllQueries(LABELS, {"desed": LABELS})
    dataset = SedDataset(spec, queries, {x: x.lower() for x in LABELS})
    return dataset[cuts]


def test_batches_say_what_is_known_of_frames_and_of_clips(batch):
    assert batch.asked.all()
    assert batch.mask.tolist() == [
        [True, True, True],
        [False, False, True],
        [False, False, False],
    ]
    assert batch.clip_mask.tolist() == [
        [True, True, True],
        [True, False, True],
        [False, False, False],
    ]
    assert batch.clip_targets.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_prompts_ask_for_tags_where_that_is_wanted(cuts):
    import numpy as np

    _, weak, _ = cuts
    rng = np.random.default_rng(0)
    options = {
        "num_queries": 3,
        "max_positives": 2,
        "annotated": {"desed": LABELS},
    }
    plain = RelatedAwareNegatives(LABELS, None, {}, **options)
    assert plain(weak, rng).weak == ()
    asks = RelatedAwareNegatives(LABELS, None, {}, **options, ask_weak=True)
    asked = asks(weak, rng)
    assert (asked.weak, asked.negatives) == (("Cat",), ("Rain",))


class Tracks(OpenSEDBrain):
    """A detector of three numbers for each clip, query and frame."""

    def compute_forward(self, batch, stage):
        semi = self.hparams.semi
        teacher = semi.teach(
            self, batch, lambda: self.modules.model(batch.wavs[:, :9])
        )
        return self.modules.model(batch.wavs[:, :9]), teacher

    def compute_objectives(self, predictions, batch, stage):
        logits, teacher = predictions
        return self.hparams.semi.loss(
            logits, teacher, batch, self.optimizer_step
        )


class Free(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(3, 3, 10))

    def forward(self, wavs):
        return self.logits + 0 * wavs.sum()


def data(batch):
    return torch.utils.data.DataLoader([batch], batch_size=None)


def brain(semi, ema_decay=0.9):
    return Tracks(
        {"model": Free()},
        lambda groups: torch.optim.SGD(groups, lr=1.0),
        {"semi": semi},
        {"noprogressbar": True, "device": "cpu"},
        ema_decay=ema_decay,
    )


def test_tags_alone_teach_tagged_clips_alone(batch):
    trained = brain(SemiSupervised(1.0, 0.0))
    trained.fit(range(1, 4), data(batch))
    logits = trained.modules.model.logits.detach()
    assert (logits[1, 0] > 0).all() and (logits[1, 2] < 0).all()
    assert (
        not logits[0].any() and not logits[2].any() and not logits[1, 1].any()
    )


def test_a_teacher_pulls_at_all_that_was_asked(batch):
    trained = brain(SemiSupervised(0.0, 1.0, 1.0, (0.2, 0.8), ramp_steps=0))
    model = trained.modules.model
    with torch.no_grad():
        trained.ema.module["model"].logits.fill_(3.0)
    trained.fit(range(1, 2), data(batch))
    assert model.logits.detach().min() > 0
    # Where nobody knows, the teacher's labels come on top.
    assert model.logits[2].mean() > model.logits[0].mean()
    assert model.training


def test_a_teacher_has_to_be_kept(batch):
    with pytest.raises(ValueError, match="set ema_decay"):
        brain(SemiSupervised(), None).fit(range(1, 2), data(batch))
    for wrong in ({"weak_weight": -1.0}, {"pseudo_thresholds": (0.9, 0.1)}):
        with pytest.raises(ValueError, match="thresholds"):
            SemiSupervised(**wrong)
    assert math.isclose(SemiSupervised(ramp_steps=4).ramp(4), 1.0)
