"""Names that some disks take for one: of other case, or composed otherwise."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from lhotse_recipes.holding import let_go, new_part

__all__ = ["folds_case", "refuse_alike"]


def folds_case(folder: str | Path) -> bool:
    """
    Whether a disk takes ``Dog`` and ``dog`` for one file.

    :param folder: on that disk; it may be yet to be made.
    :return: what was seen there; False where nothing can be written.

    >>> import tempfile
    >>> folds_case(tempfile.mkdtemp()) in (True, False)
    True
    """
    folder = Path(folder)
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        part, held = new_part(folder)
    except OSError:
        return False
    try:
        return part.with_name(part.name.upper()).exists()
    finally:
        part.unlink(missing_ok=True)
        let_go(held)


def refuse_alike(folder: str | Path, names: Iterable[str | Path]) -> None:
    """
    Refuse names of which one would overwrite the other.

    Where the disk tells upper from lower case, as most on Linux do, no names
    that differ are alike; where it does not, names are compared as the disks
    of macOS do, which take composed and decomposed accents for one as well.

    :param folder: where the files are to be.
    :param names: of all that are written into it, each different.
    :raises ValueError: two of them would be one file.

    >>> refuse_alike(".", ["dog.wav", "cat.wav"])
    """
    seen: dict[str, str] = {}
    alike = []
    for name in map(str, names):
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            alike.append((seen[folded], name))
        seen[folded] = name
    if alike and folds_case(folder):
        first, second = alike[0]
        raise ValueError(
            f"{first!r} and {second!r} would be one file in {folder}, whose "
            "disk does not tell upper from lower case: rename one, or choose "
            "a folder on another disk"
        )
