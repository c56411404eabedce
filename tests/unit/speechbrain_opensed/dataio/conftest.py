"""Short recordings of noise, made on the spot."""

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording

from lhotse_recipes.schema import event


@pytest.fixture
def make_cut(tmp_path):
    """make_cut(id, seconds, events, rate, channels, samples) -> cut."""

    def make(name, seconds=1.0, events=(), rate=8000, channels=1, samples=None):
        if samples is None:
            rng = np.random.default_rng(len(name))
            samples = 0.1 * rng.standard_normal(
                (round(seconds * rate), channels)
            )
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        cut = Recording.from_file(path).to_cut()
        cut.id = name
        cut.supervisions = [
            event(cut.recording_id, i, onset, offset, label, label)
            for i, (onset, offset, label) in enumerate(events)
        ]
        cut.custom = {"vocabulary": "pets", "events_complete": True}
        return cut

    return make


@pytest.fixture
def some_cuts(make_cut):
    """Ten cuts of a quarter of a second."""
    return CutSet.from_cuts(
        make_cut(f"cut{i}", 0.25, [(0.0, 0.1, "dog")]) for i in range(10)
    )
