"""A stream gives what detection gives, however it is fed."""

import io

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import Recording

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEvent, SoundEventDetector
from speechbrain_opensed.inference.event_builder import EventBuilder
from speechbrain_opensed.inference.events import (
    apply_threshold,
    get_events,
    merge_close_events,
    remove_short_events,
)
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

PHRASES = ["dog barking", "rain", "wind"]
RATE = 8000


class Model(torch.nn.Module):
    """Tracks that depend on sound, phrase and place in the window."""

    def encode(self, wavs):
        return wavs.reshape(len(wavs), -1, 320).abs().mean(2)

    def decode(self, feats, queries, precision="fp32"):
        phase = torch.linspace(0, 1, feats.shape[1])
        gains = queries[:, :1].abs()[None] + 1
        return 4 * torch.sin(40 * feats[:, None] * gains + phase)


@pytest.fixture(scope="module")
def detector():
    return SoundEventDetector(
        {"model": Model(), "text_encoder": HashTextEncoder(dim=4)},
        {"spec": SedSpec(RATE, 0.04, 1.0)},
        {"device": "cpu"},
    )


@settings(max_examples=25)
@given(
    seconds=st.floats(0.01, 6.0),
    rate=st.sampled_from([8000, 16000, 11025]),
    blocks=st.lists(st.integers(1, 20000), min_size=1, max_size=8),
    median=st.sampled_from([0.0, 0.12, 0.36]),
    gap=st.sampled_from([0.0, 0.1]),
    shortest=st.sampled_from([0.0, 0.1]),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.77, 0.9]),
)
def test_blocks_change_nothing(
    detector, seconds, rate, blocks, median, gap, shortest, overlap
):
    samples = np.random.default_rng(0).normal(
        0, 0.1, max(1, round(seconds * rate))
    )
    samples = (samples * np.sin(np.arange(len(samples)) / rate)).astype("f4")
    options = dict(
        median_seconds=median,
        merge_gap=gap,
        min_duration=shortest,
        overlap=overlap,
    )
    whole = detector.detect((samples, rate), PHRASES, **options)
    stream = detector.stream(PHRASES, rate, **options)
    events, at, turn = [], 0, 0
    while at < len(samples):
        size = blocks[turn % len(blocks)]
        events += stream.feed(samples[at : at + size])
        at, turn = at + size, turn + 1
    events += stream.finish()
    np.testing.assert_allclose(stream.scores, whole.scores, atol=1e-6)
    assert [e.offset for e in events] == sorted(e.offset for e in events)
    assert [(e.phrase, e.onset, e.offset) for e in sorted(events)] == [
        (e.phrase, e.onset, e.offset) for e in whole.events
    ]


@settings(max_examples=100)
@given(
    seed=st.integers(0, 999),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    gap=st.sampled_from([0.0, 1.0, 2.5]),
    shortest=st.sampled_from([0.0, 2.0]),
)
def test_events_of_all_frames_at_once(seed, cuts, gap, shortest):
    scores = np.random.default_rng(seed).random((30, 2)).round(1)
    builder = EventBuilder(
        ["a", "b"], 0.5, 1.0, min_duration=shortest, merge_gap=gap
    )
    found, at, turn = [], 0, 0
    while at < len(scores):
        size = cuts[turn % len(cuts)]
        found += builder.push(scores[at : at + size])
        at, turn = at + size, turn + 1
    found += builder.finish(29.5)
    active = apply_threshold(scores, 0.5, ["a", "b"])
    expected = get_events(active, scores, ["a", "b"], 1.0, 29.5)
    expected = remove_short_events(merge_close_events(expected, gap), shortest)
    assert sorted(found) == expected


