"""Versions of torch that cannot work are named before they crash."""

import importlib.metadata
import subprocess
import sys

import pytest

from speechbrain_opensed import _compat


def pretend(monkeypatch, **versions):
    def version(package):
        if versions[package] is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return versions[package]

    monkeypatch.setattr(_compat, "version", version)


@pytest.mark.parametrize(
    "torch, torchaudio",
    [
        ("2.11.0", "2.11.0"),
        ("2.12.1+cu130", "2.11.0+cu130"),
        ("2.12.0+cpu", "2.11.0+cpu"),
        ("2.12.1a0+git1234", "2.11.1"),
    ],
)
def test_versions_that_work(monkeypatch, torch, torchaudio):
    pretend(monkeypatch, torch=torch, torchaudio=torchaudio)
    _compat.check_torch()


@pytest.mark.parametrize(
    "torch, torchaudio",
    [
        ("2.13.0+cpu", "2.11.0"),
        ("2.14.1", "2.11.0+cu130"),
        ("2.10.0", "2.10.0"),
        ("2.12.0", "2.9.1"),
        ("2.2.0", "2.2.0"),
        ("2.12.0", None),
        (None, None),
    ],
)
def test_versions_that_do_not(monkeypatch, torch, torchaudio):
    pretend(monkeypatch, torch=torch, torchaudio=torchaudio)
    with pytest.raises(ImportError) as caught:
        _compat.check_torch()
    message = str(caught.value)
    assert f"torch {torch or 'missing'}, " in message
    assert f"torchaudio {torchaudio or 'missing'}." in message
    assert "pip install 'torch>=2.11,<2.13' 'torchaudio>=2.11,<2.12'" in message


def test_import_checks_without_importing_torch():
    code = "import sys, speechbrain_opensed; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
