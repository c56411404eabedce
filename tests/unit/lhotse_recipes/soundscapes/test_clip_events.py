"""Events are where the energy is; backgrounds have one length."""

import json

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import CutSet, Recording, RecordingSet, SupervisionSet

from lhotse_recipes.schema import events_of, make_cuts, tag
from lhotse_recipes.soundscapes import (
    clip_events,
    cut_backgrounds,
    simulate_soundscapes,
)
from lhotse_recipes.soundscapes.clip_events import EnergyWindow

RATE = 16000


def find_slowly(samples, rate, threshold, window, frame=1024, hop=512):
    """FineLAP's rule, read literally."""
    levels = []
    for start in range(0, len(samples) - frame + 1, hop):
        energy = float(np.sum(samples[start : start + frame] ** 2))
        levels.append(10 * np.log10(energy + 1e-12))
    loud = [level > threshold for level in levels]
    for onset in range(max(1, len(loud) - window + 1)):
        if any(loud[onset : onset + window]):
            break
    else:
        return None
    offset = len(loud) - 1
    for start in range(onset + window, len(loud) - window + 1):
        if not any(loud[start : start + window]):
            offset = start
            break
    return onset * hop / rate, offset * hop / rate


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1e-3, 0.1]), min_size=1, max_size=12),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_the_rule_is_that_of_the_paper(levels, window, seed):
    rng = np.random.default_rng(seed)
    samples = np.concatenate(
        [level * rng.standard_normal(1500) for level in levels]
    )
    found = EnergyWindow(-20.0, window).find(samples, RATE)
    assert found == find_slowly(samples, RATE, -20.0, window)


def test_minus_20_db_of_a_frame_are_minus_50_full_scale():
    def tone(dbfs):
        return np.full(RATE, 10 ** (dbfs / 20))

    assert EnergyWindow().find(tone(-49.9), RATE) is not None
    assert EnergyWindow().find(tone(-50.3), RATE) is None
    assert EnergyWindow().find(np.ones(10), RATE) == (0.0, 0.0)
    quiet = np.concatenate([tone(-90), tone(-70), tone(-90)])
    # Half of the frames, and more, are at the level of the median.
    onset, offset = EnergyWindow(percentile=50, window=2).find(quiet, RATE)
    assert onset == pytest.approx(1.0, abs=0.13)
    assert offset == pytest.approx(2.0, abs=0.13)


@pytest.mark.parametrize("bad", [{"window": 0}, {"percentile": 101}])
def test_settings_are_checked(bad):
    with pytest.raises(ValueError, match="must be at least 1|0 to 100"):
        EnergyWindow(**bad)


def tagged(folder, sounds):
    """Recordings `{name: (samples, labels)}` with one tag per label."""
    recordings, tags = [], []
    for name, (samples, labels) in sounds.items():
        path = folder / f"{name}.wav"
        soundfile.write(path, samples, RATE)
        recordings.append(Recording.from_file(path, recording_id=name))
        tags += [
            tag(
                name,
                k,
                recordings[-1].duration,
                f"a {label}",
                label,
                mid="/m/1",
            )
            for k, label in enumerate(labels)
        ]
    return make_cuts(
        RecordingSet.from_recordings(recordings),
        SupervisionSet.from_segments(tags),
        "things",
        False,
    )


def burst(before, seconds, after=1.0):
    rng = np.random.default_rng(0)
    parts = [np.zeros(round(before * RATE)), np.zeros(round(after * RATE))]
    sound = 0.1 * rng.standard_normal(round(seconds * RATE))
    return np.concatenate([parts[0], sound, parts[1]])


