"""Figures for one to many phrases, short and long recordings."""

import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from speechbrain_opensed.inference import Detection, SoundEvent
from speechbrain_opensed.plotting import (
    plot_detection,
    plot_psds_bars,
    plot_training,
)
from speechbrain_opensed.plotting.lanes import pick_lanes
from speechbrain_opensed.plotting.spectrogram import log_mel_image

SCORES = {
    "seen": {"PSDS1_A": 0.5, "PSDS1_T": 0.9},
    "zero-shot": {"PSDS1_A": 0.3, "PSDS1_T": 0.7},
}


def recording(path, seconds, rate=8000):
    time = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 1000 * time) * (time > seconds / 2)
    soundfile.write(path, wave, rate)
    return path


def detection(path, seconds, lanes):
    frames = max(1, int(seconds / 0.04))
    phrases = [f"phrase {lane}" for lane in range(lanes)]
    events = [SoundEvent(p, 0, seconds / 2, 0.9) for p in phrases[::2]]
    scores = np.random.default_rng(0).random((frames, lanes))
    return Detection(
        events, scores.astype("float32"), phrases, str(path), seconds, 0.04
    )


@pytest.mark.parametrize(
    "seconds, lanes", [(2, 1), (0.01, 2), (3, 30), (700, 2)]
)
def test_detection(tmp_path, seconds, lanes):
    path = recording(tmp_path / "a.wav", seconds)
    out = detection(path, seconds, lanes).plot(tmp_path / "new" / "a.png")
    height, width, _ = imread(out).shape
    assert width == 1430
    assert height > 350 + 40 * lanes
    assert sorted(p.name for p in out.parent.iterdir()) == ["a.png"]


def test_samples_that_were_no_file_have_lanes_alone(tmp_path):
    path = recording(tmp_path / "a.wav", 2)
    found = detection("", 2, 2)
    lanes = imread(found.plot(tmp_path / "lanes.png"))
    whole = imread(found.plot(tmp_path / "whole.png", audio=path))
    assert len(lanes) == len(whole)
    # No spectrogram fills what is above the lanes.
    blank, filled = (
        (image[60:110, 200:1200, :3] > 0.99).all(axis=2).mean()
        for image in (lanes, whole)
    )
    assert blank > 0.5 and filled < 0.1


def test_lanes_show_their_phrase_and_its_events(tmp_path):
    path = recording(tmp_path / "a.wav", 2)
    one = imread(detection(path, 2, 2).plot(tmp_path / "a.png"))
    found = detection(path, 2, 2)
    none = Detection([], found.scores, found.phrases, str(path), 2, 0.04)
    two = imread(none.plot(tmp_path / "b.png"))
    changed = np.abs(one - two)[..., :3].sum(axis=2) > 0.2
    # Title and name on the left, the bar of half the lane on the right.
    bar = changed[300:, 200:].any(axis=0).sum()
    assert 0.4 * 1250 < bar < 0.6 * 1250


@pytest.mark.parametrize("seconds, lanes", [(5, 2000), (700, 200)])
def test_many_phrases_cost_little(tmp_path, seconds, lanes):
    path = recording(tmp_path / "a.wav", seconds)
    found = detection(path, seconds, lanes)
    begin = time.process_time()
    out = found.plot(tmp_path / "a.png")
    # A lane of its own for each took 43 s for 200.
    assert time.process_time() - begin < 10
    assert imread(out).shape[0] < 2200


def test_those_heard_longest_are_drawn(tmp_path):
    found = detection(tmp_path / "a.wav", 2, 100)
    found.events.append(SoundEvent("phrase 99", 0, 2, 0.6))
    lanes = pick_lanes(found, most=3)
    assert 99 in lanes and lanes == sorted(lanes) and len(lanes) == 3
    assert pick_lanes(found, most=100) == list(range(100))
    assert set(pick_lanes(found, most=60)) >= set(range(0, 100, 2))


def test_silence_is_dark(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(16000), 8000)
    picture = imread(detection(path, 2, 1).plot(tmp_path / "a.png"))
    assert picture[100:200, 400:1000, :3].max() < 0.1


def test_other_scripts_are_no_boxes(tmp_path):
    path = recording(tmp_path / "a.wav", 2)
    found = replace(detection(path, 2, 2), phrases=["\U0010fffd", "犬"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = imread(found.plot(tmp_path / "a.png"))
    assert picture.std() > 0.01


def test_a_threshold_is_a_line(tmp_path):
    path = recording(tmp_path / "a.wav", 2)
    found = detection(path, 2, 2)
    plain = imread(plot_detection(found, tmp_path / "a.png"))
    both = {"phrase 0": 0.2, "phrase 1": 0.9}
    lined = imread(plot_detection(found, tmp_path / "b.png", threshold=both))
    changed = np.abs(plain - lined)[..., :3].sum(axis=2) > 0.1
    assert (changed.sum(axis=1) > 300).sum() >= 2


def test_audio_that_has_moved(tmp_path):
    path = recording(tmp_path / "new.wav", 2)
    found = detection(tmp_path / "old.wav", 2, 1)
    with pytest.raises(FileNotFoundError, match="old.wav; check the path"):
        plot_detection(found, tmp_path / "a.svg")
    out = plot_detection(found, tmp_path / "a.svg", audio=path)
    assert out.read_text().startswith("<?xml")


def test_image_is_right_in_time_frequency_and_level(tmp_path):
    path = recording(tmp_path / "a.wav", 60)
    image = log_mel_image(path, columns=300)
    assert image.shape == (64, 300)
    assert image[:, :149].max() < -60
    loud = image[:, 151:]
    # 1 kHz is 1000 of 2840 mels.
    assert set(loud.argmax(axis=0)) <= {21, 22, 23}
    assert loud.max(axis=0).std() < 0.1


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match=r"a.txt: .* use one of .png"):
        plot_psds_bars(SCORES, tmp_path / "a.txt")


def test_training_figure(tmp_path):
    curves = {"train": [(1, 0.6), (2, 0.4)], "valid": [(2, 0.5)]}
    alone = imread(plot_training(curves, tmp_path / "a.png"))
    both = imread(plot_training(curves, tmp_path / "b.png", SCORES))
    assert both.shape[1] > 1.5 * alone.shape[1]
    with pytest.raises(ValueError, match="no points to draw"):
        plot_training({"train": []}, tmp_path / "c.png")


def test_bars_of_unequal_groups(tmp_path):
    plot_psds_bars(SCORES, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="no score"):
        plot_psds_bars({}, tmp_path / "b.png")
    with pytest.raises(ValueError, match="'x' has the metrics"):
        plot_psds_bars({**SCORES, "x": {"F1": 1}}, tmp_path / "b.png")
