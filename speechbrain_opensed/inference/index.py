"""An index of a folder of recordings that is searched by text.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from speechbrain.utils.logger import get_logger
from torch import Tensor
from tqdm import tqdm

from lhotse_recipes.outputs import locked, write_atomically
from lhotse_recipes.sound import READABLE
from lhotse_recipes.sound.finding import walk_files

__all__ = ["Hit", "SoundIndex"]

logger = get_logger(__name__)

#: Where the index of a folder lies, if nothing else is said.
DEFAULT_NAME = ".opensed-index"
_INDEX = "index.json"
_ROWS = "embeddings-{}.safetensors"
_OURS = re.compile(r"embeddings-[0-9a-f]{16}\.safetensors")
# How much work is lost at most where the machine stops.
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Hit:
    """A recording that was found.

    Arguments
    ---------
    path : str
        The file.
    similarity : float
        Cosine of the embeddings of file and text.
    score : float
        Probability that the text fits, by the model.

    Example
    -------
    >>> Hit("yard.wav", similarity=0.8, score=0.9).path
    'yard.wav'
    """

    path: str
    similarity: float
    score: float


@dataclass
class SoundIndex:
    """Embeddings of the recordings of a folder, kept on disk.

    A folder with `index.json` and a file of embeddings that it names; the
    former is replaced last, so that the two always fit.

    Arguments
    ---------
    root : Path
        The recordings' folder.
    folder : Path
        Where the index lies.
    model : str
        Fingerprint of the model that it was made with.
    files : dict
        Path below the root to size and time of change of what was heard.
    embeddings : torch.Tensor
        `[files, dim]`.
    failed : dict
        Path to `{"stat", "reason"}` of what could not be heard.
    encoded : int
        How many files were heard at the last update.
    removed : int
        How many were no longer there.
    passed_over : list of str
        Files that are no sound by their suffix, at the last update.

    Example
    -------
    >>> SoundIndex.load("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no index at nowhere: make one with `opensed search`
    """

    root: Path
    folder: Path
    model: str
    files: dict[str, list[int]] = field(default_factory=dict)
    embeddings: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    failed: dict[str, dict] = field(default_factory=dict)
    encoded: int = 0
    removed: int = 0
    passed_over: list[str] = field(default_factory=list)
    _rows_file: str | None = field(default=None, repr=False)
    _heard_by: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, folder) -> "SoundIndex":
        """Read an index.

        Arguments
        ---------
        folder : str or Path
            Where it lies.

        Returns
        -------
        SoundIndex
            The index.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is damaged.
        """
        folder = Path(folder)
        if not (folder / _INDEX).is_file():
            raise FileNotFoundError(
                f"no index at {folder}: make one with `opensed search`"
            )
        try:
            about, rows = _read_whole(folder)
            index = cls(
                root=(folder / about["root"]).resolve(),
                folder=folder,
                model=about["model"],
                files=about["files"],
                embeddings=rows,
                failed=about["failed"],
                _rows_file=_named_rows(folder),
            )
            if rows.ndim != 2 or len(rows) != len(index.files):
                raise ValueError(f"{len(rows)} rows, {len(index.files)} files")
        except (
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
            OSError,
            SafetensorError,
        ) as error:
            raise ValueError(
                f"the index {folder} is damaged ({error}): remove it, it will "
                "be made anew"
            ) from error
        return index

    @classmethod
    def update(
        cls, aligner, root, folder=None, batch_size: int = 8
    ) -> "SoundIndex":
        """Hear what is new or has changed, and forget what is gone.

        Files count as changed if their size or time of change differs. What
        cannot be heard is noted with the reason, and tried again when it
        changes. The index is saved now and then, and when the update is
        interrupted: the next one goes on from there. With other weights it
        begins anew.

        Arguments
        ---------
        aligner : AudioTextAligner
            The model.
        root : str or Path
            The recordings, also in folders below.
        folder : str or Path, optional
            Where the index lies; default: `.opensed-index` in the root.
        batch_size : int
            Files that are encoded at once.

        Returns
        -------
        SoundIndex
            The index of all that is there.

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or no recording in it.
        OSError
            If the index cannot be written, or another update is under way.
        """
        root = Path(root)
        if not root.is_dir():
            raise FileNotFoundError(f"no folder {root}: check the path")
        folder = root / DEFAULT_NAME if folder is None else Path(folder)
        found, passed_over = {}, []
        for path in sorted(walk_files(root)):
            if Path(path).suffix.lower() not in READABLE:
                if folder.resolve() not in Path(path).resolve().parents:
                    passed_over.append(path)
                continue
            status = os.stat(path)
            name = Path(os.path.relpath(path, root)).as_posix()
            found[name] = [status.st_size, status.st_mtime_ns]
        if not found:
            raise FileNotFoundError(
                f"no recordings in {root}: they end in " + ", ".join(READABLE)
            )
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _INDEX):
            index = cls._begin(aligner, root, folder)
            index._forget(found)
            new = [
                name
                for name in found
                if name not in index.files and name not in index.failed
            ]
            if new or index.removed or not (folder / _INDEX).is_file():
                index._hear(aligner, new, found, batch_size)
            index._heard_by = aligner
        index.passed_over = passed_over
        return index

    @classmethod
    def _begin(cls, aligner, root, folder):
        model = aligner.fingerprint()
        if (folder / _INDEX).is_file():
            try:
                index = cls.load(folder)
            except ValueError as error:
                logger.warning("%s; doing so", error)
            else:
                if index.model == model and index.root == root.resolve():
                    return index
                logger.warning(
                    "the index %s was made with another model or of another "
                    "folder: making it anew",
                    folder,
                )
        return cls(
            root.resolve(), folder, model, _rows_file=_named_rows(folder)
        )

    def _forget(self, found):
        """Leave only what is there unchanged."""
        names = list(self.files)
        kept = [
            row
            for row, name in enumerate(names)
            if found.get(name) == self.files[name]
        ]
        self.removed = sum(name not in found for name in names)
        if len(kept) < len(names):
            self.embeddings = self.embeddings[kept]
            self.files = {names[row]: self.files[names[row]] for row in kept}
        self.failed = {
            name: about
            for name, about in self.failed.items()
            if found.get(name) == about["stat"]
        }

    def _hear(self, aligner, new, found, batch_size):
        rows, saved = [self.embeddings], time.monotonic()
        waves = self._read(aligner, new, found)
        try:
            for names, clips in aligner.encode(waves, batch_size):
                rows.append(clips.float().cpu())
                self.files.update((name, found[name]) for name in names)
                self.encoded += len(names)
                if time.monotonic() - saved > _SAVE_SECONDS:
                    rows = [self._save(rows)]
                    saved = time.monotonic()
        finally:
            self._save(rows)

    def _read(self, aligner, new, found):
        """Samples of the files that can be read."""
        for name in tqdm(new, desc="index", unit="file", delay=2):
            try:
                wave = aligner.read_file(self.root / name)
            except (ValueError, OSError) as error:
                reason = " ".join(str(error).split())
                self.failed[name] = {"stat": found[name], "reason": reason}
            else:
                yield name, wave

    def _save(self, rows):
        rows = torch.cat([part for part in rows if len(part)] or rows[:1])
        names = list(self.files)
        order = sorted(range(len(names)), key=names.__getitem__)
        self.embeddings = rows[order].contiguous()
        self.files = {names[row]: self.files[names[row]] for row in order}
        name = _ROWS.format(secrets.token_hex(8))
        with write_atomically(self.folder / name, "wb") as file:
            file.write(save({"clips": self.embeddings}))
        about = {
            "model": self.model,
            "version": version("speechbrain-opensed"),
            "root": os.path.relpath(self.root, self.folder.resolve()),
            "embeddings": name,
            "files": self.files,
            "failed": self.failed,
        }
        with write_atomically(self.folder / _INDEX) as file:
            json.dump(about, file, indent=1, ensure_ascii=False)
        # Others may keep embeddings here: only what the index named goes.
        if self._rows_file is not None:
            (self.folder / self._rows_file).unlink(missing_ok=True)
        self._rows_file = name
        return self.embeddings

    def search(
        self, aligner, texts: Sequence[str], top: int = 10
    ) -> list[list[Hit]]:
        """Find the recordings that fit texts best.

        Arguments
        ---------
        aligner : AudioTextAligner
            The model that the index was made with.
        texts : sequence of str
            What to look for.
        top : int
            How many recordings to name for each text.

        Returns
        -------
        list of list of Hit
            For each text the best recordings, best first; in the order of
            paths where they fit alike.

        Raises
        ------
        ValueError
            If no recording could be heard, `top` is not positive, or the
            model is another than that of the index.
        """
        if top < 1:
            raise ValueError(f"top is {top}: give 1 or more")
        if self._heard_by is not aligner:
            if aligner.fingerprint() != self.model:
                raise ValueError(
                    f"the index {self.folder} was made with another model: "
                    "update it with this one"
                )
            self._heard_by = aligner
        if not self.files:
            raise ValueError(
                f"none of the {len(self.failed)} recordings in {self.root} "
                "could be heard"
            )
        queries = aligner.encode_texts(texts)
        clips = self.embeddings.to(queries.device)
        similar = aligner.similarity(clips, queries).T.cpu()
        scores = aligner.scores(clips, queries).T.cpu()
        names = list(self.files)
        order = similar.argsort(dim=1, descending=True, stable=True)
        return [
            [
                Hit(
                    str(self.root / names[row]),
                    float(similar[query, row]),
                    float(scores[query, row]),
                )
                for row in best[:top].tolist()
            ]
            for query, best in enumerate(order)
        ]


def _read_whole(folder):
    """What the index says and the rows it names, of one and the same state."""
    while True:
        text = (folder / _INDEX).read_text("utf-8")
        about = json.loads(text)
        try:
            path = folder / Path(about["embeddings"]).name
            return about, load_file(path)["clips"]
        except (FileNotFoundError, SafetensorError):
            # An update may have replaced both in between.
            if (folder / _INDEX).read_text("utf-8") == text:
                raise


def _named_rows(folder):
    """The rows of an index that is made anew, if it names any of ours."""
    try:
        about = json.loads((folder / _INDEX).read_text("utf-8"))
        name = Path(about["embeddings"]).name
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if _OURS.fullmatch(name) else None