def test_a_bank_of_events_from_tags(tmp_path, capsys):
    cuts = tagged(
        tmp_path,
        {
            "good": (burst(2.0, 2.0), ["dog"]),
            "stereo": (np.stack([burst(0, 3.0)] * 2, axis=1), ["cat"]),
            "short": (burst(1.0, 0.2), ["dog"]),
            "long": (burst(1.0, 9.0), ["dog"]),
            "two": (burst(1.0, 2.0), ["dog", "cat"]),
            "none": (burst(1.0, 2.0), []),
            "silent": (np.zeros(RATE), ["cat"]),
            "gone": (burst(1.0, 2.0), ["cat"]),
            "nan": (burst(1.0, 2.0), ["cat"]),
        },
    )
    (tmp_path / "gone.wav").unlink()
    broken = np.full(4 * RATE, np.nan)
    soundfile.write(tmp_path / "nan.wav", broken, RATE, subtype="FLOAT")
    narrow = EnergyWindow(window=4)
    bank = clip_events(cuts, narrow, output_dir=tmp_path / "out")
    assert bank.ids is not None and list(bank.ids) == ["good", "stereo"]
    (dog,) = events_of(bank[0])
    assert (dog.label, dog.text, dog.mid) == ("dog", "a dog", "/m/1")
    assert dog.start == pytest.approx(2.0, abs=0.2)
    assert dog.end == pytest.approx(4.0, abs=0.2)
    told = json.loads(
        (tmp_path / "out/clipped-events_report_all.json").read_text()
    )
    reasons = {k: v["items"] for k, v in told["dropped"].items()}
    assert reasons.pop("unreadable audio")[0].startswith("gone: ")
    assert reasons == {
        "too short": ["short (0.35 s)"],
        "too long": ["long (9.15 s)"],
        "several classes": ["two"],
        "no class": ["none"],
        "nothing loud enough": ["silent"],
        "NaN or infinite samples": ["nan"],
    }
    assert told["coverage"] == {"found": 2, "expected": 9}
    assert "window 4" in capsys.readouterr().out
    again = CutSet.from_file(tmp_path / "out/clipped-events_cuts_all.jsonl.gz")
    assert [one.to_dict() for one in again] == [one.to_dict() for one in bank]
    threads = clip_events(cuts, narrow, num_jobs=3)
    assert [one.to_dict() for one in threads] == [one.to_dict() for one in bank]
    clips = simulate_soundscapes(bank, bank, num_clips=2, seed=0)
    assert {s.text for c in clips for s in c.supervisions} <= {"a dog", "a cat"}


def test_the_most_specific_class_counts(tmp_path):
    ontology = [
        {"id": f"/m/{name}", "name": name, "child_ids": children}
        for name, children in (
            ("animal", ["/m/dog", "/m/cat"]),
            ("dog", []),
            ("cat", []),
        )
    ]
    (tmp_path / "o.json").write_text(json.dumps(ontology))
    cuts = tagged(
        tmp_path,
        {
            "one": (burst(1, 2), ["animal", "dog", "dog"]),
            "two": (burst(1, 2), ["animal", "dog", "cat"]),
        },
    )
    for cut in cuts:
        for sup in cut.supervisions:
            sup.custom["mid"] = f"/m/{sup.label}"
    with pytest.raises(ValueError, match="several classes 2"):
        clip_events(cuts)
    bank = clip_events(cuts, ontology=tmp_path / "o.json")
    assert [(c.id, c.supervisions[0].label) for c in bank] == [("one", "dog")]


def test_nothing_left_is_an_error(tmp_path):
    cuts = tagged(tmp_path, {"a": (burst(1, 2), ["dog"])})
    with pytest.raises(ValueError, match="nothing is left: .*too short 1"):
        clip_events(cuts, seconds=(5.0, 6.0))
    with pytest.raises(ValueError, match=r"must be \(shortest, longest\)"):
        clip_events(cuts, seconds=(5.0, 4.0))


def test_backgrounds_of_one_length(tmp_path):
    rng = np.random.default_rng(0)
    sound = 0.01 * rng.standard_normal(RATE * 7)
    sound[2 * RATE : 4 * RATE] = 0
    cuts = tagged(tmp_path, {"park": (sound, ["dog"]), "hall": (sound, [])})
    found = cut_backgrounds(cuts, 2.0, output_dir=tmp_path)
    assert sorted(found.ids) == ["hall-0", "hall-2", "park-0", "park-2"]
    assert {cut.duration for cut in found} == {2.0}
    assert not any(cut.supervisions for cut in found)
    told = json.loads(
        (tmp_path / "cut-backgrounds_report_all.json").read_text()
    )["dropped"]
    assert told["silent"]["items"] == ["park-1", "hall-1"]
    assert told["shorter remainder"]["items"] == ["park-3", "hall-3"]
    recordings = RecordingSet.from_recordings(cut.recording for cut in cuts)
    more = cut_backgrounds(recordings, 2.0, shortest=1.0)
    assert [round(cut.duration) for cut in more] == [2, 2, 1] * 2
    with pytest.raises(ValueError, match="shortest 3.0 must be"):
        cut_backgrounds(cuts, 2.0, shortest=3.0)


def test_recorded_sounds(shared_data):
    from lhotse_recipes.corpora.event_bank import prepare_event_bank

    bank = prepare_event_bank(shared_data / "events.csv")["test"]
    clipped = clip_events(bank)
    assert 50 < len(clipped) < len(bank["cuts"])
    assert all(1.0 <= cut.supervisions[0].duration <= 7.5 for cut in clipped)
