"""Sounds at their times, and whether they are heard there."""

import math

import pytest
import torch

from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.inference.timeline import (
    Cue,
    compare_events,
    generate_timeline,
    read_cues,
)

RATE = 1000


class Synthesizer:
    """Silence, then a burst, a pause and a burst; louder for some texts."""

    def __init__(self):
        self.asked = []

    def generate(self, text, references, *, duration_s, seed, **settings):
        self.asked.append((text, references, duration_s, seed, settings))
        wave = torch.zeros(round(duration_s * RATE))
        level = 0.0 if text == "silence" else 0.5 if "loud" in text else 0.05
        for start, end in ((0.3, 0.8), (1.5, 1.8)):
            part = wave[round(start * RATE) : round(end * RATE)]
            part += level * torch.sin(torch.arange(len(part)) * 0.5)
        if text == "street":
            wave += 0.01
        return wave, RATE


def level(wave, start, end):
    part = wave[round(start * RATE) : round(end * RATE)]
    return 20 * part.square().mean().sqrt().clamp(min=1e-9).log10().item()


def test_sounds_are_where_they_were_asked_for():
    generator = Synthesizer()
    cues = read_cues("loud dog at 1.2; hum from 3 to 5.5 s\ndog at 7.9")
    wave, rate, events = generate_timeline(
        generator, cues, 8.0, clip_seconds=2.0, references=["x"], seed=5
    )
    assert rate == RATE and len(wave) == 8 * RATE
    placed = [(e.phrase, e.onset, round(e.offset, 3)) for e in events]
    assert placed == [
        ("loud dog", 1.2, 1.7),  # to its first pause
        ("hum", 3.0, 5.5),  # over and over
        ("dog", 7.9, 8.0),  # to the end
    ]
    assert [a[3] for a in generator.asked] == [5, 6, 7]
    assert all(a[1] == ["x"] and a[2] == 2.0 for a in generator.asked)
    for event in events:
        assert level(wave, event.onset, event.offset) > -23
        assert level(wave, event.onset, event.onset + 0.05) > -30
    for start, end in ((0, 1.2), (1.71, 3.0), (5.5, 7.9)):
        assert level(wave, start, end) < -120
    # What is behind all of it is 25 dB below.
    generator.asked.clear()
    behind, _, _ = generate_timeline(
        generator, cues, 8.0, clip_seconds=2.0, background="street"
    )
    assert generator.asked[-1][0] == "street"
    assert generator.asked[-1][2] == 8.0
    assert level(behind, 5.6, 7.8) == pytest.approx(-45, abs=4)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        (" ,; ", "is empty"),
        ("dog", "'dog' in the timeline is not understood"),
        ("dog at noon", "not understood"),
        ("at 2", "not understood"),
        ("dog from 3 to 3", "ends before it begins"),
        ("dog from 3", "not understood"),
        ("dog at -1", "not understood"),
    ],
)
def test_bad_timelines_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        read_cues(text)


def test_timelines_are_read_from_files(tmp_path):
    path = tmp_path / "cues.txt"
    path.write_text("dog barking at 2s\ncar horn FROM 5 to 7 seconds\n")
    assert read_cues(path) == [
        Cue("dog barking", 2.0),
        Cue("car horn", 5.0, 7.0),
    ]
    with pytest.raises(FileNotFoundError, match="none.txt"):
        read_cues(tmp_path / "none.txt")


@pytest.mark.parametrize("text", ["dog at 2", "dog from 1 to 2.5", "dog at 9"])
def test_a_timeline_longer_than_the_clip_is_refused(text):
    generator = Synthesizer()
    with pytest.raises(ValueError, match="longer than the clip of 2 s"):
        generate_timeline(generator, read_cues(text), 2.0)
    assert not generator.asked
    with pytest.raises(ValueError, match="'silence' came out silent"):
        generate_timeline(generator, [Cue("silence", 0.0)], 2.0)


def events(*rows):
    return [SoundEvent(name, on, on + 1.0, 1.0) for name, on in rows]


def test_what_is_heard_is_compared():
    asked = events(("dog", 1.0), ("dog", 1.3), ("horn", 5.0), ("rain", 0.0))
    heard = events(("dog", 1.25), ("dog", 1.1), ("horn", 5.3), ("horn", 5.1))
    result = compare_events(asked, heard)
    onsets = [None if e is None else e.onset for _, e in result.pairs]
    assert onsets == [1.1, 1.25, 5.1, None]
    assert [e.onset for e in result.false_alarms] == [5.3]
    assert result.found == 3
    assert result.fscore == pytest.approx(2 * 3 / (4 + 4))
    assert result.onset_error == pytest.approx((0.1 + 0.05 + 0.1) / 3)
    table = result.table()
    assert "F-score 0.75" in table and "+0.10" in table and "not" in table
    # As many as possible, and not the nearest one first.
    both = compare_events(
        events(("dog", 1.0), ("dog", 1.2)), events(("dog", 1.1), ("dog", 1.4))
    )
    assert both.found == 2
    none = compare_events(asked, [])
    assert none.fscore == 0 and math.isnan(none.onset_error)
