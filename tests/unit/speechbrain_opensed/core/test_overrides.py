"""Overrides are checked without torch, and before it."""

import subprocess
import sys

import pytest

from speechbrain_opensed.core.overrides import read_overrides

TEXT = "batch_size: 4\nlr: 0.1\nheld_out: []\nswitch: False\n"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("batch_size: -1", "has to be 1 or more"),
        ("batch_size: no", "has to be a whole number"),
        ("lr: .nan", "has to be finite"),
        ("switch: 1", "has to be True or False"),
        ("batch_sise: 1", "did you mean 'batch_size'"),
        ("lr: 1\nlr: 2", "given twice"),
    ],
)
def test_what_cannot_be_right(tmp_path, given, words):
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)
    with pytest.raises(ValueError, match=words):
        read_overrides(path, given)


def test_it_is_told_before_torch_is_loaded(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)
    code = (
        "import sys; from speechbrain_opensed.core.overrides import *\n"
        f"read_overrides({str(path)!r}, 'lr: 1.0')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
