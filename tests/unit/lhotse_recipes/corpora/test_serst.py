"""References are cut where the events are, and nothing leaks across parts."""

import json

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording, RecordingSet, SupervisionSet

from lhotse_recipes.corpora.serst import (
    prepare_serst,
    reference_pairs,
    video_of,
)
from lhotse_recipes.references import EnergyFilter, cut_references
from lhotse_recipes.schema import caption, captions_of, event, make_cuts

RATE = 8000
ALL = {"train": 1.0}


def corpus(folder, clips):
    """Cuts of `{id: ([(onset, offset, label)], captions)}`; labels sound."""
    recordings, supervisions = [], []
    for name, (events, texts) in clips.items():
        samples = np.zeros((10 * RATE,))
        for index, (onset, offset, label) in enumerate(events):
            span = slice(round(onset * RATE), round(offset * RATE))
            level = 0.0 if label == "silence" else 0.01 * (index + 1)
            samples[span] = level
            supervisions.append(
                event(name, index, onset, offset, f"a {label}", label)
            )
        path = folder / f"{name}.wav"
        soundfile.write(path, samples, RATE)
        recordings.append(Recording.from_file(path, recording_id=name))
        supervisions += [
            caption(name, k, 10.0, text) for k, text in enumerate(texts)
        ]
    return make_cuts(
        RecordingSet.from_recordings(recordings),
        SupervisionSet.from_segments(supervisions),
        "audioset_strong",
        True,
    )


def only(folder, events, **settings):
    (cut,) = corpus(folder, {"x": (events, [])})
    return cut_references(cut, **settings)


def test_the_first_long_occurrence_is_cut(tmp_path):
    found = only(tmp_path, [(3.0, 8.0, "dog"), (1.0, 3.0, "cat")])
    cat, dog = found.cuts
    assert (cat.id, cat.label, cat.phrase, cat.clip) == (
        "x-r0",
        "cat",
        "a cat",
        "x",
    )
    assert (dog.start, dog.duration) == (3.0, 2.0)
    assert np.allclose(dog.load_audio(), 0.01, atol=1e-4)
    assert np.allclose(cat.load_audio(), 0.02, atol=1e-4)
    assert not found.refused and not dog.supervisions


def test_short_occurrences_are_joined_in_order(tmp_path):
    events = [(4.0, 4.5, "dog"), (1.0, 1.7, "dog"), (6.0, 9.0, "dog")]
    (dog,) = only(tmp_path, events).cuts
    assert [t.cut.id for t in dog.tracks] == ["x-r0-0", "x-r0-1", "x-r0-2"]
    samples = dog.load_audio()[0]
    assert samples.shape == (2 * RATE,)
    levels = np.concatenate(
        [np.full(5600, 2), np.full(4000, 1), np.full(6400, 3)]
    )
    assert np.allclose(samples, 0.01 * levels, atol=1e-4)
    assert (dog.id, dog.label, dog.clip) == ("x-r0", "dog", "x")


def test_overlapping_occurrences_count_once(tmp_path):
    found = only(tmp_path, [(1.0, 2.5, "dog"), (1.5, 2.6, "dog")])
    assert not found.cuts
    assert found.refused == [("shorter than 2 s", "dog")]
    (padded,) = only(tmp_path, [(1.0, 2.6, "dog")], pad=True).cuts
    samples = padded.load_audio()[0]
    assert samples.shape == (2 * RATE,)
    assert not samples[round(1.6 * RATE) + 1 :].any()
    assert padded.label == "dog"


def test_exactly_long_enough_in_spite_of_rounding(tmp_path):
    events = [(k + 0.1, k + 0.3, "dog") for k in range(10)]
    (dog,) = only(tmp_path, events).cuts
    assert dog.num_samples == 2 * RATE


def test_what_hardly_sounds_is_refused(tmp_path):
    events = [(0.0, 3.0, "silence"), (4.0, 7.0, "dog")]
    energy = EnergyFilter()
    found = only(tmp_path, events, energy=energy)
    assert [cut.label for cut in found.cuts] == ["dog"]
    assert found.refused == [("hardly sounds", "silence")]
    quiet = EnergyFilter(loudest_dbfs=-30.0)
    assert not only(tmp_path, events, energy=quiet).cuts


