"""Say clearly that torch and torchaudio do not fit, before they crash.

A plain `pip install torch torchaudio` may combine versions that fail with a
linker error at the first import. Reading their metadata imports neither.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from importlib.metadata import PackageNotFoundError, version

__all__ = ["check_torch"]

_WANTED = {"torch": ((2, 11), (3, 0)), "torchaudio": ((2, 11), (3, 0))}
_MESSAGE = (
    "speechbrain-opensed needs torch and torchaudio 2.11 or later; installed: "
    "{installed}. Run: python -m pip install -U torch torchaudio"
)


def check_torch():
    """Raise if the installed torch and torchaudio do not work together.

    Raises
    ------
    ImportError
        Says what is installed and which command mends it.

    Example
    -------
    >>> check_torch()
    """
    installed = {}
    for package in _WANTED:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "missing"
    if not all(
        _fits(installed[package], *limits)
        for package, limits in _WANTED.items()
    ):
        found = ", ".join(f"{name} {v}" for name, v in installed.items())
        raise ImportError(_MESSAGE.format(installed=found))


def _fits(installed, lowest, limit):
    numbers = re.match(r"(\d+)\.(\d+)", installed)
    return bool(numbers) and lowest <= tuple(map(int, numbers.groups())) < limit
