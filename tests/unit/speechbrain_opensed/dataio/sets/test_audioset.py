"""AudioSet-Strong for the recipes: parts, few shots, clips too long."""

import json

import numpy as np
import pytest
import soundfile as sf
from lhotse import CutSet

from lhotse_recipes.schema import events_of, label_of
from speechbrain_opensed.dataio.sets.audioset import prepare_audioset_cuts

HEADER = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
MIDS = {"Dog": "/m/0bt9lr", "Siren": "/m/03kmc9"}
CLIPS = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Short clips, every third with a siren; one is a bit over ten seconds."""
    folder = tmp_path_factory.mktemp("audioset")
    for part, number in (("train", CLIPS), ("eval", 3)):
        rows = []
        for i in range(number):
            name = f"{part}video{i:02d}_1000"
            seconds = 10.02 if (part, i) == ("eval", 0) else 0.5
            noise = np.random.default_rng(i).standard_normal(
                round(16000 * seconds)
            )
            sf.write(folder / f"{name}.wav", 0.1 * noise, 16000)
            label = "Siren" if i % 3 == 0 else "Dog"
            rows.append(f"{name}\t0.1\t0.4\t{MIDS[label]}\n")
        table = folder / f"audioset_{part}_strong.tsv"
        table.write_text(HEADER + "".join(rows))
    return folder


def read(folder):
    """Cuts of each part."""
    return {
        part: list(CutSet.from_file(folder / f"recipe_cuts_{part}.jsonl.gz"))
        for part in ("train", "valid", "test")
    }


def test_parts(corpus, tmp_path):
    vocabulary = prepare_audioset_cuts(corpus, tmp_path, valid_share=0.3)
    parts = read(tmp_path)
    assert len(parts["train"]) + len(parts["valid"]) == CLIPS
    assert len(parts["test"]) == 3
    train, valid = (
        {c.recording_id for c in parts[p]} for p in ("train", "valid")
    )
    assert train.isdisjoint(valid)
    assert set(vocabulary.evaluated_labels) == {"Dog", "Siren"}


def test_clips_are_cut_to_ten_seconds_and_noted(corpus, tmp_path):
    prepare_audioset_cuts(corpus, tmp_path, valid_share=0.3)
    assert max(cut.duration for cut in read(tmp_path)["test"]) == 10.0
    report = json.loads((tmp_path / "recipe_report_test.json").read_text())
    assert "cut to ten seconds" in json.dumps(report["notes"])


def test_few_shots(corpus, tmp_path):
    prepare_audioset_cuts(
        corpus, tmp_path, held_out=["Siren"], shots=2, valid_share=0.3
    )
    train = read(tmp_path)["train"]
    assert len(train) == 2
    labels = {label_of(e) for cut in train for e in events_of(cut)}
    assert labels == {"Siren"}


def test_a_part_without_clips_is_named(corpus, tmp_path):
    with pytest.raises(ValueError, match="no clip for the part 'valid'"):
        prepare_audioset_cuts(corpus, tmp_path, valid_share=0.0)