CLIPS = {
    "aaaaaaaaaaa_0": ([(0, 3, "dog"), (4, 9, "cat")], ["A dog, then a cat."]),
    "bbbbbbbbbbb_5000": ([(1, 5, "dog")], ["A dog.", "Barking."]),
    "ccccccccccc_0": ([(1, 5, "dog"), (2, 2.5, "cat")], ["Another dog."]),
    "ddddddddddd_0": ([(1, 1.5, "dog")], ["A short dog."]),
    "eeeeeeeeeee_0": ([(1, 5, "dog")], []),
    "fffffffffff_0": ([], ["Nothing."]),
}


def test_same_clip(tmp_path):
    prepared = prepare_serst(
        corpus(tmp_path, CLIPS), tmp_path / "o", splits=ALL
    )
    part = prepared["train"]
    assert {cut.id: cut.references for cut in part["cuts"]} == {
        "aaaaaaaaaaa_0": ["aaaaaaaaaaa_0-r0", "aaaaaaaaaaa_0-r1"],
        "bbbbbbbbbbb_5000": ["bbbbbbbbbbb_5000-r0"],
        "ccccccccccc_0": ["ccccccccccc_0-r0"],
    }
    assert {cut.duration for cut in part["references"]} == {2.0}
    told = json.loads((tmp_path / "o/serst_report_train.json").read_text())
    assert {k: v["items"] for k, v in told["dropped"].items()} == {
        "no caption": ["eeeeeeeeeee_0"],
        "no event": ["fffffffffff_0"],
        "reference shorter than 2 s": [
            "ccccccccccc_0 cat",
            "ddddddddddd_0 dog",
        ],
        "no reference": ["ddddddddddd_0"],
    }
    assert told["counts"] == {"clips": 3, "references": 4, "pairs": 4}
    pairs = reference_pairs(part)
    assert [(cut.id, ref.label) for cut, ref in pairs][:2] == [
        ("aaaaaaaaaaa_0", "dog"),
        ("aaaaaaaaaaa_0", "cat"),
    ]
    kinds = ("cuts", "references", "recordings", "supervisions")
    for kind in kinds:
        assert (tmp_path / f"o/serst_{kind}_train.jsonl.gz").is_file()
    again = CutSet.from_file(tmp_path / "o/serst_references_train.jsonl.gz")
    for ours, theirs in zip(part["references"], again, strict=True):
        assert np.array_equal(ours.load_audio(), theirs.load_audio())
        assert theirs.label == ours.label


def test_other_clip(tmp_path):
    cuts = corpus(tmp_path, CLIPS)
    policy = {"ref_policy": "other_clip_same_event", "splits": ALL}
    part = prepare_serst(cuts, tmp_path / "o", **policy)["train"]
    for cut, reference in reference_pairs(part):
        assert reference.label in {
            s.label for s in cut.supervisions if s.custom.get("label")
        }
        assert video_of(reference.clip) != video_of(cut.id)
    chosen = {cut.id: cut.references for cut in part["cuts"]}
    assert len(chosen["ccccccccccc_0"]) == 2
    assert len(chosen["ddddddddddd_0"]) == 1
    told = json.loads((tmp_path / "o/serst_report_train.json").read_text())
    assert told["dropped"]["no other clip of the event"]["items"] == [
        "aaaaaaaaaaa_0 cat"
    ]
    backwards = prepare_serst(CutSet.from_cuts(reversed(list(cuts))), **policy)
    assert chosen == {c.id: c.references for c in backwards["train"]["cuts"]}


