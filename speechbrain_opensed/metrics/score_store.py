"""Scores of many clips on disk, read as if they were a dict of arrays.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lhotse_recipes.holding import let_go, new_part
from lhotse_recipes.json_files import read_json

__all__ = ["ScoreStore", "ScoreWriter", "num_frames"]

_SCORES, _INDEX = "scores.npy", "index.json"


class ScoreStore(Mapping):
    """Scores in one memory-mapped file, with an index beside it.

    A folder with ``scores.npy``, `[clips, frames, classes]`, and
    ``index.json``. It maps clips to arrays `[frames, classes]` without the
    frames that only fill up, so `compute_psds` takes it for its scores;
    nothing is read before it is needed.

    Arguments
    ---------
    folder : str | Path
        What a :class:`ScoreWriter` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such store.
    ValueError
        If scores and index do not belong together.

    Example
    -------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "scores"
    >>> with ScoreWriter(folder, ["dog"], 0.04, num_frames=250) as writer:
    ...     writer.append(["a", "b"], np.zeros((2, 250, 1)), [10.0, 4.0])
    >>> store = ScoreStore(folder)
    >>> store["b"].shape, store.durations["b"], store.classes
    ((100, 1), 4.0, ['dog'])
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / _INDEX).is_file():
            raise FileNotFoundError(
                f"{self.folder} holds no scores ({_INDEX} is missing): give a "
                "folder that ScoreWriter wrote"
            )
        index = read_json(self.folder / _INDEX, dict)
        try:
            self.classes = [str(name) for name in index["classes"]]
            self.hop_seconds = float(index["hop_seconds"])
            self.about = dict(index.get("about", {}))
            clips = dict(index["clips"])
            self.durations = {c: float(clips[c]["seconds"]) for c in clips}
            self._frames = [int(clips[c]["frames"]) for c in clips]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.folder / _INDEX} is no index of scores ({error!r}): "
                "choose another folder, or write the scores again"
            ) from error
        try:
            self._scores = np.load(
                self.folder / _SCORES, mmap_mode="r", allow_pickle=False
            )
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"{self.folder / _SCORES} is damaged ({error}): write the "
                "scores again"
            ) from error
        expected = len(self.durations), len(self.classes)
        longest = max(self._frames, default=0)
        shape = self._scores.shape
        if shape[::2] != expected or longest > shape[1]:
            raise ValueError(
                f"{self.folder / _SCORES} has shape {self._scores.shape}, but "
                f"{_INDEX} tells of {expected[0]} clips, {expected[1]} "
                f"classes and {longest} frames: write the scores again"
            )
        self._rows = {clip: row for row, clip in enumerate(self.durations)}

    def __getitem__(self, clip: str) -> np.ndarray:
        row = self._rows[clip]
        return self._scores[row, : self._frames[row]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class ScoreWriter:
    """Writes a :class:`ScoreStore` batch by batch, whole or not at all.

    Used as a context manager: the folder appears when the block ends well.

    Arguments
    ---------
    folder : str | Path
        Where the store shall be; must not exist.
    classes : list[str]
        What the columns stand for.
    hop_seconds : float
        Duration of a frame.
    num_frames : int
        Frames that are stored of each clip.
    dtype : str
        ``"float32"``, or ``"float16"`` for half the size: then close scores
        may tie, which changes curves a little.
    about : Mapping
        What the scores are made from, as plain data; the store's `about`.

    Example
    -------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "scores"
    >>> with ScoreWriter(folder, ["dog", "cat"], 0.04, 250) as writer:
    ...     writer.append(["a"], np.zeros((1, 250, 2)), [10.0])
    >>> list(ScoreStore(folder))
    ['a']
    """

    def __init__(
        self,
        folder: str | Path,
        classes: Sequence[str],
        hop_seconds: float,
        num_frames: int,
        dtype: str = "float32",
        *,
        about: Mapping[str, Any] | None = None,
    ):
        self.folder = Path(folder)
        if dtype not in ("float16", "float32"):
            raise ValueError(f"dtype is {dtype!r}: float16 or float32")
        self.classes = [str(label) for label in classes]
        self.hop_seconds = hop_seconds
        self.num_frames = num_frames
        self.dtype = np.dtype(dtype)
        self.about = dict(about or {})
        self._clips: dict[Any, Any] = {}

    def __enter__(self) -> "ScoreWriter":
        if self.folder.exists():
            raise FileExistsError(
                f"{self.folder} exists already: remove it or write elsewhere"
            )
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._part, self._held = new_part(self.folder.parent, is_folder=True)
        self._file = open(self._part / _SCORES, "wb")
        self._write_header()
        return self

    def append(
        self,
        ids: Sequence[str],
        scores: np.ndarray,
        durations: Iterable[float],
    ) -> None:
        """Add a batch.

        Arguments
        ---------
        ids : list[str]
            Names of the clips, each only once.
        scores : np.ndarray
            `[batch, frames, classes]`; fewer frames than ``num_frames`` are
            filled up with zeros, which nobody reads.
        durations : Iterable[float]
            Seconds of each clip.

        Raises
        ------
        ValueError
            If a clip occurs twice, or the sizes do not fit.
        """
        scores = np.asarray(scores, self.dtype)
        durations = [float(seconds) for seconds in durations]
        frames = scores.shape[1] if scores.ndim == 3 else -1
        needed = (len(ids), frames, len(self.classes))
        if scores.shape != needed or not 0 < frames <= self.num_frames:
            raise ValueError(
                f"scores have shape {scores.shape}, needed: [{len(ids)} "
                f"clips, at most {self.num_frames} frames, "
                f"{len(self.classes)} classes]"
            )
        for clip, seconds in zip(ids, durations, strict=True):
            if clip in self._clips:
                raise ValueError(f"clip {clip!r} came twice: stored already")
            kept = min(frames, num_frames(seconds, self.hop_seconds))
            self._clips[clip] = {"seconds": seconds, "frames": kept}
        missing = self.num_frames - frames
        padded = np.pad(scores, ((0, 0), (0, missing), (0, 0)))
        self._file.write(padded.tobytes())

    def __exit__(self, error_type: Any, error: Any, traceback: Any) -> None:
        try:
            with self._file:
                self._file.seek(0)
                self._write_header()
            if error_type is None:
                index = {
                    "classes": self.classes,
                    "hop_seconds": self.hop_seconds,
                    "about": self.about,
                    "clips": self._clips,
                }
                text = json.dumps(index)
                (self._part / _INDEX).write_text(text, "utf-8")
                self._part.replace(self.folder)
        finally:
            shutil.rmtree(self._part, ignore_errors=True)
            let_go(self._held)

    def _write_header(self):
        # numpy leaves room in the header for the first axis to grow.
        shape = len(self._clips), self.num_frames, len(self.classes)
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def num_frames(seconds: float, hop_seconds: float) -> int:
    """Frames that begin within a clip, at least one.

    Arguments
    ---------
    seconds : float
        Duration of the clip.
    hop_seconds : float
        Duration of a frame.

    Returns
    -------
    int

    Example
    -------
    >>> num_frames(10.0, 0.04), num_frames(9.97, 0.04), num_frames(0.01, 0.04)
    (250, 250, 1)
    """
    return max(1, math.ceil(round(seconds / hop_seconds, 6)))
