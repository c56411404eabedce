"""Ogg files that broke off, and joined ones."""

import subprocess

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import inspect_audio, mono_blocks
from lhotse_recipes.sound.ogg import is_ogg, ogg_links
from tests.unit.lhotse_recipes.sound.test_ffmpeg import needs_ffmpeg


def write(path, subtype="VORBIS", rate=16000):
    samples = 0.1 * np.random.default_rng(0).standard_normal(10 * rate)
    soundfile.write(path, samples, rate, format="OGG", subtype=subtype)
    return path.read_bytes()


def heard(path):
    return sum(map(len, mono_blocks(path, 16000))) / 16000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_half_a_file_is_refused(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    data = write(path, subtype)
    assert is_ogg(path)
    assert ogg_links(path) == [(0, len(data))]
    assert inspect_audio(path).duration == pytest.approx(10, abs=0.01)
    for length in (len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="a.ogg is truncated"):
            inspect_audio(path)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_joined_files_are_read_to_their_end(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    data = write(path, subtype)
    path.write_bytes(data * 3 + b"TAG" + bytes(125))
    info = inspect_audio(path)
    assert info.decoder == "ogg"
    assert info.duration == pytest.approx(30, abs=0.03)
    assert heard(path) == pytest.approx(info.duration, abs=1e-3)


def test_a_half_before_a_whole_is_refused(tmp_path):
    path = tmp_path / "a.ogg"
    data = write(path)
    path.write_bytes(data[: data.rindex(b"OggS")] + data)
    with pytest.raises(ValueError, match="a.ogg is truncated"):
        inspect_audio(path)


def test_parts_of_two_rates_are_refused_in_words(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(write(path) + write(path, rate=8000))
    with pytest.raises(ValueError, match=r"joins 16000 Hz.* and 8000 Hz"):
        inspect_audio(path)


@needs_ffmpeg
def test_half_an_ogg_flac_is_refused(tmp_path):
    write(tmp_path / "a.ogg")
    path = tmp_path / "a.oga"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "a.ogg", "-c:a", "flac",
         path],
        check=True,
    )  # fmt: skip
    assert inspect_audio(path).duration == pytest.approx(10, abs=0.1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="a.oga is truncated"):
        inspect_audio(path)
