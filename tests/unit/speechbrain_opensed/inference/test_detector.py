"""The detector hears any file, and says what is wrong with the others."""

import logging

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from tests.tiny_detector import Level, Loudness, loudness_detector

RATE = 16000
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@pytest.fixture(scope="module")
def loudness():
    return loudness_detector()


@pytest.fixture(scope="module")
def flexsed():
    torch.manual_seed(0)
    model = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)
    torch.nn.init.normal_(model.decoder.blocks[0].adaln.weight)
    torch.nn.init.normal_(model.decoder.sed_head.weight)
    return SoundEventDetector(
        {"model": model, "text_encoder": HashTextEncoder(dim=8)},
        {"spec": SedSpec()},
        {"device": "cpu"},
    )


def tone(seconds, rate=RATE, bursts=(), level=0.8):
    """Quiet noise with loud tones at the given spans."""
    time = np.arange(int(seconds * rate)) / rate
    wave = np.random.default_rng(0).normal(0, 0.01, len(time))
    for onset, offset in bursts:
        inside = (time >= onset) & (time < offset)
        wave[inside] += level * np.sin(2 * np.pi * 500 * time[inside])
    return wave.astype(np.float32)


def save(path, wave, rate=RATE, **kwargs):
    soundfile.write(path, wave, rate, **kwargs)
    return path


def spans(detection, phrase):
    return [(e.onset, e.offset) for e in detection.events if e.phrase == phrase]


@pytest.mark.parametrize(
    "rate, channels", [(16000, 1), (44100, 2), (8000, 1), (22050, 3)]
)
def test_any_rate_and_channel_count(tmp_path, loudness, rate, channels):
    wave = tone(4, rate, bursts=[(1, 2), (2.6, 3.2)])
    path = save(tmp_path / "a.wav", np.stack([wave] * channels, 1), rate)
    found = loudness.detect_file(path, ["above 0.5", "above 0.9"])
    assert spans(found, "above 0.5") == [
        (pytest.approx(1, abs=0.05), pytest.approx(2, abs=0.05)),
        (pytest.approx(2.6, abs=0.05), pytest.approx(3.2, abs=0.05)),
    ]
    assert found.scores.shape == (100, 2)
    assert found.scores.dtype == np.float32
    assert found.duration == 4 and found.times[-1] == pytest.approx(3.96)
    assert [e.onset for e in found.events] == sorted(
        e.onset for e in found.events
    )


def test_long_file_is_heard_through_its_windows(tmp_path, loudness):
    bursts = [(3.0, 4.0), (9.6, 10.4), (14.8, 15.3), (36.5, 37.0)]
    path = save(tmp_path / "a.flac", tone(37.01, bursts=bursts))
    # This model, unlike a trained one, takes a quiet window's noise for loud.
    found = loudness.detect_file(path, ["above 0.5"], normalize="file")
    assert found.scores.shape == (926, 1)
    assert len(found.events) == 4
    for (onset, offset), (start, stop) in zip(
        spans(found, "above 0.5"), bursts, strict=True
    ):
        assert onset == pytest.approx(start, abs=0.05)
        assert offset == pytest.approx(stop, abs=0.05)


@pytest.mark.parametrize("seconds", [1 / RATE, 0.01, 0.05, 1.234])
def test_very_short_files(tmp_path, flexsed, seconds):
    path = save(tmp_path / "a.wav", tone(seconds))
    found = flexsed.detect_file(path, ["dog"], threshold=0.01)
    frames = int(np.ceil(len(tone(seconds)) / 640))
    assert found.scores.shape == (frames, 1)
    assert all(e.offset <= found.duration + 1e-6 for e in found.events)


def test_events_are_filtered_merged_and_pruned(tmp_path, loudness):
    bursts = [(1, 1.08), (2, 2.4), (2.6, 3), (4, 4.32)]
    path = save(tmp_path / "a.wav", tone(5, bursts=bursts))
    raw = loudness.detect_file(path, ["above 0.5"], median_seconds=0)
    assert len(raw.events) == 4
    smooth = loudness.detect_file(path, ["above 0.5"], median_seconds=0.2)
    assert len(smooth.events) == 3
    few = loudness.detect_file(
        path, ["above 0.5"], merge_gap=0.25, min_duration=0.5,
        median_seconds=0.2,
    )  # fmt: skip
    assert [s[0] for s in spans(few, "above 0.5")] == [2.0]


def test_level_is_that_of_training_by_default(tmp_path, loudness):
    quiet = 0.05 * tone(2, bursts=[(0.4, 1)])
    path = save(tmp_path / "quiet.wav", quiet, subtype="FLOAT")
    assert len(loudness.detect_file(path, ["above 0.5"]).events) == 1
    asis = loudness.detect_file(path, ["above 0.5"], normalize=None)
    assert not asis.events


