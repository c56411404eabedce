"""Speech and sounds become one timeline and captions that players take."""

import itertools
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.textgrid import read_textgrid
from lhotse_recipes.io import PrepareReport
from speechbrain_opensed.evaluation import rich_transcript
from speechbrain_opensed.evaluation.speech_lines import (
    SpeechLine,
    hear_speech,
)
from speechbrain_opensed.evaluation.transcript import Timeline
from speechbrain_opensed.inference import SoundEvent
from tests.tiny_detector import loudness_detector

RATE = 16000


@pytest.fixture(scope="module")
def detector():
    return loudness_detector()


class EncoderASR:
    """As SpeechBrain's: a text without times."""

    def transcribe_file(self, path, **kwargs):
        return "COME HERE"


class WhisperASR:
    """As SpeechBrain's: segments, whose `words` are one text."""

    def transcribe_file(self, path, task=None, **kwargs):
        return [
            SimpleNamespace(start=0.5, end=1.0, words=" Come here."),
            SimpleNamespace(start=1.0, end=2.0, words=None),
        ]


class WhisperModel:
    """As faster-whisper's: a generator of segments, and information."""

    def transcribe(self, audio, word_timestamps=False):
        words = [
            SimpleNamespace(start=0.5, end=0.7, word=" Come"),
            SimpleNamespace(start=0.7, end=1.0, word=" here."),
        ]
        segment = SimpleNamespace(
            start=0.5,
            end=1.0,
            text=" Come here.",
            words=words if word_timestamps else None,
        )
        return iter([segment]), SimpleNamespace(language="en")


class Pipeline:
    """As Hugging Face's for speech recognition."""

    task = "automatic-speech-recognition"

    def __init__(self, type):
        self.type = type

    def __call__(self, path, return_timestamps=None):
        if self.type == "seq2seq":
            assert return_timestamps is None
            return {"text": "come here"}
        if return_timestamps == "word":
            spans = [((0.5, 0.7), "COME"), ((0.7, 1.0), "HERE")]
            spans.append(((3.0, 3.2), "NOW"))
        else:
            spans = [((0.5, 1.0), " Come here."), ((3.0, None), " Now.")]
        chunks = [{"timestamp": t, "text": text} for t, text in spans]
        return {"text": "", "chunks": chunks}


def heard(asr):
    return [
        (line.onset, line.offset, line.text)
        for line in hear_speech("a.wav", asr, 4.0)
    ]


def test_any_recogniser():
    assert heard(EncoderASR()) == [(0.0, 4.0, "COME HERE")]
    assert heard(WhisperASR()) == [(0.5, 1.0, "Come here.")]
    assert heard(WhisperModel()) == [(0.5, 1.0, "Come here.")]
    assert heard(Pipeline("seq2seq_whisper")) == [
        (0.5, 1.0, "Come here."),
        (3.0, 4.0, "Now."),
    ]
    assert heard(Pipeline("ctc")) == [
        (0.5, 1.0, "COME HERE"),
        (3.0, 3.2, "NOW"),
    ]
    assert heard(Pipeline("seq2seq")) == [(0.0, 4.0, "come here")]
    assert heard(lambda path: [(1, 9, "late", "Ann"), (0, 1, " ")]) == [
        (1.0, 4.0, "late")
    ]
    assert heard(None) == []
    (line,) = hear_speech("a.wav", WhisperModel(), 0.8)
    assert line.words == ((0.5, 0.7, "Come"), (0.7, 0.8, "here."))


@pytest.mark.parametrize(
    "asr, message",
    [
        (3, "no speech recogniser"),
        (lambda path: [(2, 1, "a")], "between 2 and 1"),
        (lambda path: [(float("nan"), 1, "a")], "between nan"),
        (lambda path: [(1, "a")], "give .start, end, text."),
    ],
)
def test_recognisers_that_are_none(asr, message):
    with pytest.raises(ValueError, match=message):
        hear_speech("a.wav", asr, 4.0)


