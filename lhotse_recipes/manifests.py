"""Reading manifests that users name."""

from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut

__all__ = ["read_cuts"]


def read_cuts(path: str | Path) -> CutSet:
    """
    Open a manifest of cuts, lazily.

    :param path: ``.jsonl``, ``.jsonl.gz`` or another format of Lhotse.
    :return: the cuts.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: it is no manifest of cuts.

    >>> import tempfile
    >>> from lhotse.testing.dummies import dummy_cut
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     CutSet.from_cuts([dummy_cut(0)]).to_file(f"{folder}/c.jsonl")
    ...     len(read_cuts(f"{folder}/c.jsonl").to_eager())
    1
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no manifest {path}; check the path")
    try:
        cuts = CutSet.from_file(path)
        first = next(iter(cuts), None)
    except Exception as error:
        raise ValueError(
            f"{path} is no manifest of cuts ({error}); Lhotse's CutSet."
            "to_file writes one"
        ) from error
    if first is not None and not isinstance(first, Cut):
        raise ValueError(
            f"{path} holds {type(first).__name__}, not cuts; make them with "
            "`lhotse cut simple`"
        )
    return cuts
