"""What results were made with, so that a later run may go on from them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from speechbrain_opensed.core.fingerprint import fingerprint

__all__ = ["journal_path", "made_with"]


def made_with(
    detector: Any, phrases: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What results depend on, besides the sounds.

    Arguments
    ---------
    detector : SoundEventDetector
        The model.
    phrases : sequence of str
        What is looked for.
    settings : mapping
        All that decides about events.

    Returns
    -------
    dict
        Plain data.

    Example
    -------
    >>> made_with.__name__
    'made_with'
    """
    about = [repr(detector.spec), repr(detector.calibration)]
    return {
        "version": version("speechbrain-opensed"),
        "model": fingerprint(detector, about),
        "precision": detector.precision,
        "phrases": _short(list(phrases)),
        **{name: _short(value) for name, value in settings.items()},
    }


def _short(value):
    """One value where all phrases have the same; a digest of many."""
    if isinstance(value, Mapping):
        if len(set(value.values())) == 1:
            return next(iter(value.values()))
        value = dict(value)
    if isinstance(value, list | dict) and len(value) > 50:
        text = json.dumps(value, ensure_ascii=False).encode()
        return f"{len(value)}, sha256 {hashlib.sha256(text).hexdigest()[:16]}"
    return value


def journal_path(output: Path) -> Path:
    """Where it stands what an output was made with, and what is done.

    Arguments
    ---------
    output : Path
        File or folder.

    Returns
    -------
    Path
        A hidden file beside it.

    Example
    -------
    >>> journal_path(Path("out/events.tsv")).name
    '.events.tsv.journal'
    """
    return output.with_name(f".{output.name}.journal")