def test_sounds_between_and_under_speech(tmp_path, detector):
    wave = np.zeros(8 * RATE, "float32")
    for onset, offset in [(1, 2), (4.2, 4.6), (7, 7.12)]:
        wave[int(onset * RATE) : int(offset * RATE)] = 0.8
    path = tmp_path / "yard.wav"
    soundfile.write(path, wave, RATE)
    timeline = rich_transcript(
        path,
        detector,
        lambda path: [(4.0, 5.0, "Quiet & <calm> --> now", "Ann")],
        ["above 0.5"],
        median_seconds=0.0,
        normalize=None,
    )
    assert timeline.to_vtt() == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:02.000\n[above 0.5]\n\n"
        "00:00:04.000 --> 00:00:05.000\n[above 0.5]\n"
        "Ann: Quiet &amp; &lt;calm&gt; --&gt; now\n"
    )
    # All that was found is in the annotations, also what got no caption.
    assert len(timeline.sounds) == 3 and len(timeline.captioned()) == 2
    timeline.to_json(tmp_path / "a.json")
    entries = json.loads((tmp_path / "a.json").read_text())["entries"]
    assert [(e["kind"], e.get("under_speech")) for e in entries] == [
        ("event", False),
        ("speech", None),
        ("event", True),
        ("event", False),
    ]
    supervisions = list(timeline.to_supervisions())
    assert [(s.id, s.custom["kind"]) for s in supervisions] == [
        ("yard-s0", "speech"),
        ("yard-e0", "event"),
        ("yard-e1", "event"),
        ("yard-e2", "event"),
    ]
    assert supervisions[0].speaker == "Ann"
    grid = timeline.to_textgrid()
    assert 'name = "speech: Ann"' in grid and 'name = "above 0.5"' in grid
    # Read back, what was said is no sound event.
    path = tmp_path / "yard.TextGrid"
    timeline.to_textgrid(path)
    table = ClipTable(PrepareReport("yard", "all"))
    read_textgrid(path, table)
    said, *_ = table.clips[0].of_kind("speech")
    assert (said.speaker, said.text) == ("Ann", timeline.speech[0].text)
    sounds = [one.text for one in table.clips[0].of_kind("event")]
    assert sorted(sounds) == sorted(one.phrase for one in timeline.sounds)


def test_what_is_worth_a_caption():
    sounds = (
        SoundEvent("dog", 0.0, 0.5, 0.9),
        SoundEvent("dog", 1.0, 1.5, 0.8),
        SoundEvent("cat", 5.0, 6.0, 0.6),
        SoundEvent("door", 8.0, 8.1, 0.9),
    )
    timeline = Timeline("a.wav", 9.0, (), sounds, min_score=0.7)
    assert [(o.phrase, o.onset, o.offset) for o in timeline.captioned()] == [
        ("dog", 0.0, 1.5)
    ]


def test_long_sounds_do_not_stay_and_a_new_one_takes_over():
    sounds = (
        SoundEvent("rain", 3599.0, 4000.0, 0.9),
        SoundEvent("wind", 3599.2, 3600.0, 0.9),
        SoundEvent("thunder", 3601.0, 3602.0, 0.9),
    )
    assert Timeline("a.wav", 4000.0, (), sounds).to_srt() == (
        "1\n00:59:59,000 --> 01:00:01,000\n[rain] [wind]\n\n"
        "2\n01:00:01,000 --> 01:00:02,000\n[thunder]\n"
    )


def read_times(text):
    clock = r"(\d+):(\d\d):(\d\d)[.,](\d{3})"
    for found in re.finditer(f"{clock} --> {clock}", text):
        h, m, s, ms, h2, m2, s2, ms2 = map(int, found.groups())
        yield (
            ((h * 60 + m) * 60 + s) * 1000 + ms,
            ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2,
        )


@pytest.mark.parametrize("seed", range(30))
def test_captions_never_overlap_and_lose_no_word(seed):
    rng = np.random.default_rng(seed)

    def spans(count):
        onsets = rng.uniform(0, 60, count)
        lengths = rng.choice([0.0, 0.0004, 0.3, 2.0, 30.0], count)
        return list(zip(onsets, onsets + lengths, strict=True))

    speech = tuple(
        SpeechLine(
            a,
            b,
            " ".join(f"w{i}-{j}" for j in range(rng.integers(1, 40))),
            rng.choice([None, "Ann"]),
        )
        for i, (a, b) in enumerate(sorted(spans(12)))
    )
    names = ["dog", "rain", "a very long description " * 4 + "of a sound"]
    sounds = tuple(
        SoundEvent(str(rng.choice(names)), a, b, 0.9)
        for a, b in sorted(spans(20))
    )
    timeline = Timeline("a.wav", 90.0, speech, sounds)
    cues = timeline.cues()
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < len(line) <= 42 for line in cue.lines)
    shown = " ".join(itertools.chain(*(cue.lines for cue in cues))).split()
    for line in speech:
        assert set(line.text.split()) <= set(shown)
    for one in timeline.captioned():
        assert f"[{one.phrase}]".split()[0] in shown
    times = list(read_times(timeline.to_srt()))
    assert len(times) == len(cues)
    assert all(a < b for a, b in times)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(times))
    timeline.to_textgrid()


def test_nothing_to_caption(tmp_path, detector):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1), RATE)
    timeline = rich_transcript(path, detector, None, ["above 0.5"])
    assert timeline.to_vtt() == "WEBVTT\n"
    assert timeline.to_srt() == ""
    assert len(timeline.to_supervisions()) == 0
    assert 'class = "IntervalTier"' in timeline.to_textgrid()
    timeline = rich_transcript(path, detector, EncoderASR(), ["above 0.5"])
    assert "COME HERE" in timeline.to_vtt()
