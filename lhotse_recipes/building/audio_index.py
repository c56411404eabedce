"""Audio below a folder, found by whatever an annotation file calls it."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from lhotse_recipes.building.corpus import AUDIO_SUFFIXES, find_files
from lhotse_recipes.clips import clip_id

__all__ = ["AudioIndex"]


class AudioIndex:
    """
    The audio files below a folder by name.

    :param root: the folder; links are followed.
    :raises FileNotFoundError: there is no such folder.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for part in "train", "test":
    ...     (root / part).mkdir()
    ...     _ = (root / part / "1.flac").write_bytes(b"")
    >>> audio = AudioIndex(root)
    >>> audio.find(["data\\\\test\\\\1.wav"]) == str(root / "test/1.flac")
    True
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self._of_id: dict[str, list[str]] = {}
        for path in find_files(root, AUDIO_SUFFIXES):
            name = os.path.basename(path)
            self._of_id.setdefault(_key(name), []).append(path)

    def __len__(self) -> int:
        return sum(map(len, self._of_id.values()))

    def find(self, names: Iterable[str], near: str = "") -> str | None:
        """
        The file of a clip.

        Suffixes need not agree. Of several files the one whose folders agree
        best with the name's is meant, then the one in a folder like ``near``.

        :param names: names or paths the file may go by, of any system; the
            fullest first.
        :param near: end of a folder's name such as ``"train/weak"``.
        :return: the path, or None.
        :raises ValueError: several files may be meant.
        """
        found: dict[str, None] = {}
        keys: set[str] = set()
        for name in names:
            key = _key(name)
            if key in keys:
                continue  # Named before, with more folders.
            keys.add(key)
            candidates = self._of_id.get(key, [])
            if len(candidates) > 1:
                candidates = self._narrowed(candidates, name, near)
            found.update(dict.fromkeys(candidates))
        if len(found) > 1:
            raise ValueError(
                f"{' and '.join(found)}: two audio files for one clip; keep "
                "one or name a folder that has one"
            )
        return next(iter(found), None)

    def _narrowed(self, paths: list[str], name: str, near: str) -> list[str]:
        wanted = _parts(name)[:-1]
        folders = {path: _parts(path)[:-1] for path in paths}
        paths = _best(paths, lambda path: _agreement(folders[path], wanted))
        inner = f"/{near.strip('/')}/"
        return _best(
            paths,
            lambda path: bool(near) and inner in f"/{'/'.join(folders[path])}/",
        )


def _best(paths, merit):
    merits = [merit(path) for path in paths]
    return [
        path
        for path, one in zip(paths, merits, strict=True)
        if one == max(merits)
    ]


def _key(name: str) -> str:
    # macOS writes accents apart from their letters.
    return unicodedata.normalize("NFC", clip_id(name))


def _parts(path: str) -> list[str]:
    return path.replace("\\", "/").split("/")


def _agreement(folders: list[str], wanted: list[str]) -> int:
    count = 0
    for ours, theirs in zip(reversed(folders), reversed(wanted), strict=False):
        if ours != theirs:
            break
        count += 1
    return count
