"""Mixtures of a bank: parts, held-out classes, shots, controls."""

import json
from collections import Counter

import numpy as np
import pytest
import soundfile as sf
from lhotse import CutSet

from lhotse_recipes.schema import events_of, label_of
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.sets.bank_mixtures import (
    mix_recordings,
    split_backgrounds,
)
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    TableTextEncoder,
)

LABELS = ("beep", "buzz", "hiss")
CLIPS = {"train": 12, "valid": 2, "test": 12}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """A csv of three labels; the recording's number is its pitch."""
    folder = tmp_path_factory.mktemp("bank")
    lines = ["path,label,split"]
    for label in LABELS:
        for number, split in enumerate(("train",) * 3 + ("valid", "test")):
            time = np.arange(8000) / 16000
            wave = 0.3 * np.sin(2 * np.pi * (200 + 100 * number) * time)
            sf.write(folder / f"{label}{number}.wav", wave, 16000)
            lines.append(f"{label}{number}.wav,{label},{split}")
    (folder / "bank.csv").write_text("\n".join(lines) + "\n")
    return folder / "bank.csv"


def mix(bank, folder, encoder=None, **options):
    """Cuts of each part."""
    mix_recordings(
        bank, folder, encoder or HashTextEncoder(8), num_clips=CLIPS, **options
    )
    return {
        part: list(CutSet.from_file(folder / f"mixtures_cuts_{part}.jsonl.gz"))
        for part in CLIPS
    }


def sources(cuts):
    """Recordings heard in some cuts, by label."""
    return Counter(
        (label_of(event), event.recording_id)
        for cut in cuts
        for event in events_of(cut)
    )


def test_no_recording_is_in_two_parts(bank, tmp_path):
    parts = mix(bank, tmp_path)
    heard = {part: {r for _, r in sources(c)} for part, c in parts.items()}
    assert {len(c) for c in parts.values()} == {2, 12}
    assert heard["train"].isdisjoint(heard["valid"] | heard["test"])
    assert {label for label, _ in sources(parts["test"])} == set(LABELS)
    vocabulary = Vocabulary.load(tmp_path / "mixtures.csv")
    assert vocabulary.labels == LABELS
    assert {cut.vocabulary for cut in parts["test"]} == {vocabulary.name}


def test_held_out_classes_are_heard_in_the_test_alone(bank, tmp_path):
    parts = mix(bank, tmp_path, held_out=["hiss"])
    assert {label for label, _ in sources(parts["train"])} == {"beep", "buzz"}
    assert {label for label, _ in sources(parts["valid"])} <= {"beep", "buzz"}
    assert "hiss" in {label for label, _ in sources(parts["test"])}


def test_few_shots_of_a_held_out_class(bank, tmp_path):
    parts = mix(bank, tmp_path, held_out=["hiss"], shots=1)
    train = sources(parts["train"])
    assert len([r for label, r in train if label == "hiss"]) == 1
    assert len([r for label, r in train if label == "beep"]) == 3


def test_shuffled_labels_change_training_alone(bank, tmp_path):
    true = mix(bank, tmp_path / "true")
    shuffled = mix(bank, tmp_path / "shuffled", shuffle_labels=True)
    own = [label in recording for label, recording in sources(true["train"])]
    assert all(own)
    wrong = [
        label not in recording
        for label, recording in sources(shuffled["train"])
    ]
    assert any(wrong)
    assert sources(shuffled["test"]) == sources(true["test"])


def test_labels_without_an_embedding_are_counted_and_equal_ones_merged(
    bank, tmp_path
):
    np.savez(tmp_path / "t.npz", labels=["Tone"], embeddings=np.ones((1, 4)))
    encoder = TableTextEncoder(
        tmp_path / "t.npz", {"beep": "Tone", "buzz": "Tone"}
    )
    parts = mix(bank, tmp_path / "out", encoder)
    assert {label for label, _ in sources(parts["train"])} == {"Tone"}
    report = tmp_path / "out" / "mixtures_report_labels.json"
    dropped = json.loads(report.read_text())["dropped"]
    assert dropped["no text embedding"]["count"] == 5
    table = Vocabulary.load(tmp_path / "out" / "mixtures.csv")
    assert (table.labels, table.phrase("Tone")) == (("Tone",), "beep")


def test_classes_with_few_test_recordings_are_not_tested(bank, tmp_path):
    with pytest.raises(ValueError, match="no recording for the part 'test'"):
        mix(bank, tmp_path, min_test_recordings=2)


def test_held_out_classes_from_a_file(bank, tmp_path):
    file = tmp_path / "held_out.txt"
    file.write_text("hiss\n\n")
    parts = mix(bank, tmp_path / "mixed", held_out=str(file))
    assert "hiss" not in {
        label_of(event) for cut in parts["train"] for event in events_of(cut)
    }
    assert "hiss" in {
        label_of(event) for cut in parts["test"] for event in events_of(cut)
    }


def test_unknown_held_out_classes_are_named(bank, tmp_path):
    with pytest.raises(ValueError, match="'meow' is not in the voc"):
        mix(bank, tmp_path, held_out=["meow"])


def test_backgrounds_are_split(tmp_path):
    with pytest.raises(FileNotFoundError, match="no backgrounds"):
        split_backgrounds(tmp_path)
    for number in range(6):
        noise = np.random.default_rng(number).standard_normal(16000) * 0.1
        sf.write(tmp_path / f"{number}.wav", noise, 16000)
    parts = {
        part: {cut.recording_id for cut in cuts}
        for part, cuts in split_backgrounds(tmp_path).items()
    }
    assert parts["valid"] == parts["test"] == {"0", "5"}
    assert parts["train"] == {"1", "2", "3", "4"}
