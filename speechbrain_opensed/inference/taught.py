"""What a released model was taught, beside the model that it comes from.

A detector from an export is exported again whole. A released model is not
copied: the folder names it, and holds what was learned on top of it.

Authors
 * The speechbrain-opensed contributors 2026
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from lhotse_recipes.io import write_json
from lhotse_recipes.json_files import read_json
from lhotse_recipes.outputs import rewrite_folder
from speechbrain_opensed.inference.calibration import Calibration
from speechbrain_opensed.lobes.text.learned import LearnedPhrases

__all__ = ["MAIN", "read_taught", "write_taught"]

#: The file by which such a folder is known.
MAIN = "taught.json"
_TABLE = "learned.safetensors"


def write_taught(
    folder: str | Path,
    base: str,
    text_encoder: Any,
    calibration: Calibration | None = None,
) -> Path:
    """Write what a released model was taught.

    Arguments
    ---------
    folder : str or Path
        Where to.
    base : str
        The model: a name, or the path of its weights.
    text_encoder : TextEncoder
        With the learned phrases, if there are any.
    calibration : Calibration, optional
        Of its scores.

    Returns
    -------
    Path
        The folder, which appears whole or not at all.

    Raises
    ------
    ValueError
        If a file of ours has a name that is taken.

    Example
    -------
    >>> folder = write_taught(getfixture("tmp_path") / "a", "flexsed", None)
    >>> read_taught(folder)
    ('flexsed', None, None)
    """
    about: dict[str, Any] = {
        "base": base,
        "version": version("speechbrain-opensed"),
    }
    if calibration is not None:
        about["calibration"] = calibration.to_dict()
    folder = Path(folder)
    with rewrite_folder(folder, MAIN, [_TABLE]) as temporary:
        if isinstance(text_encoder, LearnedPhrases):
            save_file(text_encoder.table, temporary / _TABLE)
        write_json(temporary / MAIN, about)
    return folder


def read_taught(
    folder: str | Path,
) -> tuple[str, Path | None, Calibration | None]:
    """Read what :func:`write_taught` wrote.

    Arguments
    ---------
    folder : str or Path
        The folder.

    Returns
    -------
    str
        The model that was taught.
    Path or None
        The table of learned queries.
    Calibration or None
        Of its scores.

    Raises
    ------
    ValueError
        If the folder's file is damaged.

    Example
    -------
    >>> (getfixture("tmp_path") / MAIN).write_text("[]")
    2
    >>> read_taught(getfixture("tmp_path"))
    Traceback (most recent call last):
    ValueError: ...taught.json does not name a model: ...
    """
    path = Path(folder) / MAIN
    about = read_json(path)
    base = about.get("base") if isinstance(about, dict) else None
    if not isinstance(base, str) or not base:
        raise ValueError(f"{path} does not name a model: export again")
    table = Path(folder) / _TABLE
    calibration = about.get("calibration")
    return (
        base,
        table if table.is_file() else None,
        None if calibration is None else Calibration.from_dict(calibration),
    )
