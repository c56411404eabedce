"""The event bank's detectors on encoders other than a MobileNet."""

import json
import os
import subprocess
import sys

import pytest

from tests.recipes.drive import ROOT, drive
from tests.recipes.tiny_encoders import SIZES, save_weights

RECIPE = ROOT / "recipes/FlexSED"


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_detectors_are_trained_exported_and_asked(name, places, tmp_path):
    weights = save_weights(name, tmp_path / "weights")
    words = [
        *("--encoder", name, "--encoder_config", json.dumps(SIZES[name])),
        *("--pretrained_encoder", str(weights)),
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


@pytest.mark.slow
def test_weights_are_looked_for_before_anything_is_mixed(places, tmp_path):
    words = [sys.executable, RECIPE / "train.py"]
    words += [RECIPE / "hparams/event_bank.yaml", "--text_source", "hash"]
    words += ["--bank_folder", places["data"] / "events.csv"]
    words += ["--output_folder", tmp_path / "run", "--encoder", "beats"]
    done = subprocess.run(
        [*map(str, words), "--pretrained_encoder", "no.pt"],
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "no BEATs at no.pt: download" in done.stderr + done.stdout
    assert not (tmp_path / "run/mixtures").exists()
