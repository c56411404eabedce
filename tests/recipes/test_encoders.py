"""The event bank's detectors on encoders other than a MobileNet."""

import json

import pytest
import torch
from transformers import ClapFeatureExtractor

from speechbrain_opensed.lobes.encoders.beats import BEATs
from speechbrain_opensed.lobes.prompts.alm_clap import TINY_FRONT, ClapTower
from tests.recipes.drive import ROOT, drive
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import BEATS
from tests.unit.speechbrain_opensed.lobes.encoders.test_beats import published
from tests.unit.speechbrain_opensed.lobes.encoders.test_clap import save_tokens

RECIPE = ROOT / "recipes/FlexSED"
# Ten seconds, in a hundred frames.
FRONT = TINY_FRONT | {"max_length_s": 10, "hop_length": 4800}
SIZES = {
    "htsat": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
        "spec_size": 64,
        "front": FRONT,
    },
    "beats": {"num_tags": 4, "sizes": BEATS},
}


def save_weights(name, folder):
    torch.manual_seed(0)
    if name == "beats":
        torch.save(published(BEATs(**SIZES[name])), folder / "beats.pt")
        return folder / "beats.pt"
    ClapTower.tiny(fused=False).model.save_pretrained(folder)
    save_tokens(folder)
    ClapFeatureExtractor(frequency_min=50, **FRONT).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_detectors_are_trained_exported_and_asked(name, places, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    words = [
        *("--encoder", name, "--encoder_config", json.dumps(SIZES[name])),
        *("--pretrained_encoder", str(save_weights(name, weights))),
        *("--bank_folder", f"{places['data']}/events.csv"),
        *("--text_source", "hash", "--text_dim", "16", "--num_train", "6"),
        *("--num_valid", "2", "--num_test", "3", "--batch_size", "2"),
        *("--number_of_epochs", "1"),
    ]
    if name == "beats":
        words += ["--encoder_tags", "null"]
    recording = next(places["data"].rglob("*.wav"))
    steps = []
    for yaml in ("event_bank", "event_bank_decoder"):
        mine = list(words)
        if yaml == "event_bank_decoder":
            mine += ["--embed_dim", "16", "--depth", "1"]
            if "--encoder_tags" in mine:
                at = mine.index("--encoder_tags")
                del mine[at : at + 2]
        script = [
            str(RECIPE / "train.py"),
            str(RECIPE / f"hparams/{yaml}.yaml"),
        ]
        out = ["--output_folder", str(tmp_path / yaml)]
        steps.append({"name": yaml, "argv": [*script, *mine, *out]})
        asked = ["opensed", "detect", str(recording), "-q", "dog"]
        asked += ["--model", str(tmp_path / yaml / "detector")]
        asked += ["--threshold", "1e-6", "-o", str(tmp_path / f"{yaml}.tsv")]
        steps.append({"name": f"detect {yaml}", "argv": asked})
    seen = drive(steps, tmp_path / "driven")
    for yaml in ("event_bank", "event_bank_decoder"):
        one = seen[yaml]
        assert one["steps"] > 0 and one["moved"]
        assert not any("model.encoder." in moved for moved in one["moved"])
        results = json.loads((tmp_path / yaml / "results.json").read_text())
        assert any(key.startswith("PSDS1_A") for key in results)
        assert "dog" in (tmp_path / f"{yaml}.tsv").read_text()
