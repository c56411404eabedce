"""What the placeholders in the flags of the tables stand for."""

import pytest

from tests.recipes.runner import ROOT
from tests.recipes.samples import (
    write_audioset,
    write_backgrounds,
    write_event_bank,
)


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Folders by the names that flags may use."""
    folder = tmp_path_factory.mktemp("samples")
    return {
        "data": write_event_bank(folder / "bank"),
        "backgrounds": write_backgrounds(folder / "backgrounds"),
        "audioset": write_audioset(folder / "audioset"),
        "fixtures": ROOT / "tests" / "fixtures",
    }
