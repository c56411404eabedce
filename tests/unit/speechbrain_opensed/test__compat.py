"""Pairs of torch and torchaudio are tried, and the remedy is named."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from speechbrain_opensed import _compat

ROOT = Path(__file__).resolve().parents[3]
BROKEN = "OSError: libtorchaudio.so: undefined symbol: torch_exception"


@pytest.fixture
def environment(tmp_path):
    """Makes folders with two packages that only look like the real ones."""

    def make(torch, torchaudio, torchaudio_fails=False):
        site = tmp_path / "site"
        site.mkdir()
        for name, number in {"torch": torch, "torchaudio": torchaudio}.items():
            if number is None:
                continue
            info = site / f"{name}-{number}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
            )
            (site / name / "compliance").mkdir(parents=True)
            for inner in (".", "compliance"):
                (site / name / inner / "__init__.py").write_text("")
            (site / name / "compliance/kaldi.py").write_text("")
        tried = tmp_path / "tried"
        body = f"open({str(tried)!r}, 'a').write('x')\n"
        if torchaudio_fails:
            body += f"raise OSError({BROKEN.partition(': ')[2]!r})\n"
        body += (
            "class functional:\n"
            "    lfilter = staticmethod(lambda *tensors: None)\n"
        )
        if torchaudio is not None:
            (site / "torchaudio/__init__.py").write_text(body)
        if torch is not None:
            (site / "torch/__init__.py").write_text(
                "ones = tensor = lambda *anything: None\n"
            )
        return tmp_path

    return make


def call(folder, cache="cache"):
    """Runs the check where only these packages are; gives its output."""
    code = (
        "import importlib.util as u, sys\n"
        f"s = u.spec_from_file_location('c', {_compat.__file__!r})\n"
        "c = u.module_from_spec(s); s.loader.exec_module(c)\n"
        "c.check_torch()\n"
        "print('torch' in sys.modules)\n"
    )
    return subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env={
            **{k: v for k, v in os.environ.items() if k != _compat.MARK},
            "PYTHONPATH": str(folder / "site"),
            "XDG_CACHE_HOME": str(folder / cache),
        },
    )


def tries(folder):
    path = folder / "tried"
    return len(path.read_text()) if path.exists() else 0


def test_a_pair_that_works_is_tried_once(environment):
    folder = environment("2.19.0", "2.12.3")
    for _ in range(2):
        done = call(folder)
        assert done.stdout.strip() == "False", done.stderr
    assert tries(folder) == 1
    (kept,) = (folder / "cache/speechbrain_opensed").iterdir()
    made_from = json.loads(kept.read_text())
    assert made_from["torch"] == "2.19.0"
    assert made_from["torchaudio"] == "2.12.3"


def test_an_installed_package_asks_for_another_try(environment):
    folder = environment("2.14.1", "2.11.1")
    call(folder)
    time.sleep(0.02)
    (folder / "site/another-1.0.dist-info").mkdir()
    call(folder)
    assert tries(folder) == 2


def test_an_unwritable_cache_is_no_error(environment):
    folder = environment("2.14.1", "2.11.1")
    (folder / "cache").write_text("a file where a folder should be")
    done = call(folder)
    assert done.stdout.strip() == "False", done.stderr


def test_children_do_not_try_again(monkeypatch):
    """Where nothing can be kept, the verdict travels by environment."""
    monkeypatch.setattr(_compat, "_version", lambda package: "2.14.1")
    monkeypatch.setattr(_compat, "_read", lambda path: None)
    monkeypatch.setattr(
        _compat, "_verdict_file", lambda: Path(os.devnull) / "x"
    )
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    monkeypatch.setenv(_compat.MARK, "")
    tried = []
    monkeypatch.setattr(_compat, "_try_pair", lambda: tried.append(1) or "")
    for _ in range(2):
        _compat.check_torch()
    assert len(tried) == 1


@pytest.mark.parametrize(
    "torch, torchaudio, remedy",
    [
        ("2.12.1", "2.11.1", "--force-reinstall --no-deps torchaudio==2.11.0"),
        ("2.14.1", "2.11.0", "--force-reinstall --no-deps torchaudio==2.11.1"),
        (
            "2.14.1",
            "2.11.1+cpu",
            "--force-reinstall --no-deps torchaudio==2.11.1",
        ),
        ("2.19.0", "2.11.1", "torch==2.14.1 torchaudio==2.11.1"),
        (
            "2.13.0+cpu",
            "2.11.1",
            "--force-reinstall torch torchaudio --index-url "
            "https://download.pytorch.org/whl/cpu",
        ),
        (
            "2.12.1+cu126",
            "2.11.1",
            "--force-reinstall torch torchaudio --index-url "
            "https://download.pytorch.org/whl/cu126",
        ),
    ],
)
def test_a_pair_that_fails_names_its_remedy(
    environment, torch, torchaudio, remedy
):
    folder = environment(torch, torchaudio, torchaudio_fails=True)
    done = call(folder)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert f"torch {torch} and torchaudio {torchaudio} do not" in message
    assert BROKEN in message
    assert message.endswith(f" {remedy}")
    # pip is not in these folders.
    assert f"uv pip install --python {sys.executable} " in message
    assert not (folder / "cache").exists()


@pytest.mark.parametrize(
    "torch, torchaudio",
    [("2.10.0", "2.10.0"), ("2.12.0", None), (None, None)],
)
def test_missing_and_old_versions(environment, torch, torchaudio):
    folder = environment(torch, torchaudio)
    done = call(folder)
    message = done.stderr.strip().splitlines()[-1]
    assert f"installed: torch {torch}, torchaudio {torchaudio}. " in message
    assert tries(folder) == 0
    assert " torch" in message.partition("install")[2]


def test_pip_is_named_where_it_is(monkeypatch):
    monkeypatch.setattr(_compat, "find_spec", lambda name: name)
    assert f"{sys.executable} -m pip install" in _compat._remedy("2.12.1", "")


def test_a_program_around_python_is_not_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    assert not _compat._may_start_python()


def test_the_locked_pair_is_the_proven_one():
    lines = (ROOT / "requirements/pair.txt").read_text()
    pair = tuple(re.findall(r"^torch(?:audio)?==(\S+)$", lines, re.M))
    assert pair == _compat.PROVEN_PAIR
    locked = (ROOT / "requirements/dev.lock").read_text()
    for name, number in zip(("torch", "torchaudio"), pair, strict=True):
        assert f"\n{name}=={number} " in locked


def test_the_lock_names_no_host():
    locked = (ROOT / "requirements/dev.lock").read_text()
    assert "://" not in locked
    assert "--hash=sha256:" in locked


def test_import_checks_without_importing_torch():
    code = "import sys, speechbrain_opensed; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
