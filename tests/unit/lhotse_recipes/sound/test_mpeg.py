"""MP3s whose headers are wrong, missing or of their first part only."""

import numpy as np
import pytest
import soundfile

from lhotse_recipes.building.corpus import open_recording
from lhotse_recipes.sound import inspect_audio, mono_blocks
from lhotse_recipes.sound.mpeg import audio_chunks, count_mpeg

RATE, SECONDS = 44100, 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An MP3 of variable rate that is loud first, as libsndfile writes it."""
    path = tmp_path_factory.mktemp("mpeg") / "whole.mp3"
    half = SECONDS // 2 * RATE
    noise = 0.3 * np.random.default_rng(0).standard_normal(half)
    samples = np.concatenate([noise, np.zeros(half)]).astype(np.float32)
    with soundfile.SoundFile(
        path, "w", RATE, 1, format="MP3", bitrate_mode="VARIABLE",
        compression_level=0.5,
    ) as file:  # fmt: skip
        for start in range(0, len(samples), 8192):
            file.write(samples[start : start + 8192])
    return path.read_bytes()


def without_index(data):
    return data[data.index(b"\xff\xfb", 4) :]


def heard(path):
    return sum(map(len, mono_blocks(path, 16000))) / 16000


def check(path, seconds):
    assert open_recording("r", path).duration == pytest.approx(
        seconds, abs=0.15
    )
    assert heard(path) == pytest.approx(inspect_audio(path).duration, abs=1e-3)


def test_a_whole_file_has_the_length_its_index_says(whole, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(whole)
    count = count_mpeg(path)
    assert count.believable and count.indices == 1
    assert inspect_audio(path).decoder == "soundfile"
    assert heard(path) == SECONDS


@pytest.mark.parametrize(
    "front", [b"", b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)]
)
@pytest.mark.parametrize("back", [b"", b"TAG" + bytes(125)])
def test_without_an_index(whole, tmp_path, front, back):
    path = tmp_path / "a.mp3"
    path.write_bytes(front + without_index(whole) + back)
    assert count_mpeg(path).announced is None
    check(path, SECONDS)


def test_joined_files_are_read_to_their_end(whole, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(whole * 2)
    assert count_mpeg(path).indices == 2
    check(path, 2 * SECONDS)
    path.write_bytes(without_index(whole) * 3)
    check(path, 3 * SECONDS)


def test_what_broke_off_is_refused(whole, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="a.mp3 is truncated.*announced"):
        inspect_audio(path)
    with pytest.raises(ValueError, match="truncated"):
        open_recording("r", path)


def test_only_frames_with_sound_are_passed_on(whole, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(whole + b"TAG" + bytes(125))
    bytes_of_frames = b"".join(audio_chunks(path))
    assert bytes_of_frames == without_index(whole)


def test_other_bytes_hold_no_frames(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(np.random.default_rng(0).bytes(1 << 16))
    assert count_mpeg(path).frames < 3


def test_pictures_in_tags_are_no_frames(whole, tmp_path):
    path = tmp_path / "a.mp3"
    frames = None
    for seed in range(40):
        tag = b"APETAGEX" + np.random.default_rng(seed).bytes(9000)
        path.write_bytes(whole + tag + b"TAG" + bytes(125))
        count = count_mpeg(path)
        assert count.believable and not count.cut_short, seed
        assert frames in (None, count.frames)
        frames = count.frames
