import pytest
from lhotse import AudioSource, CutSet, MonoCut, Recording

from lhotse_recipes.clips import ClipTable, clip_id
from lhotse_recipes.io import PrepareReport


@pytest.fixture
def make_cut():
    """A cut of ten seconds whose recording need not exist."""

    def make(supervisions=(), name="street/yard.wav", custom=None):
        ident = clip_id(name)
        recording = Recording(
            ident,
            [AudioSource("file", [0], name)],
            sampling_rate=16000,
            num_samples=160000,
            duration=10.0,
        )
        return MonoCut(
            ident,
            start=0.0,
            duration=10.0,
            channel=0,
            recording=recording,
            supervisions=list(supervisions),
            custom=custom or {"vocabulary": "v", "events_complete": True},
        )

    return make


@pytest.fixture
def make_cuts(make_cut):
    return lambda *cuts: CutSet.from_cuts(cuts or [make_cut()])


@pytest.fixture
def table():
    return ClipTable(PrepareReport("corpus", "test"))
