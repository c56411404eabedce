"""Cuts of all kinds sound the same in blocks as in one piece."""

import numpy as np
import pytest
import soundfile
from lhotse import AudioSource, MonoCut, Recording
from lhotse.cut import MultiCut

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.evaluation import cut_sounds
from speechbrain_opensed.evaluation.cut_sounds import sound_of_cut

SPEC = SedSpec(8000, 0.04, 1.0)
RATE = 12000


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return (rng.normal(0, 0.1, (RATE * 3, 3)) * [1, 2, 0.5]).astype("f4")


def heard(cut, **kept):
    sound = sound_of_cut(cut, SPEC, **kept)
    return sound.rate, np.concatenate(list(sound.blocks()))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_a_part_of_a_file(tmp_path, samples, suffix, monkeypatch):
    monkeypatch.setattr(cut_sounds, "_BLOCK", 1001)
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, samples, RATE)
    stored = soundfile.read(path, dtype="float32")[0]
    cut = Recording.from_file(path).to_cut()
    cut = cut.truncate(offset=0.5, duration=1.25).resample(16000)
    rate, found = heard(cut)
    part = stored[RATE // 2 : RATE // 2 + RATE * 5 // 4]
    assert rate == RATE
    np.testing.assert_allclose(found, part.mean(1), atol=1e-6)
    for channel, index in (("left", 0), (2, 1), ("3", 2), ("loudest", 1)):
        _, found = heard(cut, channel=channel)
        np.testing.assert_allclose(found, part[:, index], atol=1e-6)
    one = MonoCut("m", 0.5, 1.25, 2, recording=cut.recording)
    np.testing.assert_allclose(heard(one)[1], part[:, 2], atol=1e-6)
    with pytest.raises(ValueError, match="3 channels and no '4'"):
        heard(cut, channel="4")


def test_several_files(tmp_path, samples):
    sources = []
    for index in range(3):
        path = tmp_path / f"{index}.wav"
        soundfile.write(path, samples[:, index], RATE, "FLOAT")
        sources.append(AudioSource("file", [index], str(path)))
    recording = Recording("r", sources, RATE, len(samples), 3.0)
    cut = MultiCut("c", 0, 3.0, [0, 1, 2], recording=recording)
    rate, loudest = heard(cut, channel="loudest")
    _, second = heard(cut, channel=2)
    assert rate == SPEC.sample_rate
    np.testing.assert_array_equal(loudest, second)
    assert np.std(second) > 1.5 * np.std(heard(cut, channel="left")[1])
    assert len(heard(cut)[1]) == 3 * rate


def test_a_file_that_is_shorter_than_its_cut(tmp_path, samples):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE)
    recording = Recording.from_file(path)
    for missing, fine in ((0.03, True), (0.2, False)):
        soundfile.write(path, samples[: -round(missing * RATE)], RATE)
        cut = MonoCut("short", 1.0, 2.0, 0, recording=recording)
        if fine:
            found = heard(cut)[1]
            assert len(found) == 2 * RATE and not found[-300:].any()
        else:
            with pytest.raises(ValueError, match="cut short ends at 3.000 s"):
                heard(cut)


def test_errors_name_the_cut(tmp_path, samples):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE)
    cut = Recording.from_file(path).to_cut().with_id("yard-1")
    path.write_text("no sound")
    with pytest.raises(ValueError, match="cut yard-1: .*a.wav is not a sound"):
        heard(cut)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="cut yard-1: .*a.wav is miss"):
        heard(cut)
