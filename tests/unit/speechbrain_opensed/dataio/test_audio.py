"""A cut's samples, or words on why there are none."""

import logging
from shutil import which
from subprocess import run

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from lhotse_recipes.building.corpus import open_recording
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.inference.sources import sound_file

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


def test_a_file_that_became_longer(tmp_path):
    cut = cut_of(tmp_path / "a.wav", NOISE[:48000])
    soundfile.write(tmp_path / "a.wav", NOISE, 16000)
    words = r"cut a: its recording lasts 3.000 s, .*a\.wav 6.000 s, and is an"
    with pytest.raises(ValueError, match=words):
        load_window(cut, SPEC)
    with pytest.raises(ValueError, match=words), sound_file(cut):
        pass


def test_mixtures_are_not_filled_with_mirrored_sound(tmp_path):
    one = cut_of(tmp_path / "a.wav", NOISE)
    other = cut_of(tmp_path / "b.wav", NOISE)
    soundfile.write(tmp_path / "b.wav", NOISE[:90000], 16000)
    with pytest.raises(ValueError, match=r"cut b ends at 6.000 s, .* 5.625 s"):
        load_window(one.mix(other), SPEC)
    # Neither is what a caller of the detector hands over.
    with pytest.raises(ValueError, match=r"cut b ends at 6.000 s"):
        with sound_file(other):
            pass


@pytest.mark.skipif(which("ffmpeg") is None, reason="needs ffmpeg")
def test_a_channel_of_a_file_that_is_counted(tmp_path):
    tone = np.sin(np.arange(48000) / 5) / 4
    soundfile.write(tmp_path / "a.wav", np.stack([0 * tone, tone], 1), 16000)
    path = tmp_path / "a.m4a"
    run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", path], check=True)
    cut = open_recording("a", str(path)).to_cut()
    left, right = (load_window(one, SPEC)[9000:30000] for one in cut.to_mono())
    assert np.abs(left).max() < 0.01
    assert np.abs(right).max() == pytest.approx(0.25, abs=0.02)


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
