"""Audio below a folder, found by whatever an annotation file calls it."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from lhotse_recipes.building.corpus import AUDIO_SUFFIXES, find_files
from lhotse_recipes.clips import clip_id

__all__ = ["AudioIndex", "names_of"]

# "Title [video].m4a" of yt-dlp, "Title-video.m4a" of youtube-dl.
_TITLED = re.compile(r"(?:.*\[|.+-)([\w-]{11})\]?")


def names_of(path: str) -> Iterator[str]:
    """
    What an audio file may be asked for by.

    :param path: of the file.
    :return: its name without folders and suffix; where it may be the title
        of a YouTube video and the video's id, the id in brackets as well.

    >>> list(names_of("audio/Dogs in a yard [b0RFKhbpFJA].m4a"))
    ['Dogs in a yard [b0RFKhbpFJA]', '[b0RFKhbpFJA]']
    """
    name = _key(os.path.basename(path))
    yield name
    titled = _TITLED.fullmatch(name)
    if titled and f"[{titled[1]}]" != name:
        yield f"[{titled[1]}]"


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
        self._count = 0
        for path in find_files(root, AUDIO_SUFFIXES):
            self._count += 1
            for name in names_of(path):
                self._of_id.setdefault(name, []).append(path)

    def __len__(self) -> int:
        return self._count

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
        found = self.candidates(names, near)
        if len(found) > 1:
            raise ValueError(
                f"{' and '.join(found)}: two audio files for one clip; keep "
                "one or name a folder that has one"
            )
        return next(iter(found), None)

    def candidates(self, names: Iterable[str], near: str = "") -> list[str]:
        """
        All files that a clip may mean, after folders were compared.

        :param names: as in :meth:`find`.
        :param near: as in :meth:`find`.
        :return: paths, those of the first names first.
        """
        found: dict[str, None] = {}
        keys: set[str] = set()
        for name in names:
            key = _key(name)
            if key in keys:
                continue  # Named before, with more folders.
            if found and key.startswith("["):
                continue  # Perhaps the whole video of a clip that is there.
            keys.add(key)
            candidates = self._of_id.get(key, [])
            if len(candidates) > 1:
                candidates = self._narrowed(candidates, name, near)
            found.update(dict.fromkeys(candidates))
        return list(found)

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
