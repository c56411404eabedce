"""The time grid."""

import pytest

from speechbrain_opensed.core.spec import SedSpec


@pytest.mark.parametrize("rate, hop", [(32000, 10 / 1024), (22050, 0.0001)])
def test_frames_are_whole_samples(rate, hop):
    with pytest.raises(ValueError, match="samples of .* Hz.*times would drift"):
        SedSpec(sample_rate=rate, hop_seconds=hop)


@pytest.mark.parametrize(
    "rate, hop", [(16000, 0.04), (16000, 10 / 64), (22050, 512 / 22050)]
)
def test_what_fits_is_taken(rate, hop):
    spec = SedSpec(sample_rate=rate, hop_seconds=hop)
    assert spec.hop_samples == pytest.approx(rate * hop)
