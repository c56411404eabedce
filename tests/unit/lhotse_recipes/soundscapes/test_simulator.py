"""Soundscapes: what is annotated is what is mixed, whatever the settings."""

import collections
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lhotse import CutSet, Recording, RecordingSet, SupervisionSet

from lhotse_recipes.corpora.event_bank import prepare_event_bank
from lhotse_recipes.schema import event, events_of, make_cuts
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes

RATE = 16000


def dicts(cuts):
    return [cut.to_dict() for cut in cuts]


def recording_of(path, samples, rate=RATE, name=None):
    soundfile.write(path, samples, rate)
    return Recording.from_file(path, recording_id=name or path.stem)


def bank_of(recordings, labels=None):
    labels = labels or ["thing"] * len(recordings)
    supervisions = [
        event(recording.id, 0, 0.0, recording.duration, f"a {label}", label)
        for recording, label in zip(recordings, labels, strict=True)
    ]
    return make_cuts(
        RecordingSet.from_recordings(recordings),
        SupervisionSet.from_segments(supervisions),
        "made-up",
        True,
    )


def noise(seconds, level=0.1, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    return level * rng.standard_normal(round(seconds * rate)).clip(-4, 4)


def test_one_bank_object_and_nothing_else_makes_soundscapes(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bank = ProceduralBank(seed=0)
    cuts = simulate_soundscapes(bank, None, num_clips=4, seed=0)
    assert len(cuts) == 4
    for cut in cuts:
        assert cut.custom == {
            "vocabulary": "procedural",
            "events_complete": True,
        }
        assert cut.duration == 10.0
        audio = cut.load_audio()
        assert audio.shape == (1, 160000) and np.isfinite(audio).all()
        assert all(e.text in bank.phrases for e in events_of(cut))
        assert len(events_of(cut)) >= 1


def test_clips_are_the_same_for_any_number_of_jobs(bank, tmp_path):
    arguments = {"backgrounds": None, "num_clips": 600, "seed": 7}
    one = dicts(simulate_soundscapes(bank, **arguments))
    assert dicts(simulate_soundscapes(bank, num_jobs=2, **arguments)) == one
    with ThreadPoolExecutor(3) as threads:
        again = simulate_soundscapes(bank, executor=threads, **arguments)
    assert dicts(again) == one
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        lazy = simulate_soundscapes(
            bank, num_jobs=jobs, output_dir=folder, **arguments
        )
        assert lazy.is_lazy and dicts(lazy) == one
        assert (folder / "soundscapes_report_all.json").is_file()
    name = "soundscapes_cuts_all.jsonl.gz"
    first, second = ((tmp_path / jobs / name).read_bytes() for jobs in "12")
    assert first == second


def test_a_longer_simulation_begins_with_the_shorter_one(bank):
    few = simulate_soundscapes(bank, None, num_clips=5, seed=1)
    many = simulate_soundscapes(bank, None, num_clips=20, seed=1)
    other = simulate_soundscapes(bank, None, num_clips=5, seed=2)
    assert dicts(few) == dicts(many)[:5]
    assert dicts(few) != dicts(other)
    assert len({cut.id for cut in many}) == 20
    ids = [sup.id for cut in many for sup in cut.supervisions]
    assert len(set(ids)) == len(ids)


def test_samples_survive_the_file(bank, tmp_path):
    cuts = simulate_soundscapes(bank, None, num_clips=6, seed=3)
    path = tmp_path / "cuts.jsonl.gz"
    cuts.to_file(path)
    again = CutSet.from_file(path)
    for before, after in zip(cuts, again, strict=True):
        assert np.array_equal(before.load_audio(), after.load_audio())
        assert before.supervisions == after.supervisions
        assert before.custom == after.custom


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**31),
    duration=st.sampled_from([1.0, 3.3, 10.0, 31.7]),
    most_events=st.integers(0, 6),
    most_repeats=st.integers(1, 6),
    least_gap=st.floats(0.1, 1.0),
    polyphony=st.sampled_from([None, 1, 2]),
    crop=st.sampled_from([None, (0.1, 0.5), (1.0, 2.0)]),
)
def test_events_stay_inside_and_apart(
    bank, seed, duration, most_events, most_repeats, least_gap, polyphony, crop
):
    cuts = simulate_soundscapes(
        bank,
        None,
        num_clips=4,
        seed=seed,
        duration=duration,
        events_per_clip=(0, most_events),
        repeats=(1, most_repeats),
        gap=(least_gap, least_gap + 0.5),
        max_polyphony=polyphony,
        event_duration=crop,
    )
    for cut in cuts:
        assert cut.duration == duration
        of_label = collections.defaultdict(list)
        for one in events_of(cut):
            assert one.start >= 0 and one.end <= duration
            assert one.duration > 0
            if crop:
                assert one.duration <= crop[1] + 1e-6
            of_label[one.label].append(one)
        assert len(of_label) <= most_events
        for same in of_label.values():
            assert len(same) <= most_repeats
            for before, after in zip(same, same[1:], strict=False):
                assert after.start - before.end >= least_gap - 1e-6
        if polyphony:
            for one in events_of(cut):
                at_a_time = [
                    other
                    for other in events_of(cut)
                    if other.start <= one.start < other.end
                ]
                assert len(at_a_time) <= polyphony