def test_events_come_while_the_sound_goes_on(detector):
    stream = detector.stream(PHRASES, RATE, keep_scores=False)
    loud = np.random.default_rng(1).normal(0, 0.1, 10 * RATE)
    assert stream.feed(loud.astype("f4"))
    with pytest.raises(ValueError, match="scores are not kept"):
        _ = stream.scores
    stream.finish()
    for call in (stream.finish, lambda: stream.feed(loud)):
        with pytest.raises(ValueError, match="the stream is finished"):
            call()


@pytest.mark.parametrize("overlap, windows", [(0, 6), (0.5, 11), (0.75, 21)])
def test_less_overlap_is_less_work_and_later(overlap, windows):
    heard = []

    class Counting(Model):
        def encode(self, wavs):
            heard.extend(wavs)
            return super().encode(wavs)

    detector = SoundEventDetector(
        {"model": Counting(), "text_encoder": HashTextEncoder(dim=4)},
        {"spec": SedSpec(RATE, 0.04, 1.0)},
        {"device": "cpu"},
    )
    stream = detector.stream(
        PHRASES, RATE, median_seconds=0, overlap=overlap, batch_size=1
    )
    final = None
    for block in range(60):
        stream.feed(np.full(RATE // 10, 0.1, "f4"))
        if final is None and len(stream.scores):
            final = (block + 1) / 10
    stream.finish()
    # Steps are whole frames, of which 25 are a window.
    assert len(heard) in (windows, windows + 1)
    assert len(heard) == detector.scorer.count(6.0, overlap)
    assert final == pytest.approx(2 - overlap, abs=0.11)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"rate": 0}, "rate is 0"),
        ({"normalize": "file"}, "whole file"),
        ({"threshold": 2.0}, "threshold 2.0"),
        ({"overlap": 0.95}, "overlap is 0.95"),
        ({"overlap": float("nan")}, "overlap is nan"),
    ],
)
def test_what_makes_no_sense_is_said(detector, options, words):
    with pytest.raises(ValueError, match=words):
        detector.stream(PHRASES, **{"rate": RATE, **options})


def test_bad_samples_are_said(detector):
    stream = detector.stream(PHRASES, RATE)
    with pytest.raises(ValueError, match="give .time."):
        stream.feed(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="NaN or infinite, at 0.001 s"):
        stream.feed([0.0] * 8 + [np.nan])
    with pytest.raises(ValueError, match="no samples were fed"):
        stream.finish()


def test_sound_of_any_kind(detector, tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype("f4")
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE, "FLOAT")
    whole = detector.detect(path, PHRASES)
    stereo = np.stack([samples, samples])
    for audio in (
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        (samples, RATE),
        (torch.from_numpy(stereo), RATE),
        (stereo.T, RATE),
        Recording.from_file(path).to_cut(),
    ):
        found = detector.detect(audio, PHRASES)
        np.testing.assert_allclose(found.scores, whole.scores, atol=1e-6)
    again = detector.detect(samples, PHRASES, rate=RATE)
    assert again.path == "" and whole.path == str(path)
    assert whole == detector.detect(path, PHRASES) and whole != again
    with pytest.raises(ValueError, match="without a rate"):
        detector.detect(samples, PHRASES)
    with pytest.raises(ValueError, match="has no effect"):
        detector.detect(path, PHRASES, rate=RATE)
    with pytest.raises(ValueError, match="no samples"):
        detector.detect((samples[:0], RATE), PHRASES)


def test_tables_and_captions(detector, tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    found = detector.detect((samples, RATE), PHRASES)
    table = found.to_dataframe()
    assert list(table.columns) == ["phrase", "onset", "offset", "score"]
    assert len(table) == len(found.events) > 0
    for kind in ("csv", "raven", "labelstudio", "vtt", "srt"):
        out = getattr(found, f"to_{kind}")(tmp_path / kind)
        assert found.events[0].phrase in out.read_text()


def test_events_are_sorted_by_onset():
    late, early = SoundEvent("a", 2, 3, 0.5), SoundEvent("b", 1, 2, 0.5)
    assert sorted([late, early]) == [early, late]
