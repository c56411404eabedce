"""The README of an export."""

from lhotse import CutSet, MonoCut

from lhotse_recipes.schema import event
from speechbrain_opensed.inference.card import model_card, summarize_cuts


def test_data_are_counted():
    cut = MonoCut("a", 0.0, 1800.0, 0, supervisions=[])
    cut.supervisions = [event("a", 0, 1.0, 2.0, "dog", "dog")]
    assert summarize_cuts(CutSet.from_cuts([cut])) == {
        "clips": 1,
        "events": 1,
        "hours": 0.5,
    }


def test_what_is_known_is_told():
    card = model_card(
        {
            "spec": {"sample_rate": 32000, "classes": ["dog", "rain"]},
            "model": {},
            "text_encoder": {"source": "models/clap"},
            "calibration": {"phrases": {"dog": 1}},
            "about": {
                "encoder": "mn04.pt",
                "data": {"train": {"clips": 3, "events": 5, "hours": 0.1}},
                "scores": {"PSDS1_A": 0.25},
            },
        },
        learned=["my doorbell"],
    )
    for line in (
        'opensed detect recording.wav -q "dog" --model .',
        "| encoder | mn04.pt |",
        "| text encoder | (clap) |",
        "| sample rate | 32000 Hz |",
        "| train data | 3 clips, 5 events, 0.1 hours |",
        "| thresholds | fitted for 1 phrases |",
        "| PSDS1_A | 0.25 |",
        "my doorbell",
        "dog, rain",
    ):
        assert line in card.splitlines()


def test_nothing_is_made_up():
    card = model_card({"spec": {}, "model": {}, "text_encoder": {}})
    assert "data" not in card and "Scores" not in card and "| |" in card
