"""How ids become names of files, and which names some disks take for one."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from lhotse_recipes.holding import let_go, new_part

__all__ = ["file_name", "folds_case", "refuse_alike"]

_LONGEST = 200
# What Windows takes for devices, with any ending.
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[1-9])(\.|$)")


def file_name(name: str, suffix: str = "") -> str:
    """
    A file name for an id, the same wherever ids become files.

    It lies in the folder that it is put into, whatever the id: separators,
    control characters, what other systems refuse, and dots at the beginning
    become ``%`` and two hexadecimal digits. Different ids have different
    names; what is too long is cut and ends in a digest.

    :param name: the id.
    :param suffix: ending of the file, such as ``".flac"``.
    :return: the name.
    :raises ValueError: the id is empty or no string.

    >>> file_name("clip-1", ".flac"), file_name("../../escaped")
    ('clip-1.flac', '%2E.%2F..%2Fescaped')
    """
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"the id {name!r} gives no file name: give a string that is not "
            "empty"
        )
    safe = "".join(
        letter
        if letter.isalnum() or letter in "-_. +,=@~()[]{}'!#$&;^"
        else quote(letter, safe="", errors="surrogatepass")
        for letter in name
    )
    if safe[0] in ". " or _DEVICE.match(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    if safe[-1] in ". " and not suffix:
        safe = f"{safe[:-1]}%{ord(safe[-1]):02X}"
    if len((safe + suffix).encode()) > _LONGEST:
        digest = hashlib.sha256(safe.encode()).hexdigest()[:16]
        room = _LONGEST - len(suffix.encode()) - 17
        safe = safe.encode()[:room].decode(errors="ignore") + "~" + digest
    return safe + suffix


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
