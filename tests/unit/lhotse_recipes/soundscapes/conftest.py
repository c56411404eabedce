"""A small bank of made-up sounds for the tests of soundscapes."""

import pytest

from lhotse_recipes.soundscapes import ProceduralBank

PHRASES = (
    "low steady tone",
    "mid pulsing bell",
    "high rising buzz",
    "high warbling hiss",
    "low falling horn",
)


@pytest.fixture(scope="session")
def bank(tmp_path_factory):
    """Five phrases, three variants each, and four backgrounds."""
    return ProceduralBank(seed=0).write(
        tmp_path_factory.mktemp("bank"),
        per_phrase=3,
        num_backgrounds=4,
        phrases=PHRASES,
    )
