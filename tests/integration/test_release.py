"""The same source gives the same wheel, byte by byte."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from docs.tools.example_folder import ROOT

LEFT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", "results", "build", "dist", "site",
    "*.egg-info", "tests", "docs", "benchmarks", ".*_cache",
)  # fmt: skip


def wheel(source, out):
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", out, source),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"},
    )
    (made,) = out.iterdir()
    return made


@pytest.mark.slow
def test_the_wheel_can_be_made_again(tmp_path):
    made = []
    for name in ("one", "another"):
        source = shutil.copytree(ROOT, tmp_path / name / "src", ignore=LEFT)
        # When files were written must not show.
        for path in source.rglob("*"):
            os.utime(path, (1000 + len(made), 1000 + len(made)))
        made.append(wheel(source, tmp_path / name / "out"))
    one, another = (hashlib.sha256(p.read_bytes()).hexdigest() for p in made)
    assert one == another
    names = zipfile.ZipFile(made[0]).namelist()
    templates = "speechbrain_opensed/commands/templates/"
    assert f"{templates}corpus/@name@.py.tmpl" in names
    assert "speechbrain_opensed/recipes/FlexSED/train.py" in names
