"""Utterances are chosen or tagged by their background, then trained on."""

import json

import pytest

from tests.recipes.drive import ROOT, drive
from tests.recipes.samples import write_spoken

RECIPE = ROOT / "recipes/CleanSpeech"
WAYS = {
    "leave_out": [],
    "most": ["--most_background", "1.0"],
    "other": ["--background_labels", "[music]"],
    "keep": ["--background", "keep"],
    "tag": ["--background", "tag"],
}


@pytest.mark.slow
def test_each_way_trains_on_what_it_says(tmp_path):
    spoken = write_spoken(tmp_path / "spoken")
    steps = [
        {
            "name": way,
            "argv": [
                str(RECIPE / "train.py"),
                str(RECIPE / "hparams/ctc.yaml"),
                *("--output_folder", str(tmp_path / way)),
                *("--data_folder", str(spoken)),
                *("--hidden_dim", "8", "--num_layers", "1"),
                *("--number_of_epochs", "2"),
                *words,
            ],
        }
        for way, words in WAYS.items()
    ]
    drive(steps, tmp_path / "steps")
    results = {
        way: json.loads((tmp_path / way / "results.json").read_text())
        for way in WAYS
    }
    # Twelve recordings of two utterances, four with a buzz under the first.
    trained = {way: one["trained_on"] for way, one in results.items()}
    assert trained == {
        "leave_out": 20, "most": 24, "other": 24, "keep": 24, "tag": 24
    }  # fmt: skip
    for one in results.values():
        assert one["utterances"] == 24
        assert {"WER all", "WER with sounds", "WER without"} <= one.keys()
    # The same utterances in the same order, but for what is told of them.
    assert results["most"]["loss"] == results["keep"]["loss"]
    assert results["tag"]["loss"] != results["keep"]["loss"]
