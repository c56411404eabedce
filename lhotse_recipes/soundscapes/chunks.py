"""A long result made of parts that survive an interruption."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lhotse_recipes.fingerprint import Stamp
from lhotse_recipes.io import write_atomically
from lhotse_recipes.soundscapes.planner import Scene, Settings

__all__ = ["Chunks", "key_of"]


class Chunks:
    """
    Parts of a file beside it, in a hidden folder, until it is whole.

    :param path: the file to be.
    :param key: what the parts depend on; parts of another key are discarded.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "all.bin"
    >>> chunks = Chunks(path, "a")
    >>> chunks.put(0, b"one", {"n": 1})
    >>> 0 in Chunks(path, "a"), 0 in Chunks(path, "b")
    (True, False)
    """

    def __init__(self, path: str | Path, key: str):
        self.path = Path(path)
        self.folder = self.path.with_name(f".{self.path.name}.parts")
        stamp = Stamp(self.folder / "key.json", {"key": key})
        if not stamp.fits():
            shutil.rmtree(self.folder, ignore_errors=True)
            stamp.write()

    def __contains__(self, number: int) -> bool:
        return self._name(number, "json").is_file()

    def put(self, number: int, content: bytes, about: Any) -> None:
        """
        Keep a part.

        :param number: its place.
        :param content: its bytes.
        :param about: plain data to keep with it.
        """
        with write_atomically(self._name(number, "bin"), "wb") as file:
            file.write(content)
        with write_atomically(self._name(number, "json")) as file:
            json.dump(about, file, ensure_ascii=False)

    def about(self, number: int) -> Any:
        """
        What was kept with a part.

        :param number: its place.
        :return: plain data.
        """
        return json.loads(self._name(number, "json").read_text("utf-8"))

    def finish(self, numbers: Iterable[int]) -> None:
        """
        Write the file from its parts, and remove them.

        :param numbers: the parts in order.
        """
        with write_atomically(self.path, "wb") as file:
            for number in numbers:
                with open(self._name(number, "bin"), "rb") as part:
                    shutil.copyfileobj(part, file)
        shutil.rmtree(self.folder)

    def _name(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:08d}.{suffix}"


def key_of(scene: Scene, settings: Settings, *more: Any) -> str:
    """
    A digest of all that a simulation depends on.

    :param scene: the sources.
    :param settings: the ranges.
    :param more: further plain data.
    :return: hexadecimal digits.
    """
    digest = hashlib.sha256()
    sources = [source for some in scene.events for source in some]
    for source in [*sources, *scene.backgrounds]:
        fields = (
            source.recording.to_dict(),
            source.channel,
            source.start,
            source.num_samples,
            source.label,
            source.phrase,
            source.mid,
        )
        digest.update(json.dumps(fields, default=str).encode())
        digest.update(source.levels.tobytes())
    rooms = [room.to_dict() for room in scene.rooms]
    rest = (asdict(settings), scene.vocabulary, rooms, more)
    digest.update(json.dumps(rest, default=str).encode())
    return digest.hexdigest()
