"""Embeddings of clips, computed once per clip, crop and model, kept on disk.

With a frozen audio encoder, training prompts needs its output alone: hours
of audio become a small table.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch
from lhotse.cut import Cut
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from lhotse_recipes.fingerprint import Stamp, audio_key, digest
from lhotse_recipes.io import PrepareReport, write_atomically
from speechbrain_opensed.core.levels import check_level
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import load_waves

__all__ = [
    "FeatureCache",
    "Features",
    "centre_crop",
    "read_features",
]


@dataclass(frozen=True)
class Features:
    """Embeddings of clips.

    Arguments
    ---------
    ids : tuple of str
        Ids of the cuts, in their order.
    embeddings : torch.Tensor
        `[clips, dim]`.
    report : PrepareReport
        How many were computed or found, and what could not be read.

    Example
    -------
    >>> Features(("a", "b"), torch.eye(2)).of(["b"]).tolist()
    [[0.0, 1.0]]
    """

    ids: tuple[str, ...]
    embeddings: Tensor
    report: PrepareReport = field(
        default_factory=lambda: PrepareReport("features", "all"), repr=False
    )

    def of(self, ids: Iterable[str]) -> Tensor:
        """Rows of some clips, in the order asked for."""
        row = {name: number for number, name in enumerate(self.ids)}
        return self.embeddings[[row[name] for name in ids]]


class FeatureCache:
    """A folder of embeddings that grows as new clips come.

    A clip is known by its file's path, size and time of change and by the
    part of it that is meant. Embeddings are written block by block; each
    block appears whole or not at all, so a run that was stopped goes on
    where it was.

    Arguments
    ---------
    folder : str or Path
        Where the blocks are kept, in a folder of their own for each model
        and crop.
    tower : str
        What identifies the model, best a hash of its weights.
    sample_rate : int
        That of the model. Audio of another rate is converted, several
        channels are averaged.
    seconds : float, optional
        Longest part of a clip that is heard: its middle. None: all of it.
    normalize : str, optional
        `peak`: each clip is divided by its largest absolute sample. None:
        levels stay.
    block_size : int
        Clips that are read, embedded and written together.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=2.0, with_data=True)
    >>> cache = FeatureCache(getfixture("tmp_path"), "mean", 16000, seconds=1.0)
    >>> def mean(wavs, wav_lens):
    ...     return wavs.mean(1, keepdim=True)
    >>> features = cache([cut], mean)
    >>> features.embeddings.shape, features.report.counts
    (torch.Size([1, 1]), {'found': 0, 'computed': 1})
    >>> cache([cut], mean).report.counts
    {'found': 1, 'computed': 0}
    """

    def __init__(
        self,
        folder: str | Path,
        tower: str,
        sample_rate: int,
        *,
        seconds: float | None = 10.0,
        normalize: str | None = None,
        block_size: int = 32,
    ):
        check_level(normalize)
        self.about = {
            "tower": tower,
            "normalize": normalize,
            "sample_rate": sample_rate,
            "crop": "whole" if seconds is None else f"middle {seconds:g} s",
            "version": version("speechbrain-opensed"),
        }
        self.folder = Path(folder) / digest(self.about)
        self.sample_rate = sample_rate
        self.seconds = seconds
        self.normalize = normalize
        self.block_size = block_size

    def __call__(
        self,
        cuts: Iterable[Cut],
        embed: Callable[[Tensor, Tensor], Tensor],
        num_workers: int = 0,
        name: str = "all",
    ) -> Features:
        """Looks clips up, and embeds those that are new.

        Arguments
        ---------
        cuts : iterable of Cut
            The clips, of distinct ids.
        embed : callable
            Takes waves `[batch, samples]`, zeros behind shorter ones, and
            their relative lengths `[batch]`; gives `[batch, dim]`.
        num_workers : int
            Processes that read audio.
        name : str
            What the clips are called in the report.

        Returns
        -------
        Features
            Of all clips that can be read. The others are in its report.

        Raises
        ------
        ValueError
            If no clip can be read, two have one id, or a block is damaged.
        """
        cuts = list(cuts)
        keys = {cut.id: audio_key(cut) for cut in cuts}
        if len(keys) < len(cuts):
            raise ValueError(
                f"{len(cuts) - len(keys)} clips have ids of others: give each "
                "its own, so that results can be traced to them"
            )
        report = PrepareReport("features", name)
        rows = self._stored()
        new = [cut for cut in cuts if keys[cut.id] not in rows]
        report.count("found", len(cuts) - len(new))
        report.count("computed", 0)
        for block, embedded in self._embedded(new, embed, num_workers, report):
            names = [keys[cut.id] for cut in block]
            self._write(names, embedded)
            rows.update(zip(names, embedded, strict=True))
            report.count("computed", len(block))
        known = [cut.id for cut in cuts if keys[cut.id] in rows]
        if not known:
            raise ValueError(
                f"none of {len(cuts)} clips can be read: {report.summary()}"
            )
        report.coverage = (len(known), len(cuts))
        report.ids = known
        table = torch.stack([rows[keys[one]] for one in known])
        return Features(tuple(known), table, report)

    def _embedded(self, cuts, embed, num_workers, report) -> Iterator:
        """Blocks of readable cuts and what the model makes of them."""
        read = torch.utils.data.DataLoader(
            _Waves(cuts, self.sample_rate, self.seconds, self.normalize),
            batch_size=self.block_size,
            num_workers=num_workers,
            collate_fn=list,
            generator=torch.Generator(),
        )
        with tqdm(
            total=len(cuts), desc="audio features", disable=len(cuts) < 50
        ) as bar:
            for number, waves in enumerate(read):
                start = number * self.block_size
                block = []
                for cut, wave in zip(
                    cuts[start : start + self.block_size], waves, strict=True
                ):
                    if isinstance(wave, str):
                        report.drop("unreadable audio", wave)
                    else:
                        block.append((cut, wave))
                bar.update(len(waves))
                if not block:
                    continue
                lengths = torch.tensor([float(len(w)) for _, w in block])
                padded = torch.nn.utils.rnn.pad_sequence(
                    [wave for _, wave in block], batch_first=True
                )
                with torch.no_grad():
                    embedded = embed(padded, lengths / padded.shape[1])
                yield [cut for cut, _ in block], embedded.float().cpu()

    def _stored(self) -> dict[str, Tensor]:
        rows: dict[str, Tensor] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                with safe_open(path, "pt") as block:
                    names = json.loads(block.metadata()["clips"])
                    table = block.get_tensor("embeddings")
                rows.update(zip(names, table, strict=True))
            except (SafetensorError, KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path} is no block of features ({error}): remove it, "
                    "and it is computed anew"
                ) from error
        return rows

    def _write(self, names: list[str], table: Tensor) -> None:
        stamp = Stamp(self.folder / "cache.json", self.about)
        if not stamp.fits():
            stamp.write()
        path = self.folder / f"{digest(names)}.safetensors"
        with write_atomically(path, "wb") as file:
            file.write(
                save(
                    {"embeddings": table.contiguous()},
                    {"clips": json.dumps(names)},
                )
            )


class _Waves(torch.utils.data.Dataset):
    """Reads cuts; of one that cannot be read it says why."""

    def __init__(self, cuts, sample_rate, seconds, normalize):
        self.cuts = cuts
        self.sample_rate = sample_rate
        self.seconds = seconds
        self.normalize = normalize

    def __len__(self):
        return len(self.cuts)

    def __getitem__(self, index) -> Tensor | str:
        cut = self.cuts[index]
        if self.seconds is not None:
            cut = centre_crop(cut, self.seconds)
        spec = SedSpec(self.sample_rate, window_seconds=cut.duration)
        try:
            wave, _, _ = load_waves([cut], spec, self.normalize)
        except (ValueError, FileNotFoundError) as error:
            return str(error)
        return wave[0]


def centre_crop(cut: Cut, seconds: float) -> Cut:
    """The middle of a cut, the same in every run.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        Any cut.
    seconds : float
        How much to keep; shorter cuts are kept whole.

    Returns
    -------
    lhotse.cut.Cut
        The part.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> part = centre_crop(dummy_cut(0, duration=10.0), 4.0)
    >>> part.start, part.duration
    (3.0, 4.0)
    """
    if cut.duration <= seconds:
        return cut
    return cut.truncate(
        offset=(cut.duration - seconds) / 2, duration=seconds, preserve_id=True
    )


def read_features(path: str | Path, ids: Iterable[str]) -> Features:
    """Embeddings that were computed elsewhere.

    Arguments
    ---------
    path : str or Path
        `.safetensors` or `.npz`, see
        :class:`~speechbrain_opensed.lobes.text.encoders.TableTextEncoder`:
        one vector per id of a cut.
    ids : iterable of str
        The clips that are wanted.

    Returns
    -------
    Features
        Of those that the table holds; the report names the others.

    Raises
    ------
    ValueError
        If the file has another content or holds none of the clips.
    FileNotFoundError
        If there is no such file.

    Example
    -------
    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "t.npz"
    >>> np.savez(path, labels=["a"], embeddings=[[1.0, 2.0]])
    >>> read_features(path, ["a", "b"]).report.dropped
    {'no embedding': ['b']}
    """
    from speechbrain_opensed.lobes.text.encoders import TableTextEncoder

    table = TableTextEncoder(path)
    report = PrepareReport("features", Path(path).name)
    known = []
    for name in ids:
        if table.canonical(name) is None:
            report.drop("no embedding", name)
        else:
            known.append(name)
    if not known:
        raise ValueError(
            f"{path} holds no embedding of any of the clips, such as "
            f"{report.dropped['no embedding'][0]}: its names have to be the "
            "ids of the cuts"
        )
    report.count("found", len(known))
    report.ids = known
    return Features(tuple(known), table(known), report)