@pytest.mark.parametrize("seconds", [30.0, 10.0, 4.3, 0.7])
def test_the_ratio_on_the_stems_is_the_one_asked_for(bank, tmp_path, seconds):
    # Noise that swells, so that parts of it differ in level.
    swell = np.linspace(0.3, 1.0, round(seconds * RATE))
    ground = recording_of(tmp_path / "ground.wav", noise(seconds) * swell)
    cuts = simulate_soundscapes(
        bank,
        RecordingSet.from_recordings([ground]),
        num_clips=8,
        seed=5,
        snr=(-3.0, 20.0),
        background_dbfs=(-55.0, -45.0),
    )
    for cut in cuts:
        stems = cut.load_audio(mixed=False)
        tags = [track.tag for track in cut.tracks]
        background = sum(
            stem[0]
            for stem, tag in zip(stems, tags, strict=True)
            if tag == "background"
        )
        power = np.mean(background**2)
        assert -55.5 < 10 * np.log10(power) < -44.5
        # Each background sample belongs to one piece of the loop.
        assert np.count_nonzero(background == 0.0) < 0.01 * len(background)
        tracks = [
            (track, stem[0])
            for track, stem in zip(cut.tracks, stems, strict=True)
            if track.tag == "event"
        ]
        assert tracks
        for track, stem in tracks:
            start = round(track.offset * RATE)
            span = stem[start : start + round(track.cut.duration * RATE)]
            measured = 10 * np.log10(np.mean(span**2) / power)
            assert -3.0 <= track.cut.supervisions[0].snr <= 20.0
            assert measured == pytest.approx(
                track.cut.supervisions[0].snr, abs=0.5
            )
            assert np.sum(stem**2) == pytest.approx(np.sum(span**2))


def test_every_label_occurs_as_often_as_another(bank, tmp_path):
    rare = bank["events"].filter(lambda cut: cut.id.endswith("-0")).to_eager()
    common = [
        cut
        for cut in bank["events"]
        if not cut.id.endswith("-0") and "steady" in cut.id
    ]
    cuts = list(rare) + common
    chosen = {"num_clips": 1500, "seed": 0, "events_per_clip": (1, 1)}
    for balance, share in ((True, 1 / 5), (False, 3 / 7)):
        clips = simulate_soundscapes(
            CutSet.from_cuts(cuts),
            bank["backgrounds"],
            balance=balance,
            repeats=(1, 1),
            **chosen,
        )
        count = collections.Counter(
            sup.label for cut in clips for sup in cut.supervisions
        )
        assert count["low steady tone"] / 1500 == pytest.approx(share, abs=0.04)


def test_labels_restrict_the_bank(bank):
    wanted = ["low steady tone", "mid pulsing bell"]
    cuts = simulate_soundscapes(bank, None, 50, seed=0, labels=wanted)
    heard = {sup.label for cut in cuts for sup in cut.supervisions}
    assert heard == set(wanted)
    with pytest.raises(ValueError, match="no event labelled purple; its"):
        simulate_soundscapes(bank, None, 1, seed=0, labels=["purple"])


