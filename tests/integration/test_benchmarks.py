"""All benchmarks are in the one that runs them, and it makes a page."""

import subprocess
import sys

import pytest

from docs.tools.example_folder import ROOT

FOLDER = ROOT / "benchmarks"
sys.path.insert(0, str(FOLDER))

import run_all  # noqa: E402

# What another one runs.
HELPERS = {"run_all", "scaper_worker"}


def test_none_is_left_out():
    names = {path.stem for path in FOLDER.glob("*.py")} - HELPERS
    assert names - run_all.ELSEWHERE.keys() == run_all.SHORT.keys()
    assert run_all.SHORT.keys() == run_all.LIMITS.keys()
    for name in run_all.SHORT:
        text = (FOLDER / f"{name}.py").read_text("utf-8")
        for word in run_all.SHORT[name].split():
            assert not word.startswith("--") or f'"{word}"' in text, name
        assert run_all.about(name)


@pytest.mark.slow
def test_a_page_is_made_and_failures_are_told(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    monkeypatch.setitem(run_all.SHORT, "loading", "--clips 300 --items 30")
    asked = ["run_all.py", "-o", str(page), "--only", "loading"]
    monkeypatch.setattr(sys, "argv", asked)
    run_all.main()
    text = page.read_text()
    assert "- transcript needs real speech" in text
    assert "a pandas scan per item" in text and "torch " in text
    assert "limit: parsing the manifest's lines" in text
    monkeypatch.setitem(run_all.SHORT, "loading", "--nothing")
    try:
        run_all.main()
    except SystemExit as ended:
        assert ended.code == "failed: loading"
    else:
        raise AssertionError("a failure was not told")
    assert "failed after" in page.read_text()


@pytest.mark.slow
def test_loading_counts_the_same_events(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, FOLDER / "loading.py"),
            *("--clips", "200", "--items", "20"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "200 clips, 1800 events; 20 items" in done.stdout
