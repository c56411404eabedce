"""Sounds one after another: in order, each as if it were alone."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.sounds import (
    PeakTrack,
    Sound,
    detect_sounds,
)
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

PHRASES = ["dog barking", "rain"]
RATE = 8000


class Model(torch.nn.Module):
    """Scores follow the level of each frame."""

    def encode(self, wavs):
        return wavs.reshape(len(wavs), -1, 320).abs().mean(2)

    def decode(self, feats, queries, precision="fp32"):
        return (60 * feats[:, None] - 3) * (1 + queries[:, :1].abs()[None])


@pytest.fixture(scope="module")
def detector():
    return SoundEventDetector(
        {"model": Model(), "text_encoder": HashTextEncoder(dim=4)},
        {"spec": SedSpec(RATE, 0.04, 1.0)},
        {"device": "cpu"},
    )


def _noise(seconds, rate=RATE, seed=0):
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * rate))
    swell = np.sin(np.arange(count) / rate * 5)
    return (rng.normal(0, 0.1, count) * swell).astype("f4")


@pytest.fixture
def folder(tmp_path):
    for number, seconds in enumerate([0.3, 2.5, 1.0, 5.0, 0.0001]):
        name = tmp_path / f"{number}.wav"
        soundfile.write(name, _noise(seconds, 11025), 11025, "FLOAT")
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 3, 50])
@pytest.mark.parametrize("normalize", ["spec", "file", None])
def test_as_if_each_were_alone(detector, folder, batch_size, normalize):
    names = [str(folder / f"{number}.wav") for number in (1, 0, 4, 3, 2)]
    names.insert(2, str(folder / "gone.wav"))
    found = dict(
        detect_sounds(
            detector,
            [(name, lambda n=name: detector.open_sound(n)) for name in names],
            PHRASES,
            batch_size=batch_size,
            normalize=normalize,
        )
    )
    assert list(found) == names
    assert isinstance(found.pop(names[2]), FileNotFoundError)
    for name, one in found.items():
        alone = detector.detect_file(name, PHRASES, normalize=normalize)
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-6)
        assert one.path == name and one.duration == alone.duration
        assert [(e.onset, e.offset) for e in one.events] == [
            (e.onset, e.offset) for e in alone.events
        ]
    assert sum(len(one.events) for one in found.values()) > 5


def test_a_sound_that_breaks_off_is_an_error_and_the_others_stay(detector):
    def broken():
        yield _noise(3.0)
        raise ValueError("a.wav is truncated")

    def whole():
        yield _noise(3.0)

    sounds = [
        (name, lambda n=name, b=blocks: Sound(n, RATE, 3.0, b))
        for name, blocks in (("a", whole), ("b", broken), ("c", whole))
    ]
    found = dict(detect_sounds(detector, sounds, PHRASES, batch_size=4))
    assert "truncated" in str(found["b"])
    assert found["a"].events == found["c"].events != []


def test_results_come_before_the_next_sound_is_read(detector):
    opened = []

    def sounds():
        for number in range(20):
            opened.append(number)
            yield (
                number,
                lambda: Sound("", RATE, 1.0, lambda: iter([_noise(1)])),
            )

    results = detect_sounds(detector, sounds(), PHRASES, batch_size=2)
    next(results)
    assert len(opened) <= 4


def test_few_columns_keep_the_peaks(detector, folder):
    path = folder / "3.wav"
    whole = detector.detect_file(path, PHRASES)
    sounds = [(path, lambda: detector.open_sound(path))]
    ((_, thin),) = detect_sounds(detector, sounds, PHRASES, columns=10)
    assert len(thin.scores) <= 10
    assert thin.events == whole.events
    group = round(thin.hop_seconds / whole.hop_seconds)
    for row, scores in enumerate(thin.scores):
        part = whole.scores[row * group : (row + 1) * group]
        np.testing.assert_array_equal(scores, part.max(0))
    ((_, none),) = detect_sounds(detector, sounds, PHRASES, columns=0)
    assert none.scores.shape == (0, 2) and none.events == whole.events


def test_peaks_do_not_depend_on_blocks():
    scores = np.random.default_rng(0).random((23, 2)).astype("f4")
    for cuts in ([23], [1] * 23, [4, 9, 10], [5, 5, 13]):
        track, at = PeakTrack(4), 0
        for size in cuts:
            track.push(scores[at : at + size])
            at += size
        expected = [scores[i : i + 4].max(0) for i in range(0, 23, 4)]
        np.testing.assert_array_equal(track.scores(), expected)


def test_one_channel_is_heard(detector, tmp_path):
    one = _noise(2.0)
    path = tmp_path / "balanced.wav"
    soundfile.write(path, np.stack([one, -one, 0 * one], 1), RATE, "FLOAT")
    alone = detector.detect((one, RATE), PHRASES)
    assert alone.events
    for channel in ("left", 1, "1", "loudest"):
        found = detector.detect_file(path, PHRASES, channel=channel)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
    assert detector.detect(path, PHRASES, channel=2).events
    assert not detector.detect(path, PHRASES).events
    assert not detector.detect(path, PHRASES, channel=3).events
    with pytest.raises(ValueError, match="3 channels and no '4'"):
        detector.detect(path, PHRASES, channel="4")
