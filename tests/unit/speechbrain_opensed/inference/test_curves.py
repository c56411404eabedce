"""Loudness over time."""

import pytest
import torch

from speechbrain_opensed.inference.curves import follow_curve, parse_curve


def test_levels_are_those_of_the_curve():
    rate, points = 1000, parse_curve("3:-6 1:-20,2:0")
    wave = follow_curve(torch.ones(4000), rate, points)
    decibels = 20 * wave.log10()
    for second, level in ((0, -20), (1, -20), (1.5, -10), (2, 0), (2.5, -3)):
        at = decibels[round(second * rate)].item()
        assert at == pytest.approx(level, abs=1e-3)
    assert decibels[-1].item() == pytest.approx(-6, abs=1e-3)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "'' is no point"),
        ("1", "'1' is no point"),
        ("1:x", "'1:x' is no point"),
        ("1:2:3", "is no point"),
        ("-1:0", "at -1 s"),
        ("nan:0", "at nan s"),
        ("0:nan", "level of nan"),
        ("0:99", "level of 99 dB at 0 s"),
        ("0:0 0:1", "two levels at 0 s"),
    ],
)
def test_bad_curves_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_curve(text)


def test_a_curve_beyond_the_sound_is_refused():
    with pytest.raises(ValueError, match="goes to 2 s, the sound lasts 1 s"):
        follow_curve(torch.ones(100), 100, [(2.0, 0.0)])
    with pytest.raises(ValueError, match="without points"):
        follow_curve(torch.ones(100), 100, [])
