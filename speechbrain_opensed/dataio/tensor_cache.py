"""Tensors that are computed once: latents of clips, states of sentences.

With frozen encoders, most of a training step would go into computing again
what is known from the last epoch.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from lhotse_recipes.fingerprint import Stamp, digest
from lhotse_recipes.io import write_atomically

__all__ = ["TensorCache"]

INDEX = "index.json"
SHARD = 256


class TensorCache(Mapping):
    """A folder of named groups of tensors, read lazily.

    Use :meth:`make`. The folder is complete or it is not a cache: its index
    is written last. Tensors are mapped from disk, so a cache may be larger
    than memory and workers share its pages.

    Arguments
    ---------
    folder : str or Path
        One that :meth:`make` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no complete cache.

    Example
    -------
    >>> def squares(names):
    ...     return [{"square": torch.tensor(float(n) ** 2)} for n in names]
    >>> folder = getfixture("tmp_path")
    >>> cache = TensorCache.make(folder, ["2", "3"], squares, about="squares")
    >>> cache["3"]
    {'square': tensor(9.)}
    >>> len(cache), "4" in cache
    (2, False)
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        index = Stamp(self.folder / INDEX).read()
        if index is None:
            raise FileNotFoundError(
                f"{self.folder} holds no complete cache of tensors: have it "
                "made by TensorCache.make"
            )
        self.shard_size = index["about"]["shard_size"]
        names = index["about"]["names"]
        self._place = {name: k for k, name in enumerate(names)}
        self._shards: dict[int, Any] = {}

    @classmethod
    def make(
        cls,
        folder: str | Path,
        names: Sequence[str],
        compute: Callable[[list[str]], Sequence[Mapping[str, Tensor]]],
        about: Any,
        *,
        batch_size: int = 16,
        desc: str | None = None,
    ) -> "TensorCache":
        """Computes what is not there yet.

        What was computed before the run was stopped is not computed again.

        Arguments
        ---------
        folder : str or Path
            Gets a folder of its own for these names and `about`.
        names : sequence of str
            What to compute, each once.
        compute : callable
            Names to their tensors, by field.
        about : Any
            All that the tensors depend on, as plain data, e.g. the
            `fingerprint` of an encoder. Another `about`, or another version
            of this package: another cache.
        batch_size : int
            Names that are computed together.
        desc : str, optional
            What the progress bar says.

        Returns
        -------
        TensorCache
            The cache.

        Raises
        ------
        ValueError
            If a name occurs twice, or there is none.
        """
        names = list(names)
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"{len(names)} names, {len(names) - len(set(names))} of them "
                "repeated: give at least one, and each once"
            )
        made_from = {
            "about": about,
            "names": names,
            "shard_size": SHARD,
            "version": version("speechbrain-opensed"),
        }
        folder = Path(folder) / digest(made_from)
        stamp = Stamp(folder / INDEX, made_from)
        if not stamp.fits():
            with tqdm(
                total=len(names), desc=desc, disable=len(names) < 50
            ) as bar:
                for start in range(0, len(names), SHARD):
                    shard = names[start : start + SHARD]
                    path = folder / _shard_name(start // SHARD)
                    if not path.is_file():
                        _write_shard(path, shard, compute, batch_size)
                    bar.update(len(shard))
            stamp.write()
        return cls(folder)

    def __getitem__(self, name: str) -> dict[str, Tensor]:
        shard, row = divmod(self._place[name], self.shard_size)
        if shard not in self._shards:
            path = self.folder / _shard_name(shard)
            try:
                file = safe_open(path, "pt")
            except (SafetensorError, OSError) as error:
                raise ValueError(
                    f"{path} is damaged ({error}): remove {self.folder}, and "
                    "it is computed anew"
                ) from error
            fields: dict[int, list[tuple[str, str]]] = {}
            for stored in file.keys():  # noqa: SIM118 (no mapping)
                number, field = stored.split("/", 1)
                fields.setdefault(int(number), []).append((field, stored))
            self._shards[shard] = file, fields
        file, fields = self._shards[shard]
        return {field: file.get_tensor(key) for field, key in fields[row]}

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def __getstate__(self) -> dict[str, Any]:
        # Open files do not travel to workers.
        return {**self.__dict__, "_shards": {}}


def _shard_name(number: int) -> str:
    return f"shard-{number:05d}.safetensors"


def _write_shard(path, names, compute, batch_size) -> None:
    tensors = {}
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        with torch.no_grad():
            computed = compute(batch)
        for row, item in enumerate(computed, start):
            for field, tensor in item.items():
                # Rows of a batch share memory, which the format refuses.
                tensors[f"{row}/{field}"] = tensor.cpu().clone().contiguous()
    with write_atomically(path, "wb") as file:
        file.write(save(tensors))
