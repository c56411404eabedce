"""Sizes in headers that the files do not keep."""

import struct

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import inspect_audio, mono_blocks
from lhotse_recipes.sound.headers import missing_bytes, wrong_size

NOISE = 0.1 * np.random.default_rng(0).standard_normal(32000)


def write(path, **kwargs):
    soundfile.write(path, NOISE, 16000, **kwargs)
    return path.read_bytes()


@pytest.mark.parametrize(
    "suffix, kind",
    [("aiff", "AIFF"), ("au", "AU"), ("w64", "W64"), ("rf64", "RF64"),
     ("caf", "CAF"), ("wav", "WAV"), ("wav", "WAVEX")],
)  # fmt: skip
def test_what_broke_off_is_refused(tmp_path, suffix, kind):
    path = tmp_path / f"a.{suffix}"
    data = write(path, format=kind, subtype="PCM_16")
    assert inspect_audio(path).frames == len(NOISE)
    for length in (len(data) // 2, len(data) - 100):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=rf"a.{suffix}.* truncated"):
            inspect_audio(path)


def sized(path, size):
    data = bytearray(write(path, subtype="PCM_16"))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_sizes_that_mean_unknown(tmp_path, size):
    sized(tmp_path / "a.wav", size)
    assert inspect_audio(tmp_path / "a.wav").frames == len(NOISE)


@pytest.mark.parametrize("size", [10**9, 3 * 10**9])
def test_sizes_that_were_meant(tmp_path, size):
    sized(tmp_path / "a.wav", size)
    with pytest.raises(ValueError, match=f"truncated: {size} bytes"):
        inspect_audio(tmp_path / "a.wav")


def test_a_recorder_that_was_not_closed(tmp_path):
    sized(tmp_path / "a.wav", 0)
    with pytest.raises(ValueError, match=r"not closed.*-ignore_length 1"):
        inspect_audio(tmp_path / "a.wav")


def test_longer_than_a_header_can_say(tmp_path):
    path = tmp_path / "a.wav"
    sized(path, 64000)
    with open(path, "r+b") as file:  # a file with a hole takes no room
        file.truncate((1 << 32) + (1 << 20))
    with pytest.raises(ValueError, match="longer than a WAV's header"):
        inspect_audio(path)
    assert not wrong_size("FLAC", "", 1 << 40, 1)


def test_what_lies_behind_the_samples(tmp_path):
    path = tmp_path / "a.wav"
    whole = write(path, subtype="PCM_16")
    for zeros in (100, 10_000, 3_000_000):  # reserved by a recorder
        path.write_bytes(whole + bytes(zeros))
        assert inspect_audio(path).frames == len(NOISE)
        # Samples that begin in silence, behind a header of an earlier moment.
        path.write_bytes(whole + bytes(zeros) + whole[44:])
        with pytest.raises(ValueError, match="a.wav holds .* bytes behind"):
            inspect_audio(path)


def test_other_kinds_are_not_judged():
    assert missing_bytes("FLAC", "data : 10 (should be 1)") is None


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    data = bytearray(write(path))
    data[21] &= 0xF0  # the length, in the lowest 36 bits
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert inspect_audio(path).frames == len(NOISE)
    assert sum(map(len, mono_blocks(path, 16000))) == len(NOISE)
