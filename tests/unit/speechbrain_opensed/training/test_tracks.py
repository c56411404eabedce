"""From batches of frames to a fitted detector."""

from dataclasses import replace

import pytest
import torch

from speechbrain_opensed.dataio.sets.detection import SedBatch
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    OneHotTextEncoder,
)
from speechbrain_opensed.lobes.track_sed import TrackSED
from speechbrain_opensed.training.tracks import embed_tags, fit_tracks

TAGS = "label,phrase\nDog,dog\nCat,cat\n"


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder = MobileNet(0.1, num_tags=2)
    return TrackSED(encoder, query_dim=8, max_anchors=3)


@pytest.fixture
def batch(model):
    return SedBatch(
        ids=["a", "b"],
        wavs=torch.randn(2, 125, model.encoder.dim),
        wav_lens=torch.ones(2),
        phrases=["dog", "rain"],
        query_index=torch.tensor([[1, 0], [1, 0]]),
        targets=torch.eye(25)[None, :2].repeat(2, 1, 5),
        mask=torch.ones(2, 2, dtype=torch.bool),
        frame_mask=torch.ones(2, 125, dtype=torch.bool),
        asked=torch.ones(2, 2, dtype=torch.bool),
        clip_targets=torch.ones(2, 2),
        clip_mask=torch.ones(2, 2, dtype=torch.bool),
    )


def test_classes_are_those_of_the_targets_rows(model, batch, tmp_path):
    text = HashTextEncoder(dim=8)
    (tmp_path / "tags.csv").write_text(TAGS)
    fit_tracks(model, text, [batch], str(tmp_path / "tags.csv"))
    anchors = model.prototypes.anchors[:2]
    placed = model.prototypes.place(text(["rain", "dog"]))
    torch.testing.assert_close(anchors, placed)
    torch.testing.assert_close(
        model.tags, model.prototypes.place(text(["dog", "cat"]))
    )
    frames = batch.wavs.flatten(0, 1)
    torch.testing.assert_close(model.mean, frames.mean(0))


def test_all_batches_are_asked_the_same(model, batch):
    other = replace(batch, query_index=batch.query_index.flip(1))
    with pytest.raises(ValueError, match="use AllQueries"):
        fit_tracks(model, HashTextEncoder(dim=8), [batch, other])


def test_tags_without_an_embedding_are_zeros(tmp_path):
    (tmp_path / "tags.csv").write_text(TAGS)
    table = embed_tags(OneHotTextEncoder(["cat"]), str(tmp_path / "tags.csv"))
    assert table.tolist() == [[0.0], [1.0]]


def test_tags_that_nobody_names_tell_nothing(model, batch):
    fit_tracks(model, HashTextEncoder(dim=8), [batch], None)
    assert not model.tags.any()
    assert torch.isfinite(model.eval()(batch.wavs, torch.randn(2, 8))).all()
