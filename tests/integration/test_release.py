"""The same source gives the same wheel, byte by byte."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata

import pytest
import yaml

import speechbrain_opensed
from docs.tools import claims
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


def test_one_version_everywhere():
    """A number of pyproject.toml, and what else tells it."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (version,) = re.findall(r'^version = "(.+)"$', text, re.M)
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == version
    log = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## \[(.+?)\]", log, re.M)[0] == version
    installed = metadata.version("speechbrain-opensed")
    assert installed == version == speechbrain_opensed.__version__, (
        "installed before the number changed: pip install -e ."
    )


def test_the_citation_names_the_four_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    papers = {
        re.sub(r"\D+", "", paper["reference"].split("arXiv")[1])
        for paper in claims.read_claims()
    }
    cited = {
        re.sub(r"\D+", "", one["url"].rpartition("/")[2])
        for one in citation["references"]
    }
    assert len(papers) == 4 and cited == papers
    for one in citation["references"]:
        assert one["title"] and one["year"] and one["authors"]


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
