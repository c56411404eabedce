"""The procedural bank: what its words promise can be measured."""

import itertools
import json

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import CutSet

from lhotse_recipes.schema import events_of
from lhotse_recipes.soundscapes import ProceduralBank

BANK = ProceduralBank(seed=0)
RATE = BANK.sampling_rate


def centroid(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float((power * frequency).sum() / power.sum())


def frame_levels(samples, seconds=0.04):
    hop = round(seconds * RATE)
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-12)


def test_phrases_are_all_combinations_of_the_words():
    assert len(BANK.phrases) >= 60
    assert len(set(BANK.phrases)) == len(BANK.phrases)
    split = [tuple(phrase.split(" ")) for phrase in BANK.phrases]
    assert split == list(itertools.product(*BANK.words))


@pytest.mark.parametrize("phrase", BANK.phrases)
def test_events_sound_from_first_to_last_sample(phrase):
    for variant in range(2):
        samples = BANK.synthesize(phrase, variant)
        assert samples.dtype == np.float32
        assert 0.5 <= len(samples) / RATE <= 3.05
        assert np.abs(samples).max() < 1.0
        levels = frame_levels(samples)
        loudest = levels.max()
        assert levels[0] > loudest - 25 and levels[-1] > loudest - 25
        # No gap is so long that one event would be heard as two.
        hop = 0.01
        quiet = frame_levels(samples, hop) < loudest - 25
        runs = [
            len(list(group)) * hop
            for silent, group in itertools.groupby(quiet)
            if silent
        ]
        assert max(runs, default=0.0) <= 0.12


@pytest.mark.parametrize(
    "pattern, timbre", itertools.product(BANK.words[1], BANK.words[2])
)
def test_registers_order_the_spectrum(pattern, timbre):
    of_register = {
        register: [
            centroid(BANK.synthesize(f"{register} {pattern} {timbre}", k))
            for k in range(4)
        ]
        for register in BANK.words[0]
    }
    low, mid, high = (of_register[word] for word in ("low", "mid", "high"))
    assert max(low) < min(mid) and max(mid) < min(high)


@pytest.mark.parametrize("timbre", BANK.words[2])
def test_rising_rises_and_falling_falls_an_octave(timbre):
    for pattern, sign in (("rising", 1), ("falling", -1), ("steady", 0)):
        samples = BANK.synthesize(f"mid {pattern} {timbre}", 0)
        part = len(samples) // 6
        octaves = np.log2(centroid(samples[-part:]) / centroid(samples[:part]))
        # Upper partials of buzz leave the band, those of bells fade first.
        if sign:
            assert sign * octaves > 0.4
        else:
            assert abs(octaves) < 0.35


def test_pulsing_has_gaps_four_to_six_times_a_second():
    for timbre in BANK.words[2]:
        samples = BANK.synthesize(f"mid pulsing {timbre}", 1)
        levels = frame_levels(samples, 0.01)
        sounding = levels > levels.max() - 20
        onsets = int(np.count_nonzero(np.diff(sounding.astype(int)) == 1)) + 1
        assert 3.5 <= onsets / (len(samples) / RATE) <= 7.0


@settings(max_examples=20, deadline=None)
@given(
    phrase=st.sampled_from(BANK.phrases),
    variant=st.integers(0, 1000),
    seed=st.integers(0, 1000),
)
def test_variants_depend_on_seed_phrase_and_number_alone(phrase, variant, seed):
    bank = ProceduralBank(seed)
    first = bank.synthesize(phrase, variant)
    bank.synthesize(BANK.phrases[0], 5)
    assert np.array_equal(
        first, ProceduralBank(seed).synthesize(phrase, variant)
    )
    for other in (
        bank.synthesize(phrase, variant + 1),
        ProceduralBank(seed + 1).synthesize(phrase, variant),
    ):
        assert len(other) != len(first) or not np.allclose(other, first)


