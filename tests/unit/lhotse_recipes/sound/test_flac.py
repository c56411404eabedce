"""FLAC files with a tag behind their end, and joined ones."""

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import inspect_audio, mono_blocks
from lhotse_recipes.sound.flac import flac_links

RATE = 16000


def write(path, seconds=3.0, rate=RATE, seed=0):
    noise = np.random.default_rng(seed).standard_normal(int(seconds * rate))
    soundfile.write(path, 0.1 * noise, rate)
    return path.read_bytes()


def heard(path):
    return np.concatenate(list(mono_blocks(path, RATE, block_seconds=0.7)))


def test_a_tag_behind_the_end_is_no_damage(tmp_path):
    path = tmp_path / "a.flac"
    data = write(path)
    plain = heard(path)
    path.write_bytes(data + b"TAG" + bytes(125))
    info = inspect_audio(path)
    assert (info.frames, info.decoder) == (3 * RATE, "soundfile")
    assert np.array_equal(heard(path), plain)


def test_joined_files_are_read_to_their_end(tmp_path):
    path = tmp_path / "a.flac"
    first, second = write(path), write(path, 1.5, seed=1)
    both = np.concatenate([heard_of(path, one) for one in (first, second)])
    path.write_bytes(first + second + b"TAG" + bytes(125))
    info = inspect_audio(path)
    assert (info.duration, info.decoder) == (4.5, "flac")
    assert np.array_equal(heard(path), both)
    assert flac_links(path)[1][0] == len(first)


def heard_of(path, data):
    path.write_bytes(data)
    return heard(path)


@pytest.mark.parametrize("share", [0.5, 0.001])
def test_a_part_of_a_second_stream_is_refused(tmp_path, share):
    path = tmp_path / "a.flac"
    data = write(path)
    path.write_bytes(data + data[: round(len(data) * share)])
    with pytest.raises(ValueError, match="is truncated|joins 2 .* damaged"):
        inspect_audio(path)


def test_parts_of_two_rates_are_refused_in_words(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(write(path) + write(path, rate=8000))
    with pytest.raises(ValueError, match=r"joins 16000 Hz.* and 8000 Hz"):
        inspect_audio(path)