def test_what_finds_no_room_is_counted(bank, tmp_path, caplog):
    cuts = simulate_soundscapes(
        bank,
        None,
        num_clips=20,
        seed=0,
        duration=2.0,
        events_per_clip=(5, 5),
        repeats=(1, 1),
        max_polyphony=1,
        output_dir=tmp_path,
        part="train",
    )
    report = json.loads(
        (tmp_path / "soundscapes_report_train.json").read_text()
    )
    placed = sum(len(cut.supervisions) for cut in cuts)
    assert report["counts"]["events"] == placed
    dropped = report["dropped"]["no room for the event"]
    assert dropped["count"] == 5 * 20 - placed > 0
    assert "no room for the event" in caplog.text


def test_silence_is_refused_by_name(bank, tmp_path):
    mute = recording_of(tmp_path / "mute.wav", np.zeros(RATE))
    loud = recording_of(tmp_path / "loud.wav", noise(1.0))
    for events, grounds in (([loud, mute], [loud]), ([loud], [mute, loud])):
        with pytest.raises(ValueError, match=r"1 silent source.*mute.*remove"):
            simulate_soundscapes(
                bank_of(events),
                RecordingSet.from_recordings(grounds),
                num_clips=1,
                seed=0,
            )


def test_long_silence_in_a_background_is_avoided_or_refused(bank, tmp_path):
    half = np.concatenate([noise(20.0), np.zeros(20 * RATE)])
    ground = recording_of(tmp_path / "half.wav", half)
    cuts = simulate_soundscapes(
        bank, RecordingSet.from_recordings([ground]), num_clips=30, seed=0
    )
    for cut in cuts:
        assert np.mean(cut.tracks[0].cut.load_audio() ** 2) > 0
    mostly = np.concatenate([np.zeros(600 * RATE), noise(0.1)])
    ground = recording_of(tmp_path / "mostly.wav", mostly)
    with pytest.raises(ValueError, match="mostly is silent for long"):
        simulate_soundscapes(
            bank, RecordingSet.from_recordings([ground]), num_clips=9, seed=0
        )


