"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings and annotations, where there is one."""
    folder = Path(os.environ.get("OPENSED_DATA", ROOT.parent / "shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set OPENSED_DATA")
    return folder
