"""The package's front door: a version, and interfaces when asked for."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import speechbrain_opensed
from speechbrain_opensed import inference


def test_version():
    assert speechbrain_opensed.__version__ == version("speechbrain-opensed")


@pytest.mark.parametrize(
    "name",
    ["AudioTextAligner", "SoundEventDetector", "StyleTransferGenerator"],
)
def test_interfaces(name):
    assert getattr(speechbrain_opensed, name) is getattr(inference, name)


def test_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'Detektor'"):
        _ = speechbrain_opensed.Detektor


def test_the_version_imports_little():
    code = (
        "import sys, speechbrain_opensed as s; s.__version__; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "speechbrain_opensed", "--version"],
        capture_output=True,
        text=True,
    )
    assert version("speechbrain-opensed") in done.stdout