def test_silent_ends_are_no_part_of_an_event(bank, tmp_path):
    samples = np.concatenate(
        [
            np.zeros(RATE),
            noise(1.0),
            np.zeros(RATE // 2),
            noise(0.5),
            [0] * RATE,
        ]
    )
    thing = recording_of(tmp_path / "thing.wav", samples)
    cuts = simulate_soundscapes(
        bank_of([thing]), bank["backgrounds"], num_clips=5, seed=0
    )
    for cut in cuts:
        for track in cut.tracks[1:]:
            assert track.cut.start == pytest.approx(1.0, abs=0.021)
            assert track.cut.duration == pytest.approx(2.0, abs=0.041)


def test_other_rates_and_channels_become_mono_at_the_rate_asked(bank, tmp_path):
    stereo = np.stack([noise(1.5, rate=44100), np.zeros(66150)], axis=1)
    event_recording = recording_of(tmp_path / "stereo.wav", stereo, 44100)
    ground = recording_of(tmp_path / "low.wav", noise(6.0, rate=8000), 8000)
    cuts = simulate_soundscapes(
        bank_of([event_recording]),
        RecordingSet.from_recordings([ground]),
        num_clips=3,
        seed=0,
    )
    for cut in cuts:
        assert cut.sampling_rate == RATE and cut.num_channels == 1
        assert cut.load_audio().shape == (1, 160000)


def test_a_supervised_part_of_a_recording_is_a_source(bank, tmp_path):
    samples = np.concatenate([noise(2.0, 0.5), noise(1.0, 0.1), noise(1, 0.5)])
    recording = recording_of(tmp_path / "long.wav", samples)
    cut = recording.to_cut()
    cut.supervisions = [
        event("long", 0, 2.0, 3.0, "a thing", "thing", mid="/m/1")
    ]
    for source in (cut, cut.truncate(offset=1.5, duration=2.0)):
        clips = simulate_soundscapes(
            CutSet.from_cuts([source]), bank["backgrounds"], 2, seed=0
        )
        for clip in clips:
            assert clip.custom["vocabulary"] == "bank"
            for track in clip.tracks[1:]:
                assert track.cut.start == 2.0 and track.cut.duration == 1.0
            assert {sup.custom["mid"] for sup in clip.supervisions} == {"/m/1"}


def test_a_bank_without_backgrounds_gets_coloured_noise(
    bank, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (cut,) = simulate_soundscapes(bank["events"], None, 1, seed=0)
    assert "backgrounds" in cut.tracks[0].cut.recording.id
    assert cut.load_audio().shape == (1, 160000)


def test_dicts_of_a_prepare_function_are_understood(bank, tmp_path):
    recording = recording_of(tmp_path / "one.wav", noise(1.0))
    cuts = bank_of([recording])
    whole = simulate_soundscapes(cuts, bank["backgrounds"], 3, seed=0)
    part = {
        "recordings": RecordingSet.from_recordings([recording]),
        "supervisions": SupervisionSet.from_segments(cuts[0].supervisions),
    }
    named = {**part, "cuts": cuts}
    assert dicts(
        simulate_soundscapes(named, bank["backgrounds"], 3, seed=0)
    ) == dicts(whole)
    bare = simulate_soundscapes(
        part, bank["backgrounds"], 3, seed=0, vocabulary="made-up"
    )
    assert dicts(bare) == dicts(whole)


def test_sources_that_cannot_be_used_are_named(bank, tmp_path):
    grounds = bank["backgrounds"]
    good = recording_of(tmp_path / "good.wav", noise(1.0))
    bad = recording_of(tmp_path / "bad.wav", noise(1.0))
    (tmp_path / "bad.wav").write_bytes(b"not audio any more")
    with pytest.raises(ValueError, match="recording bad .*cannot be read"):
        simulate_soundscapes(bank_of([good, bad]), grounds, 1, seed=0)
    broken = noise(1.0)
    broken[100] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(path, broken, RATE, subtype="FLOAT")
    nan = Recording.from_file(path)
    with pytest.raises(ValueError, match="nan.*samples that are no numbers"):
        simulate_soundscapes(bank_of([nan]), grounds, 1, seed=0)
    bare = CutSet.from_cuts([good.to_cut()])
    with pytest.raises(ValueError, match="good has 0 events"):
        simulate_soundscapes(bare, grounds, 1, seed=0)
    mixed = simulate_soundscapes(bank, None, 1, seed=0)
    with pytest.raises(ValueError, match="is a MixedCut"):
        simulate_soundscapes(mixed, grounds, 1, seed=0)
    short = recording_of(tmp_path / "short.wav", noise(0.1))
    with pytest.raises(ValueError, match="shorter than 0.25 s .short."):
        simulate_soundscapes(
            bank, RecordingSet.from_recordings([short]), 1, seed=0
        )
    several = CutSet.from_cuts([*bank_of([good]), *bank["events"]])
    with pytest.raises(ValueError, match="several vocabularies"):
        simulate_soundscapes(several, grounds, 1, seed=0)


@pytest.mark.parametrize(
    "name, value",
    [
        ("events_per_clip", (3, 1)),
        ("repeats", (0, 1)),
        ("snr", (5.0, float("nan"))),
        ("gap", (0.0, 1.0)),
        ("event_duration", (0.0, 1.0)),
        ("max_polyphony", 0),
        ("duration", 0.0),
        ("num_clips", 0),
    ],
)
def test_ranges_that_are_none_are_refused(bank, name, value):
    arguments = {"num_clips": 1, "seed": 0, name: value}
    with pytest.raises(ValueError, match=name):
        simulate_soundscapes(bank, None, **arguments)


@pytest.mark.parametrize("manifest", [{}, CutSet.from_cuts([]), 3])
def test_what_is_no_bank_is_refused(manifest):
    with pytest.raises(ValueError, match="expected|empty"):
        simulate_soundscapes(manifest, None, 1, seed=0)


def test_real_recordings(shared_data, tmp_path):
    part = prepare_event_bank(shared_data / "events.csv")["valid"]
    grounds = RecordingSet.from_dir(shared_data / "backgrounds", "*.flac")
    cuts = simulate_soundscapes(part, grounds, num_clips=20, seed=0)
    assert {sup.label for cut in cuts for sup in cut.supervisions} <= {
        sup.label for sup in part["supervisions"]
    }
    for cut in cuts:
        audio = cut.load_audio()
        assert audio.shape == (1, 160000) and np.isfinite(audio).all()