def test_window_of_noise_floor_is_not_raised(tmp_path, loudness):
    wave = tone(30, bursts=[(1, 2)])
    wave[3 * RATE :] = 1e-5 * np.sign(wave[3 * RATE :])
    path = save(tmp_path / "a.wav", wave, subtype="FLOAT")
    for normalize in ("window", "file"):
        found = loudness.detect_file(path, ["above 0.5"], normalize=normalize)
        assert spans(found, "above 0.5") == [(1.0, 2.0)]
    silence = save(tmp_path / "b.wav", np.zeros(RATE))
    assert not loudness.detect_file(silence, ["above 0.5"]).events
    assert not loudness.detect_file(
        silence, ["above 0.5"], normalize="file"
    ).events


def test_batch_size_does_not_change_scores(tmp_path, flexsed):
    path = save(tmp_path / "a.wav", tone(23.3, bursts=[(3, 9), (12, 20)]))
    one, many = (
        flexsed.get_event_prob_file(path, ["dog", "cat"], batch_size=size)
        for size in (1, 7)
    )
    np.testing.assert_allclose(one, many, atol=1e-5)
    assert one.std() > 1e-3


def test_batch_equals_files_whatever_the_padding(tmp_path, flexsed):
    waves = [tone(12, bursts=[(3, 9)]), tone(3.3, bursts=[(1, 2)])]
    lengths = torch.tensor([len(w) for w in waves]) / len(waves[0])
    wavs = torch.zeros(2, len(waves[0]))
    for row, wave in zip(wavs, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    phrases = ["dog barking", "rain"]
    scores = flexsed.detect_batch(wavs, lengths, phrases)
    assert scores.shape == (2, 300, 2)
    assert torch.equal(scores, flexsed(wavs, lengths, phrases))
    for row, wave in zip(scores, waves, strict=True):
        path = save(tmp_path / "a.wav", wave, subtype="FLOAT")
        alone = flexsed.get_event_prob_file(path, phrases)
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-5)
        assert not row[len(alone) :].any()


def test_phrases_do_not_influence_each_other(tmp_path, flexsed):
    path = save(tmp_path / "a.wav", tone(3, bursts=[(1, 2)]))
    both = flexsed.get_event_prob_file(path, ["rain", "dog"])
    alone = flexsed.get_event_prob_file(path, ["dog"])
    np.testing.assert_allclose(both[:, 1:], alone, atol=1e-5)


def test_memory_is_bounded_by_the_window(tmp_path, loudness, monkeypatch):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(30):
            file.write(tone(20, 8000))
    held = []
    encode = loudness.mods.model.encode
    monkeypatch.setattr(
        loudness.mods.model,
        "encode",
        lambda wav: (held.append(wav.numel()), encode(wav))[1],
    )
    scores = loudness.get_event_prob_file(path, ["above 0.5"], batch_size=2)
    assert scores.shape == (15000, 1)
    assert max(held) == 2 * 10 * RATE and len(held) == 60


def test_real_recordings(shared_data, flexsed):
    """Whatever people record: rates, channels and lengths differ."""
    audio = [p for p in sorted(shared_data.rglob("*")) if p.suffix in SUFFIXES]
    for path in audio[:: max(1, len(audio) // 25)]:
        found = flexsed.detect_file(path, ["dog barking"])
        assert len(found.scores) == max(
            1, np.ceil(found.duration / 0.04 - 1e-6)
        )
        assert np.isfinite(found.scores).all()


def test_conversion_is_said_once(tmp_path, flexsed, caplog):
    path = save(tmp_path / "tel.wav", tone(1, 8000), 8000)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            flexsed.detect_file(path, ["dog"])
    words = [r.getMessage() for r in caplog.records if "tel.wav" in r.msg
             or "tel.wav" in r.getMessage()]  # fmt: skip
    assert len(words) == 2
    assert "converted to 16000 Hz mono" in words[0]
    assert "nothing above 4 kHz" in words[1]


@pytest.mark.parametrize("format", ["tsv", "json", "audacity", "textgrid"])
def test_save_events(tmp_path, loudness, format):
    path = save(tmp_path / "a.wav", tone(2, bursts=[(0.4, 1)]))
    found = loudness.detect_file(path, ["above 0.5"])
    out = loudness.save_events(found, tmp_path / "out" / "a", format)
    assert "above 0.5" in out.read_text()
    assert [p.name for p in out.parent.iterdir()] == ["a"]
    with pytest.raises(ValueError, match="unknown format 'xml': choose"):
        loudness.save_events(found, tmp_path / "b", "xml")


def test_unusable_files(tmp_path, loudness):
    with pytest.raises(FileNotFoundError, match="gone.wav; check the path"):
        loudness.detect_file(tmp_path / "gone.wav", ["above 0.5"])
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match="empty.wav is empty"):
        loudness.detect_file(tmp_path / "empty.wav", ["above 0.5"])
    wave = tone(2)
    wave[8000] = np.nan
    path = save(tmp_path / "nan.wav", wave, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"nan.wav .* at 0.500 s"):
        loudness.detect_file(path, ["above 0.5"])


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"phrases": []}, "give at least one"),
        ({"phrases": ["dog", "dog"]}, "given twice: remove one"),
        ({"phrases": [" "]}, "phrase 1 is blank"),
        ({"threshold": 1.0}, "choose a value in between"),
        ({"median_seconds": -1}, "median_seconds is -1: give 0 or more"),
        ({"min_duration": -1}, "min_duration is -1: give 0 or more"),
        ({"merge_gap": float("inf")}, "merge_gap is inf: give"),
        ({"batch_size": 0}, "batch_size is 0: give a whole number"),
        ({"normalize": "clip"}, "normalize is 'clip': choose"),
    ],
)
def test_useless_arguments(tmp_path, flexsed, arguments, words):
    path = save(tmp_path / "a.wav", tone(1))
    with pytest.raises(ValueError, match=words):
        flexsed.detect_file(path, **{"phrases": ["dog"], **arguments})


