"""Clips with references, prepared once for a training.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from pathlib import Path

from lhotse_recipes.corpora.serst import prepare_serst
from lhotse_recipes.io import write_atomically

__all__ = ["prepare_serst_cuts"]

STORED = "serst.json"


def prepare_serst_cuts(output_dir, **options) -> None:
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
    stored = Path(output_dir) / STORED
    told = {k: v for k, v in options.items() if k != "num_jobs"}
    wanted = json.loads(json.dumps(told, default=dict))
    if not stored.is_file():
        prepare_serst(output_dir=output_dir, **options)
        # Written last: its presence says that all else is there.
        with write_atomically(stored) as file:
            json.dump(wanted, file, indent=1)
    elif json.loads(stored.read_text()) != wanted:
        raise ValueError(
            f"{output_dir} was prepared with other options ({STORED} in it "
            "says which): remove it, or choose another output folder"
        )
