"""A detector that teaches another one."""

from dataclasses import replace

import pytest
import torch
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import event
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.queries import AllQueries
from speechbrain_opensed.dataio.sets.detection import SedDataset
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.inference.teacher import DetectorTeacher, load_teacher
from speechbrain_opensed.lobes.query_sed import QuerySED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.training import SemiSupervised

PHRASES = {"Dog": "dog barking", "Rain": "rain"}


def batch_of(spec):
    cuts = [dummy_cut(k, duration=0.96, with_data=True) for k in range(2)]
    for cut in cuts:
        cut.supervisions = [event("r", 0, 0.2, 0.5, "dog barking", "Dog")]
        cut.events_complete, cut.vocabulary = True, "some"
    queries = AllQueries(list(PHRASES), {"some": list(PHRASES)})
    return SedDataset(spec, queries, PHRASES)[CutSet.from_cuts(cuts)]


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    model = QuerySED(
        "mn01",
        cls_dim=8,
        encoder_config={"num_tags": 5},
        embed_dim=16,
        depth=1,
        num_heads=2,
    )
    return SoundEventDetector(
        modules={"model": model, "text_encoder": HashTextEncoder(dim=8)},
        hparams={
            "spec": SedSpec(
                sample_rate=32000, hop_seconds=0.08, window_seconds=0.96
            )
        },
        run_opts={"device": "cpu"},
    )


@pytest.fixture(scope="module")
def batch():
    return batch_of(
        SedSpec(sample_rate=32000, hop_seconds=0.08, window_seconds=0.96)
    )


def test_the_teacher_says_what_the_detector_hears(detector, batch):
    scores = DetectorTeacher(detector, 32000)(batch)
    assert scores.shape == batch.targets.shape
    heard = detector.detect_batch(
        batch.wavs, batch.wav_lens, batch.phrases
    ).transpose(1, 2)
    for row, asked in enumerate(batch.query_index):
        assert torch.allclose(scores[row], heard[row][asked], atol=1e-5)
    assert not scores.requires_grad


def test_frames_of_the_same_encoder_will_do(detector, batch):
    teacher = DetectorTeacher(detector, 32000)
    frames = detector.mods.model.encode(batch.wavs)
    same = replace(batch, wavs=frames)
    assert torch.allclose(teacher(same), teacher(batch), atol=1e-5)
    with pytest.raises(ValueError, match="the same encoder"):
        teacher(replace(batch, wavs=frames[..., :-1]))


def test_a_student_of_other_frames_is_taught_between_them(detector):
    spec = SedSpec(sample_rate=32000, hop_seconds=0.04, window_seconds=0.96)
    batch = batch_of(spec)
    scores = DetectorTeacher(detector, 32000)(batch)
    assert scores.shape == batch.targets.shape
    coarse = DetectorTeacher(detector, 32000)(
        batch_of(
            SedSpec(sample_rate=32000, hop_seconds=0.08, window_seconds=0.96)
        )
    )
    # Every second of its frames lies a quarter beside one of the teacher's.
    assert torch.allclose(
        scores[..., 1:-1].unflatten(2, (-1, 2)).mean(3),
        (coarse[..., :-1] + coarse[..., 1:]) / 2,
        atol=1e-5,
    )


def test_who_cannot_teach_is_refused(detector, tmp_path):
    with pytest.raises(ValueError, match="32000 Hz, its student at 16000"):
        DetectorTeacher(detector, 16000)
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_teacher(tmp_path / "nothing", 16000)
    with pytest.raises(ValueError, match="a teacher has no effect"):
        SemiSupervised(
            consistency_weight=0.0, teacher=DetectorTeacher(detector, 32000)
        )
