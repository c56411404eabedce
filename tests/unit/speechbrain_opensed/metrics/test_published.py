"""Every published name, with values that its own code once gave."""

import json
from pathlib import Path

import numpy as np
import pytest

from speechbrain_opensed.metrics import compute_psds
from speechbrain_opensed.metrics.frames import frame_auroc
from speechbrain_opensed.metrics.generation.divergences import (
    inception_score,
    kl_divergence,
)
from speechbrain_opensed.metrics.grounding import VARIANTS, grounding_psds
from speechbrain_opensed.metrics.operating_points import count_intersections
from speechbrain_opensed.metrics.protocols import best_fscores, get_protocol
from speechbrain_opensed.metrics.retrieval import retrieval_scores
from speechbrain_opensed.metrics.tables import event_based, segment_based

FROZEN = json.loads(
    (Path(__file__).parents[3] / "fixtures/published_scores.json").read_text()
)


@pytest.fixture
def clips():
    found = FROZEN["detection"]
    return (
        {c: np.float32(rows) for c, rows in found["scores"].items()},
        {
            c: [tuple(event) for event in events]
            for c, events in found["events"].items()
        },
        found["durations"],
        found["classes"],
        found["hop_seconds"],
    )


@pytest.mark.parametrize(
    "name, protocol, variant",
    [
        ("PSDS1", "desed", "PSDS1"),
        ("PSDS2", "desed", "PSDS2"),
        ("PSDS1_A", "flexsed", "PSDS1_A"),
        ("PSDS1_A", "audioset-strong", "PSDS1"),
    ],
)
def test_psds(clips, name, protocol, variant):
    settings = {
        **get_protocol(protocol)[variant],
        "max_efpr": FROZEN["detection"]["max_efpr"],
        "keep_empty_clips": True,
    }
    found = compute_psds(*clips, **settings).psds
    assert 0 < found < 1
    assert found == pytest.approx(FROZEN["detection"][name], abs=1e-9)


def test_fscores_and_frames(clips):
    best = best_fscores(*clips, keep_empty_clips=True)
    for name in ("collar_F1", "segment_F1"):
        expected = FROZEN["detection"][name]
        assert best[name] == pytest.approx(expected, abs=1e-9)
    areas = frame_auroc(*clips)
    assert areas == pytest.approx(FROZEN["detection"]["frame_AUROC"], abs=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_grounding(clips, variant):
    scores, events, durations, classes, hop = clips
    tracks, spans, seconds = {}, {}, {}
    for clip, array in scores.items():
        for column, label in enumerate(classes):
            name = f"{clip}_{label}"
            tracks[name] = array[:, column]
            spans[name] = [e[:2] for e in events[clip] if e[2] == label]
            seconds[name] = durations[clip]
    found = grounding_psds(tracks, spans, seconds, hop, variant=variant)
    expected = FROZEN["detection"]["grounding"][variant]
    assert found == pytest.approx(expected, abs=1e-9)


def test_tables(clips):
    reference, frozen = clips[1], FROZEN["tables"]
    detected = {
        clip: [tuple(event) for event in events]
        for clip, events in frozen["detected"].items()
    }
    for name, result in (
        ("event_based", event_based(reference, detected)),
        ("onset_based", event_based(reference, detected, onsets_only=True)),
        ("segment_based", segment_based(reference, detected)),
    ):
        for kind, expected in frozen[name].items():
            found = getattr(result, kind)
            assert found == pytest.approx(expected, abs=1e-9), (name, kind)
    result = count_intersections(reference, detected, clips[2]).result
    expected = frozen["intersection_based"]
    # psds_eval has no F-score of a class of which nothing is found.
    mean = result.more["f_measure_of_found_classes"]
    assert mean == pytest.approx(expected["macro"], abs=1e-9)
    for label, value in expected["per_class"].items():
        found = result.per_class[label].fscore
        assert found == pytest.approx(0 if value is None else value, abs=1e-9)


def test_retrieval():
    frozen = FROZEN["retrieval"]
    clips, captions = (
        np.array(frozen[name]) / np.linalg.norm(frozen[name], axis=1)[:, None]
        for name in ("clips", "captions")
    )
    owners = np.repeat(np.arange(len(clips)), 5)
    found = retrieval_scores(clips @ captions.T, owners)
    for way in ("T2A", "A2T"):
        for name, expected in frozen[way].items():
            factor = 1 if name in ("medR", "meanR") else 100
            value = factor * found[f"{way}_{name}"]
            assert value == pytest.approx(expected, abs=1e-4), (way, name)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_divergence_and_inception_score(activation):
    path = Path(__file__).parents[3] / "fixtures/generation_scores.json"
    frozen = json.loads(path.read_text())
    found = kl_divergence(frozen["real"], frozen["made"], activation)
    np.testing.assert_allclose(found, frozen[f"kl_{activation}"], rtol=1e-9)
    scores = inception_score(frozen["real"])
    np.testing.assert_allclose(scores, frozen["inception_score"], rtol=1e-9)
