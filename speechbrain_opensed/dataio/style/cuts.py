"""Clips with references, prepared once for a training.

Authors
 * The speechbrain-opensed contributors 2026
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from lhotse_recipes.corpora.serst import prepare_serst
from lhotse_recipes.fingerprint import Stamp, state_of

__all__ = ["prepare_serst_cuts"]

STORED = "serst.json"


def prepare_serst_cuts(output_dir: str | Path, **options: Any) -> None:
    """Has `lhotse_recipes.prepare_serst` write manifests, unless it has.

    To find references in a hundred thousand clips takes a while, and a
    training that goes on has no need of it.

    Arguments
    ---------
    output_dir : str or Path
        Gets the manifests.
    **options
        Of `prepare_serst`, as plain data.

    Raises
    ------
    FileNotFoundError, ValueError
        As `prepare_serst` does; ValueError also if the folder was prepared
        with other options.

    Example
    -------
    >>> prepare_serst_cuts(getfixture("tmp_path"), source="nowhere.jsonl")
    Traceback (most recent call last):
    FileNotFoundError: nowhere.jsonl: no such manifest of cuts
    """
    about = {k: v for k, v in options.items() if k != "num_jobs"}
    for name in ("source", "captions"):
        path = about.get(name)
        if isinstance(path, str | Path) and Path(path).exists():
            about[name] = state_of(path)
    about["version"] = version("speechbrain-opensed")
    stamp = Stamp(Path(output_dir) / STORED, about)
    if not stamp.refuse_other(
        "references", "remove it, or choose another output folder"
    ):
        prepare_serst(output_dir=output_dir, **options)
        stamp.write()
