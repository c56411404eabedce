"""DESED's recipe on the official tables, with made audio."""

import json

import pytest

from tests.recipes.drive import ROOT, drive
from tests.recipes.trees import audio

RECIPE = ROOT / "recipes/FlexSED"
CLIPS = {
    "train__weak": 4,
    "train__unlabel_in_domain": 2,
    "validation__validation": 3,
    "eval__public": 3,
}


@pytest.mark.slow
def test_desed_trains_on_the_real_tables(shared_data, tmp_path):
    tables = shared_data / "meta/desed"
    number = 0
    for table, count in CLIPS.items():
        rows = (tables / f"{table}.tsv").read_text().splitlines()[1:]
        names = list(dict.fromkeys(row.split("\t")[0] for row in rows))
        for name in names[:count]:
            audio(tmp_path / "DESED" / table, name, number)
            number += 1
    argv = [
        str(RECIPE / "train.py"),
        str(RECIPE / "hparams/desed.yaml"),
        *("--data_folder", str(tmp_path / "DESED")),
        *("--annotations_dir", str(tables)),
        *("--output_folder", str(tmp_path / "run")),
        "--leave_out=[strong, synthetic]",
        *"--embed_dim=16 --depth=2 --num_heads=2 --ft_blocks=1".split(),
        *"--text_source=hash --pretrained_encoder=null --num_jobs=1".split(),
        *"--batch_size=6 --epoch_cuts=12 --num_workers=0".split(),
        *"--number_of_epochs=1 --precision=fp32 --mixup_share=1".split(),
    ]
    steps = [{"name": "desed", "argv": argv}]
    seen = drive(steps, tmp_path / "work")["desed"]
    assert seen["steps"] == 2 and seen["moved"] and not seen["fixed"]
    results = json.loads((tmp_path / "run/results.json").read_text())
    names = " ".join(results)
    assert "PSDS1" in names and "PSDS2" in names
    report = json.loads(
        (tmp_path / "run/manifests/desed_report_weak.json").read_text()
    )
    assert report["coverage"] == {"found": 4, "expected": 1578}
