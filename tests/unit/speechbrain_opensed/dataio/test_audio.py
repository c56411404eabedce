"""A cut's samples, or words on why there are none."""

import logging

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window

NOISE = 0.1 * np.random.default_rng(0).standard_normal(96000)
SPEC = SedSpec()


def cut_of(path, samples):
    soundfile.write(path, samples, 16000)
    return Recording.from_file(path).to_cut()


@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_that_became_shorter(tmp_path, channels):
    both = np.stack([NOISE] * channels, 1)
    cut = cut_of(tmp_path / "a.wav", both)
    soundfile.write(tmp_path / "a.wav", both[:89600], 16000)
    with pytest.raises(ValueError) as error:
        load_window(cut, SPEC)
    words = str(error.value)
    assert words.startswith("cut a ends at 6.000 s, its file ")
    assert "after 5.600 s: correct the manifest" in words
    # A frame less is what decoders leave.
    soundfile.write(tmp_path / "a.wav", both[:95500], 16000)
    wav = load_window(cut, SPEC)
    np.testing.assert_allclose(wav[:95500], NOISE[:95500], atol=1e-4)


def test_an_unreadable_file_in_few_words(tmp_path):
    cut = cut_of(tmp_path / "a.wav", NOISE)
    (tmp_path / "a.wav").write_bytes(b"no sound" * 99)
    with pytest.raises(ValueError, match=r"cut a: .*a\.wav") as error:
        load_window(cut, SPEC)
    assert "extra info" not in str(error.value)


def test_channels_that_cancel_are_announced(tmp_path, caplog):
    cut = cut_of(tmp_path / "a.wav", np.stack([NOISE, -NOISE], 1))
    with caplog.at_level(logging.WARNING):
        assert np.abs(load_window(cut, SPEC)).max() < 1e-3
    assert "cut a: its channels cancel each other" in caplog.text
