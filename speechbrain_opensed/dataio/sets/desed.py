"""DESED as the training recipes read it.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from pathlib import Path

from lhotse import CutSet

from lhotse_recipes.corpora.desed import prepare_desed
from lhotse_recipes.io import PrepareReport, write_jsonl
from speechbrain_opensed.dataio.sets.audioset import to_window

__all__ = ["prepare_desed_cuts"]

NAME = "recipe"


def prepare_desed_cuts(
    corpus_dir: str | Path,
    output_folder: str | Path,
    parts: Sequence[str],
    *,
    leave_out: Sequence[str] | str = (),
    annotations_dir: str | Path | None = None,
    num_jobs: int = 1,
) -> None:
    """Writes the cut sets that a recipe trains and tests with.

    Arguments
    ---------
    corpus_dir : str or Path
        Audio and the official tables.
    output_folder : str or Path
        Gets `recipe_cuts_<part>.jsonl.gz` and reports.
    parts : sequence of str
        Those of `prepare_desed` that are needed, such as `weak` and
        `validation`.
    leave_out : sequence of str, or str
        Parts that are not.
    annotations_dir : str or Path, optional
        Folder of the tables, if another.
    num_jobs : int
        Threads that read headers.

    Raises
    ------
    FileNotFoundError, ValueError
        As `prepare_desed` does.

    Example
    -------
    >>> prepare_desed_cuts("nowhere", "results", ["weak"])
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no such folder
    """
    folder = Path(output_folder)
    if isinstance(leave_out, str):
        leave_out = [leave_out]
    prepared = prepare_desed(
        corpus_dir,
        folder,
        parts=[part for part in parts if part not in leave_out],
        annotations_dir=annotations_dir,
        num_jobs=num_jobs,
    )
    for part, manifests in prepared.items():
        report = PrepareReport(NAME, part)
        kept = [to_window(cut, report) for cut in manifests["cuts"]]
        write_jsonl(
            folder / f"{NAME}_cuts_{part}.jsonl.gz", CutSet.from_cuts(kept)
        )
        report.count("clips", len(kept))
        report.save(folder)
