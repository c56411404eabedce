import json

import numpy as np
import pytest
import soundfile as sf


@pytest.fixture
def write_audio():
    """Writes noise, one file per name below a folder."""

    def write(folder, *names, seconds=1.0, rate=8000):
        noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * rate))
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            sf.write(path, noise, rate)

    return write


@pytest.fixture
def write_text():
    """Writes a text file, with the folders above it."""

    def write(path, text, encoding="utf-8"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def report_of():
    """Reads a stored report; its dropped items by reason."""

    def read(folder, prefix, part):
        path = folder / f"{prefix}_report_{part}.json"
        report = json.loads(path.read_text(encoding="utf-8"))
        report["dropped"] = {
            reason: found["items"]
            for reason, found in report["dropped"].items()
        }
        return report

    return read
