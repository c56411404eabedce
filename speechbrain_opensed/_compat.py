"""Say clearly that torch and torchaudio do not fit, before they crash.

An installer may combine releases, or builds for CPU and CUDA, that end in a
linker error at the first import. No table of versions knows the next release:
the pair is tried, in a process of its own, once for each state of the
environment. Looking up the verdict imports neither.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

__all__ = ["PROVEN_PAIR", "check_torch"]

# A pair that the tests ran with; requirements/pair.txt locks it.
PROVEN_PAIR = ("2.14.1", "2.11.1")
LOWEST = (2, 11)
# torchaudio 2.11.1 uses a function of torch that came with 2.13.
CHANGE = (2, 13)
PYTORCH_BUILDS = "https://download.pytorch.org/whl/"
MARK = "OPENSED_TORCH_PAIR"
PATIENCE_SECONDS = 300
# The filter runs torchaudio's compiled part, the rest is what we import.
PROBE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
import torch
import torchaudio.compliance.kaldi
torchaudio.functional.lfilter(
    torch.ones(1, 8), torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.0])
)
"""


def check_torch() -> None:
    """Raise if the installed torch and torchaudio do not work together.

    The first call in an environment takes as long as importing both; the
    verdict is kept in the user's cache folder until a package is installed
    or removed.

    Raises
    ------
    ImportError
        Says what is installed and which command mends it.

    Example
    -------
    >>> check_torch()
    """
    if "torchaudio" in sys.modules or not _may_start_python():
        return
    torch, torchaudio = _version("torch"), _version("torchaudio")
    if torch is None or torchaudio is None or _release(torch) < LOWEST:
        raise ImportError(
            "speechbrain-opensed needs torch 2.11 or later and torchaudio; "
            f"installed: torch {torch}, torchaudio {torchaudio}. "
            f"{_remedy(torch, torchaudio)}"
        )
    state = _state(torch, torchaudio)
    kept = _verdict_file()
    if state in (os.environ.get(MARK), _read(kept)):
        return
    problem = _try_pair()
    if problem:
        raise ImportError(
            f"torch {torch} and torchaudio {torchaudio} do not work together "
            f"({problem}). {_remedy(torch, torchaudio)}"
        )
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(state)
    except OSError:
        # At least our own child processes need not try it again.
        os.environ[MARK] = state


def _may_start_python() -> bool:
    """Whether `sys.executable` is a Python and not a program around one."""
    name = Path(sys.executable or "").name.lower()
    return "py" in name and not getattr(sys, "frozen", False)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _release(text: str) -> tuple[int, ...]:
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return tuple(map(int, numbers.groups())) if numbers else (0, 0)


def _state(torch: str, torchaudio: str) -> str:
    """What the verdict is made from; installing a package changes it."""
    folders = set()
    for package in ("torch", "torchaudio"):
        spec = find_spec(package)
        if spec and spec.origin:
            folders.add(Path(spec.origin).parent.parent)
    return json.dumps(
        {
            "torch": torch,
            "torchaudio": torchaudio,
            "python": [sys.executable, sys.version],
            "folders": {
                str(folder): folder.stat().st_mtime_ns
                for folder in sorted(folders)
            },
        },
        indent=1,
    )


def _verdict_file() -> Path:
    """One for each interpreter."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = hashlib.sha256(sys.executable.encode()).hexdigest()[:16]
    return Path(cache) / "speechbrain_opensed" / f"torch-pair-{name}.json"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _try_pair() -> str:
    """Imports both elsewhere; returns why that failed, or nothing."""
    command = [sys.executable, "-c", PROBE, json.dumps(sys.path)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # Not tried: importing them will tell.
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1].strip() if lines else f"exit status {done.returncode}"


def _remedy(torch: str | None, torchaudio: str | None) -> str:
    """The command that mends this interpreter with builds of one kind."""
    python = shlex.quote(sys.executable)
    install = f"{python} -m pip install"
    if find_spec("pip") is None:
        install = f"uv pip install --python {python}"
    # Builds from PyTorch's own index carry a label: 2.13.0+cpu, 2.12.1+cu126.
    label = (torch or "").partition("+")[2]
    if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+|xpu", label):
        what = f"torch torchaudio --index-url {PYTORCH_BUILDS}{label}"
        return f"This mends it: {install} --force-reinstall {what}"
    fitting = "2.11.0" if _release(torch or "") < CHANGE else "2.11.1"
    if not torch or _release(torch) < LOWEST or torchaudio == fitting:
        what = "torch=={} torchaudio=={}".format(*PROVEN_PAIR)
        return f"This mends it: {install} {what}"
    what = f"--no-deps torchaudio=={fitting}"
    return f"This mends it: {install} --force-reinstall {what}"
