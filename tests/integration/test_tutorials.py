"""Every tutorial runs from its first cell to its last, offline."""

import os
import shutil

import jupytext
import pytest
from nbclient import NotebookClient

from docs.tools.example_folder import ROOT, make_folder

TUTORIALS = sorted(ROOT.glob("docs/tutorials/*.py"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("tutorials"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_run(path, folder, tmp_path, monkeypatch):
    work = shutil.copytree(folder, tmp_path / "work")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(
        "PYTHONPATH",
        os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    )
    notebook = jupytext.read(path)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(work)}},
    ).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(cell.execution_count for cell in code)


def test_there_are_nine():
    assert len(TUTORIALS) == 9