def test_backgrounds_have_colours_and_last():
    centroids = []
    for index in range(4):
        samples = BANK.background(index)
        assert len(samples) >= 10 * RATE
        assert np.ptp(frame_levels(samples, 1.0)) < 8
        centroids.append(centroid(samples))
    white, pink, brown, blue = centroids
    assert brown < pink < white < blue


def test_writing_is_the_same_for_any_number_of_jobs(tmp_path):
    arguments = {
        "per_phrase": 2,
        "num_backgrounds": 1,
        "phrases": BANK.phrases[:3],
        "first_variant": 4,
    }
    one = BANK.write(tmp_path / "one", **arguments)
    two = BANK.write(tmp_path / "two", num_jobs=2, **arguments)
    assert [cut.id for cut in one["events"]] == [c.id for c in two["events"]]
    files = sorted((tmp_path / "one").rglob("*.flac"))
    assert len(files) == 7
    for file in files:
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes()
    cut = one["events"][0]
    samples, _ = soundfile.read(cut.recording.sources[0].source)
    wanted = BANK.synthesize(BANK.phrases[0], 4)
    assert np.abs(samples - wanted).max() < 1e-4


def test_events_are_annotated_by_the_contract(bank):
    for cut in bank["events"]:
        (event,) = events_of(cut)
        assert event.text == event.label and event.text in BANK.phrases
        assert (event.start, event.duration) == (0.0, cut.duration)
        assert cut.custom == {
            "vocabulary": "procedural",
            "events_complete": True,
        }


def test_a_complete_folder_is_reused_if_its_parameters_match(tmp_path):
    arguments = {"num_backgrounds": 1, "phrases": BANK.phrases[:1]}
    cuts = BANK.write(tmp_path, per_phrase=1, **arguments)
    file = tmp_path / "events" / "low_steady_tone" / "0.flac"
    before = file.stat().st_mtime_ns
    again = BANK.write(tmp_path, per_phrase=1, **arguments)
    assert file.stat().st_mtime_ns == before
    stored = CutSet.from_file(tmp_path / "procedural_cuts_events.jsonl.gz")
    assert list(again["events"]) == list(cuts["events"]) == list(stored)
    with pytest.raises(ValueError, match="other variants .* remove it"):
        BANK.write(tmp_path, per_phrase=2, **arguments)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="0.flac is missing"):
        BANK.write(tmp_path, per_phrase=1, **arguments)


def test_an_interrupted_folder_is_finished(tmp_path):
    arguments = {"per_phrase": 1, "num_backgrounds": 1}
    arguments["phrases"] = BANK.phrases[:2]
    BANK.write(tmp_path, **arguments)
    stored = tmp_path / "procedural_bank.json"
    stored.unlink()
    (tmp_path / "backgrounds" / "0.flac").write_bytes(b"half")
    cuts = BANK.write(tmp_path, **arguments)
    assert json.loads(stored.read_text())["about"]["seed"] == 0
    assert cuts["backgrounds"][0].load_audio().shape == (1, 12 * RATE)


def test_without_a_folder_the_users_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cuts = BANK.write(per_phrase=1, num_backgrounds=0, phrases=BANK.phrases[:1])
    source = cuts["events"][0].recording.sources[0].source
    assert source.startswith(str(tmp_path / "lhotse_recipes"))


@pytest.mark.parametrize(
    "phrase", ["purple pulsing bell", "low tone", "", "tone steady low"]
)
def test_unknown_phrases_are_refused(phrase, tmp_path):
    with pytest.raises(ValueError, match="unknown phrase.*low/mid/high"):
        BANK.synthesize(phrase, 0)
    with pytest.raises(ValueError, match="unknown phrase"):
        BANK.write(tmp_path, phrases=[phrase])


def test_a_rate_without_room_for_the_high_register_is_refused():
    with pytest.raises(ValueError, match="at least 8000"):
        ProceduralBank(sampling_rate=4000)
