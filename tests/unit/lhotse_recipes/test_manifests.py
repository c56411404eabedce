"""Manifests run nothing, fetch nothing, and have times."""

import json
import math

import pytest
from lhotse import CutSet, SupervisionSegment
from lhotse.testing.dummies import dummy_cut, dummy_recording

from lhotse_recipes.manifests import check_cut, read_cuts


def _hostile(kind, source):
    recording = dummy_recording(0, duration=1.0)
    recording.sources[0].type = kind
    recording.sources[0].source = source
    return recording.to_cut()


SOURCES = [
    ("command", "touch MARK"),
    ("url", "https://example.org/a.wav"),
    ("file", "https://example.org/a.wav"),
    ("file", "pipe:touch MARK"),
]


@pytest.mark.parametrize("kind, source", SOURCES)
def test_commands_and_addresses_are_refused_unless_allowed(
    tmp_path, kind, source
):
    cut = _hostile(kind, source)
    path = tmp_path / "cuts.jsonl"
    CutSet.from_cuts([cut]).to_file(path)
    with pytest.raises(ValueError, match=f"cuts.jsonl: cut {cut.id} would"):
        list(read_cuts(path))
    assert [one.id for one in read_cuts(path, True)] == [cut.id]
    mixed = dummy_cut(1, duration=1.0, with_data=True).mix(cut)
    with pytest.raises(ValueError, match="--allow-commands"):
        check_cut(mixed)
    holder = dummy_cut(2, duration=1.0)
    holder.target_recording = cut.recording
    with pytest.raises(ValueError, match="--allow-commands"):
        check_cut(holder)
    said = SupervisionSegment("s", "r", 0, 1, custom={"near": cut.recording})
    holder = dummy_cut(3, duration=1.0, supervisions=[said])
    CutSet.from_cuts([holder]).to_file(path)
    with pytest.raises(ValueError, match="--allow-commands"):
        list(read_cuts(path))
    holder = dummy_cut(4, duration=1.0)
    holder.custom = {"several": [{"far": cut.recording}]}
    with pytest.raises(ValueError, match="--allow-commands"):
        check_cut(holder)


@pytest.mark.parametrize("kind", ["COMMAND", "memory ", "", None])
def test_sources_are_of_a_known_type(kind):
    cut = _hostile(kind, "a.wav")
    for allowed in (False, True):
        with pytest.raises(ValueError, match="has a source of type .*file, "):
            check_cut(cut, allowed)


@pytest.mark.parametrize("bad", [math.nan, math.inf, "1", None, True])
def test_times_are_numbers(tmp_path, bad):
    cut = dummy_cut(0, duration=1.0)
    cut.supervisions = [SupervisionSegment("s", cut.recording_id, 0.0, 1.0)]
    cut.supervisions[0].start = bad
    with pytest.raises(
        ValueError, match=f"cut {cut.id}, supervision s has a start"
    ):
        check_cut(cut)


def test_nan_in_a_file_is_named(tmp_path):
    path = tmp_path / "cuts.jsonl"
    cut = dummy_cut(0, duration=1.0).to_dict()
    supervision = {"id": "s", "recording_id": "r", "start": math.nan}
    cut["supervisions"] = [{**supervision, "duration": 1.0}]
    path.write_text(json.dumps(cut))
    with pytest.raises(ValueError, match=r"cuts.jsonl:1: item .*: NaN"):
        list(read_cuts(path))


@pytest.mark.parametrize("rate", [0, -1, "16000", True, 1.5, None])
def test_rates_are_whole_numbers(tmp_path, rate):
    row = dummy_cut(0, recording=dummy_recording(0)).to_dict()
    row["recording"]["sampling_rate"] = rate
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(ValueError, match="c.jsonl"):
        list(read_cuts(path))


def test_one_reader_for_all_json(tmp_path):
    row = json.dumps(dummy_cut(0, recording=dummy_recording(0)).to_dict())
    path = tmp_path / "c.json"
    path.write_text(f"[{row}]")
    assert len(list(read_cuts(path, allow_commands=True))) == 1
    path.write_text(f'[{row[:-1]}, "id": "twice"}}]')
    with pytest.raises(ValueError, match=r"c.json: the key 'id' occurs twice"):
        list(read_cuts(path))
