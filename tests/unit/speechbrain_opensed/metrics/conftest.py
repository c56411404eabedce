"""Random clips for the metrics."""

from typing import NamedTuple

import numpy as np
import pytest


class Clips(NamedTuple):
    """The arguments that all metrics share."""

    scores: dict
    events: dict
    durations: dict
    classes: list
    hop: float


def random_scores(rng, frames, classes, kind):
    """Scores of one clip: what real and broken models put out."""
    noise = rng.random((frames, classes))
    if kind == "ties":
        return noise.round(1)
    if kind == "smooth":
        return 1 / (1 + np.exp(-np.cumsum(rng.normal(size=noise.shape), 0)))
    if kind == "zeros":
        return np.zeros_like(noise)
    if kind == "binary":
        return (noise > 0.5).astype(float)
    if kind == "plateaus":
        return np.repeat(noise, 3, axis=0)[:frames].round(2)
    if kind == "never":
        return np.where(noise < 0.2, -np.inf, noise)
    return noise


def random_clips(seed, kind="noise", dtype=np.float32, max_frames=60):
    """A few clips; lengths, hop and events vary."""
    rng = np.random.default_rng(seed)
    classes = [f"class {index}" for index in range(rng.integers(1, 5))]
    hop = float(rng.choice([0.04, 0.1, 1.0, 0.016, 512 / 22050]))
    scores, events, durations = {}, {}, {}
    for index in range(rng.integers(1, 10)):
        clip = f"clip {index}"
        frames = int(rng.integers(1, max_frames))
        raw = random_scores(rng, frames, len(classes), kind)
        scores[clip] = raw.astype(dtype)
        durations[clip] = (frames - rng.uniform(0, 0.9)) * hop
        events[clip] = random_events(rng, durations[clip], hop, classes)
    events["clip 0"].append((0.0, min(hop, durations["clip 0"]), classes[0]))
    return Clips(scores, events, durations, classes, hop)


def random_events(rng, seconds, hop, classes):
    """Events that overlap, touch, lie on frame borders or end the clip."""
    events = []
    for label in classes:
        for _ in range(rng.integers(0, 4)):
            onset = rng.uniform(0, 0.98 * seconds)
            length = rng.uniform(0.001, max(0.002, seconds / 2))
            if rng.random() < 0.5:
                onset = round(onset / hop) * hop
                length = rng.integers(1, 6) * hop
            offset = min(onset + length, seconds)
            if onset < offset:
                events.append((onset, offset, label))
    return events


@pytest.fixture
def make_clips():
    """The function that makes random clips."""
    return random_clips