def test_useless_batches(flexsed):
    wavs = torch.rand(2, 1000)
    for bad, lens, words in (
        (wavs[0], None, r"give \[batch, samples\]"),
        (wavs[:, :0], None, r"give \[batch, samples\]"),
        (wavs, torch.tensor([1.0, 0.0]), r"length in \(0, 1\]"),
        (wavs, torch.tensor([1.0]), r"length in \(0, 1\]"),
        (wavs / 0, None, "signal 0 of the batch holds NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            flexsed.detect_batch(bad, lens, ["dog"])


def test_missing_parts_are_named():
    with pytest.raises(ValueError, match="needs 'text_encoder', under"):
        SoundEventDetector({"model": Loudness()}, {"spec": SedSpec()})
    with pytest.raises(ValueError, match="needs 'spec', at the top"):
        SoundEventDetector({"model": Loudness(), "text_encoder": Level()})
    with pytest.raises(ValueError, match="give a SedSpec"):
        SoundEventDetector(
            {"model": Loudness(), "text_encoder": Level()},
            {"spec": {"sample_rate": 16000}},
            {"device": "cpu"},
        )


def test_spec_that_does_not_fit_the_model(tmp_path):
    detector = SoundEventDetector(
        {"model": Loudness(), "text_encoder": Level()},
        {"spec": SedSpec(hop_seconds=0.02)},
        {"device": "cpu"},
    )
    path = save(tmp_path / "a.wav", tone(1))
    with pytest.raises(ValueError, match="25 frames .* its spec says 50"):
        detector.detect_file(path, ["above 0.5"])


def test_precision_of_the_decoder(flexsed):
    half = SoundEventDetector(
        dict(flexsed.mods), {"spec": SedSpec()},
        {"device": "cpu", "precision": "bf16"},
    )  # fmt: skip
    wavs = torch.from_numpy(tone(2, bursts=[(0.5, 1)]))[None]
    exact = flexsed.detect_batch(wavs, None, ["dog", "cat"])
    rough = half.detect_batch(wavs, None, ["dog", "cat"])
    assert 0 < (exact - rough).abs().max() < 0.02


def test_what_is_there(flexsed):
    sound = (tone(3.0), RATE)
    phrases = ["rain", "dog barking", "bell"]
    scores = flexsed.detect(sound, phrases).scores
    found = flexsed.top_labels(sound, phrases, top=1, span_seconds=1.0)
    assert [(e.onset, e.offset) for e in found.events] == [
        (0.0, 1.0),
        (1.0, 2.0),
        (2.0, 3.0),
    ]
    for second, event in enumerate(found.events):
        peaks = scores[25 * second : 25 * (second + 1)].max(0)
        assert event.phrase == phrases[peaks.argmax()]
        assert event.score == pytest.approx(peaks.max())
    with pytest.raises(ValueError, match="does not say what it was trained"):
        flexsed.top_labels(sound)


def test_far_phrases_are_told_once(flexsed, caplog):
    known = tuple(f"{a} {b}" for a in ("low", "high") for b in "abcdef")
    detector = SoundEventDetector(
        dict(flexsed.mods.items()),
        {"spec": SedSpec(classes=known)},
        {"device": "cpu"},
    )
    assert detector.known() == list(known)
    detector.detect((tone(1.0), RATE), ["low a", "whale"])
    detector.detect((tone(1.0), RATE), ["whale"])
    told = [r.getMessage() for r in caplog.records if "is like" in r.message]
    assert len(told) == 1 and told[0].startswith("'whale': nothing")


def test_scores_that_are_none_are_not_taken_for_silence(tmp_path):
    detector = loudness_detector()
    detector.mods.model.decode = lambda feats, queries, precision="fp32": (
        feats.transpose(1, 2) * float("nan")
    )
    path = save(tmp_path / "a.wav", tone(1))
    with pytest.raises(ValueError, match="the model gives NaN"):
        detector.detect(path, ["above 0.5"])
