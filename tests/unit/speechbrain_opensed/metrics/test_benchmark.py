import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "psds.py"


@pytest.mark.slow
def test_faster_than_sed_scores_eval_by_far():
    """An eighth of its time at 407 classes; a tenth of that task here."""
    output = subprocess.run(
        [sys.executable, SCRIPT, "--classes", "120", "--clips", "160"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    gain = float(re.search(r"time 1/([\d.]+)", output)[1])
    assert gain > 8, output
