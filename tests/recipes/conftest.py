"""What the placeholders in the flags of the tables stand for."""

import pytest

from tests.recipes.runner import ROOT
from tests.recipes.samples import (
    write_audioset,
    write_backgrounds,
    write_captioned,
    write_corpora,
    write_event_bank,
    write_opera,
    write_spoken,
    write_t5,
    write_tiny_tango,
)
from tests.recipes.trees import desed


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Folders by the names that flags may use."""
    folder = tmp_path_factory.mktemp("samples")
    return {
        "data": write_event_bank(folder / "bank"),
        "backgrounds": write_backgrounds(folder / "backgrounds"),
        "opera": write_opera(folder / "opera"),
        "procedural": folder / "procedural",
        "desed": desed(folder / "desed"),
        "audioset": write_audioset(folder / "audioset"),
        "corpora": write_corpora(folder / "corpora"),
        "spoken": write_spoken(folder / "spoken"),
        "captioned": write_captioned(folder / "captioned"),
        "t5": write_t5(folder / "t5"),
        "tango": write_tiny_tango(folder / "tango", folder / "t5"),
        "fixtures": ROOT / "tests" / "fixtures",
    }
