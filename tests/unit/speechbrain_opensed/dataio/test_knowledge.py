"""What nobody listened for is not absent."""

import pickle

import numpy as np
import pytest
from lhotse.testing.dummies import dummy_cut

from speechbrain_opensed.dataio.knowledge import KnownAbsent

NAMES = ["Bark", "Car", "Rain"]


def mask(labels):
    return np.isin(NAMES, list(labels))


def cut_of(**custom):
    cut = dummy_cut(0)
    cut.custom = custom
    return cut


@pytest.mark.parametrize(
    "custom, expected",
    [
        ({"events_complete": True, "vocabulary": "a"}, ["Bark", "Car"]),
        ({"events_complete": False, "vocabulary": "a"}, []),
        ({"events_complete": False, "negatives": ["Rain"]}, ["Rain"]),
    ],
)
def test_masks(custom, expected):
    absent = KnownAbsent(mask, {"a": ["Bark", "Car", "Other"], "b": NAMES})
    found = absent(cut_of(**custom))
    assert [
        x for x, there in zip(NAMES, found, strict=True) if there
    ] == expected
    found[:] = True
    again = pickle.loads(pickle.dumps(absent))(cut_of(**custom))
    assert again.sum() == len(expected)


def test_without_tables_complete_is_of_all():
    assert KnownAbsent(mask)(cut_of(events_complete=True)).all()


@pytest.mark.parametrize(
    "custom, match",
    [
        ({}, "does not say whether"),
        ({"events_complete": True, "vocabulary": "c"}, "'c', which is not"),
        ({"events_complete": True}, "None, which is not among a"),
    ],
)
def test_what_is_not_said_is_asked_for(custom, match):
    with pytest.raises(ValueError, match=match):
        KnownAbsent(mask, {"a": NAMES})(cut_of(**custom))