def test_captions_of_other_manifests(tmp_path):
    events = corpus(
        tmp_path,
        {
            "aaaaaaaaaaa_0": ([(0, 3, "dog")], []),
            "bbbbbbbbbbb_0": ([(0, 3, "dog")], []),
            "bbbbbbbbbbb_9000": ([(0, 3, "dog")], []),
            "street": ([(0, 3, "dog")], []),
        },
    )
    (tmp_path / "c").mkdir()
    said = corpus(
        tmp_path / "c",
        {
            "audioset-Yaaaaaaaaaaa": ([], ["A dog."]),
            "audioset-Ybbbbbbbbbbb": ([], ["Which?"]),
            "street": ([], ["In the street.", "A dog."]),
        },
    )
    for path, cuts in (
        (tmp_path / "e.jsonl", events),
        (tmp_path / "c.jsonl", said),
    ):
        cuts.to_file(path)
    part = prepare_serst(
        tmp_path / "e.jsonl", captions=tmp_path / "c.jsonl", splits=ALL
    )["train"]
    found = {
        cut.id: [one.text for one in captions_of(cut)] for cut in part["cuts"]
    }
    assert found == {
        "aaaaaaaaaaa_0": ["A dog."],
        "street": ["In the street.", "A dog."],
    }
    parts = {"train": {"cuts": events}}, {"test": {"cuts": said}}
    again = prepare_serst(parts[0], captions=parts[1], splits=ALL)["train"]
    assert [c.to_dict() for c in again["cuts"]] == [
        c.to_dict() for c in part["cuts"]
    ]


def test_no_video_is_in_two_parts(tmp_path):
    clips = {
        f"video{k:06d}_{s}": ([(0, 1, "dog"), (3, 5, "dog")], ["A dog."])
        for k in range(20)
        for s in (0, 5000)
    }
    shares = {"train": 0.5, "test": 0.5}
    cuts = corpus(tmp_path, clips)
    parts = prepare_serst(cuts, splits=shares)
    videos = [
        {video_of(cut.id) for cut in one["cuts"]} for one in parts.values()
    ]
    assert all(videos) and not videos[0] & videos[1]
    assert sum(len(one["cuts"]) for one in parts.values()) == 40
    threads = prepare_serst(cuts, splits=shares, num_jobs=3)
    for part in shares:
        for kind in ("cuts", "references"):
            assert [c.to_dict() for c in threads[part][kind]] == [
                c.to_dict() for c in parts[part][kind]
            ]


def test_bad_input(tmp_path):
    cuts = corpus(tmp_path, {"a": ([(0, 3, "dog")], ["A dog."])})
    with pytest.raises(ValueError, match="choose from same_clip, other_clip"):
        prepare_serst(cuts, ref_policy="any")
    with pytest.raises(ValueError, match="seconds 0 must be above 0"):
        prepare_serst(cuts, seconds=0)
    with pytest.raises(ValueError, match="1 clips occur twice: a"):
        prepare_serst({"x": {"cuts": cuts}, "y": {"cuts": cuts}})
    with pytest.raises(FileNotFoundError, match="none.jsonl: no such manifest"):
        prepare_serst(tmp_path / "none.jsonl")
    mixed = CutSet.from_cuts([cuts[0].pad(12.0)])
    with pytest.raises(ValueError, match="1 cuts are mixtures"):
        prepare_serst(mixed)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(ValueError, match="no clip has a caption and a ref"):
        prepare_serst(cuts, tmp_path, splits=ALL)
    told = json.loads((tmp_path / "serst_report_train.json").read_text())
    (reason,) = told["dropped"]["reference unreadable"]["items"]
    assert "a.wav" in reason


def test_real_audiogrounding(shared_data, tmp_path):
    from lhotse_recipes.corpora.audiogrounding import prepare_audiogrounding

    table = shared_data / "meta/audiogrounding/test.jsonl"
    (tmp_path / "test.jsonl").write_bytes(table.read_bytes())
    rng = np.random.default_rng(0)
    soundfile.write(
        tmp_path / "one.wav", 0.1 * rng.standard_normal(160_000), 16000
    )
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    for name in {row["audio_id"] for row in rows}:
        (tmp_path / name).hardlink_to(tmp_path / "one.wav")
    (tmp_path / "one.wav").unlink()
    grounded = prepare_audiogrounding(tmp_path)
    prepared = prepare_serst(grounded, splits={"train": 0.8, "test": 0.2})
    clips = [cut for one in prepared.values() for cut in one["cuts"]]
    assert len({cut.id for cut in clips}) == len(clips) > 60
    for one in prepared.values():
        for cut, reference in reference_pairs(one):
            assert reference.duration == 2.0
            assert reference.clip == cut.id
            assert captions_of(cut)
