"""Compare recordings with texts by embeddings of both.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lhotse_recipes.sound import (
    announce_conversion,
    inspect_audio,
    mono_blocks,
)
from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.inference.clip_batches import (
    batch_waves,
    pad_clips,
    signal_lengths,
)
from speechbrain_opensed.inference.interface import SoundInterface

__all__ = ["AudioTextAligner"]

# What is longer together is encoded one by one.
_BATCH_SECONDS = 300.0
_TEXTS_AT_ONCE = 64


class AudioTextAligner(SoundInterface):
    """Embeds recordings of any length and texts in one space.

    Loads what `SoundEventDetector` loads, as long as the model is FineLAP:
    an export's folder (`from_hparams`), released weights (`from_finelap`),
    or either (`from_source`).

    Arguments
    ---------
    modules : dict
        `model` with `encode_audio(wav, wav_lens)`, `encode_phrases(texts)`
        and `clip_scores(clips, texts)`.
    hparams : dict
        `spec`, the :class:`SedSpec` of the model.
    run_opts : dict, optional
        `device`.
    freeze_params : bool
        Whether the modules are set to `eval` and lose their gradients.

    Raises
    ------
    ValueError
        If the model has no embeddings of clips and texts.

    Example
    -------
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> model = FineLAP.tiny()
    >>> aligner = AudioTextAligner(
    ...     {"model": model}, {"spec": model.spec}, {"device": "cpu"}
    ... )
    >>> clips = aligner.encode_batch(torch.rand(2, 8000))
    >>> texts = aligner.encode_texts(["dog barking", "It rains.", "wind"])
    >>> aligner.similarity(clips, texts).shape
    torch.Size([2, 3])
    """

    MODULES_NEEDED = ["model"]

    def __init__(
        self,
        modules: dict | None = None,
        hparams: dict | None = None,
        run_opts: dict | None = None,
        freeze_params: bool = True,
    ):
        super().__init__(modules, hparams, run_opts, freeze_params)
        for method in ("encode_audio", "encode_phrases", "clip_scores"):
            if not hasattr(self.mods.model, method):
                raise ValueError(
                    f"{type(self.mods.model).__name__} has no embeddings of "
                    "clips and texts: give a FineLAP; with other detectors, "
                    "use SoundEventDetector"
                )

    def encode_file(self, path: Any) -> Tensor:
        """Embedding of a sound file; see :meth:`encode_files`: `[dim]`."""
        return self.encode_files([path])[0]

    def encode_files(self, paths: Sequence, batch_size: int = 8) -> Tensor:
        """Embeddings of sound files of any rate, channel count and length.

        What is longer than a window of the model is heard in windows.

        Arguments
        ---------
        paths : sequence of str or Path
            The files.
        batch_size : int
            Files that are read and encoded at once, fewer if they are long.

        Returns
        -------
        torch.Tensor
            `[files, dim]`, of norm 1.

        Raises
        ------
        FileNotFoundError
            If a file is missing.
        ValueError
            If a file cannot be used, or there is none.
        """
        if not len(paths):
            raise ValueError("no files: give one at least")
        waves = ((path, self.read_file(path)) for path in paths)
        return torch.cat([rows for _, rows in self.encode(waves, batch_size)])

    def encode_batch(
        self, wavs: Tensor, wav_lens: Tensor | None = None
    ) -> Tensor:
        """Embeddings of signals at the model's rate.

        Arguments
        ---------
        wavs : torch.Tensor
            `[batch, samples]`.
        wav_lens : torch.Tensor, optional
            Length of each relative to `samples`, `[batch]`; default: full.

        Returns
        -------
        torch.Tensor
            `[batch, dim]`, of norm 1.

        Raises
        ------
        ValueError
            If the shapes do not fit, or a signal is empty or not finite.
        """
        if wavs.ndim != 2 or 0 in wavs.shape:
            raise ValueError(
                f"wavs of shape {list(wavs.shape)}: give [batch, samples]"
            )
        lengths = signal_lengths(wavs, wav_lens)
        waves = (
            (row, wav[: lengths[row]])
            for row, wav in enumerate(wavs.float().cpu().numpy())
        )
        return torch.cat([rows for _, rows in self.encode(waves)])

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of captions or phrases.

        Arguments
        ---------
        texts : sequence of str
            The texts, which are used as they are.

        Returns
        -------
        torch.Tensor
            `[texts, dim]`, of norm 1.

        Raises
        ------
        ValueError
            If there is no text, or one is blank.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts or not all(text.strip() for text in texts):
            raise ValueError(f"texts {texts}: give one at least, none blank")
        with torch.no_grad():
            return torch.cat(
                [
                    self.mods.model.encode_phrases(
                        texts[i : i + _TEXTS_AT_ONCE]
                    )
                    for i in range(0, len(texts), _TEXTS_AT_ONCE)
                ]
            )

    def similarity(self, clips: Tensor, texts: Tensor) -> Tensor:
        """Cosines of embeddings, `[clips, texts]`."""
        return clips.float() @ texts.float().T

    def scores(self, clips: Tensor, texts: Tensor) -> Tensor:
        """Probabilities that texts fit clips, `[clips, texts]`."""
        with torch.no_grad():
            return self.mods.model.clip_scores(clips, texts)

    def read_file(self, path: str | Path) -> np.ndarray:
        """A sound file's samples at the model's rate, channels averaged.

        Arguments
        ---------
        path : str or Path
            The file.

        Returns
        -------
        np.ndarray
            `[samples]`, float32.

        Raises
        ------
        FileNotFoundError
            If the file is missing.
        ValueError
            If it cannot be used; the message names it.
        """
        rate = self.spec.sample_rate
        announce_conversion(inspect_audio(path), rate, self._announced)
        return np.concatenate(list(mono_blocks(path, rate)))

    def encode(
        self, waves: Iterable[tuple], batch_size: int = 8
    ) -> Iterator[tuple[list, Tensor]]:
        """Embeddings of a stream of signals, batch by batch.

        Arguments
        ---------
        waves : iterable of (key, np.ndarray)
            Any key, and samples `[time]` at the model's rate.
        batch_size : int
            Signals that are encoded at once, fewer if they are long.

        Yields
        ------
        (list, torch.Tensor)
            Keys, and embeddings `[signals, dim]` of norm 1.

        Raises
        ------
        ValueError
            If a sample is no number.
        """
        model = self.mods.model
        most = round(_BATCH_SECONDS * self.spec.sample_rate)
        keys: list
        for keys, batch in batch_waves(waves, batch_size, most):
            wavs, lengths = pad_clips(batch, self.spec, model.least_samples)
            finite = torch.isfinite(wavs).all(dim=1)
            if not finite.all():
                raise ValueError(
                    f"signal {keys[int(finite.int().argmin())]} holds NaN or "
                    "infinite samples: leave it out or mend its source"
                )
            with torch.no_grad():
                clips, _ = model.encode_audio(wavs.to(self.device), lengths)
            yield keys, clips

    def fingerprint(self) -> str:
        """A word that changes with the weights and the spec of the model."""
        return fingerprint(self.mods.model, repr(self.spec))

    def search_folder(
        self,
        folder: str | Path,
        texts: Sequence[str],
        top: int = 10,
        *,
        index_folder: str | Path | None = None,
        batch_size: int = 8,
    ) -> Any:
        """Find the moments in a folder's recordings that fit texts best.

        Vectors are kept in an index, so that only new and changed files are
        heard; see :class:`~speechbrain_opensed.inference.SoundIndex`.

        Arguments
        ---------
        folder : str or Path
            Recordings, also in folders below.
        texts : sequence of str
            What to look for.
        top : int
            How many moments to name for each text.
        index_folder : str or Path, optional
            Where the index lies; default: `.opensed-index` in the folder.
        batch_size : int
            Windows that are heard at once.

        Returns
        -------
        list of list of Hit
            For each text the best moments, best first.

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or no recording in it.
        """
        from speechbrain_opensed.inference.index import SoundIndex

        folder = Path(folder)
        index = SoundIndex.update(self, folder, index_folder, batch_size)
        return index.search(self, texts, top)

    def forward(self, wavs: Any, wav_lens: Any = None) -> Any:
        """Same as :meth:`encode_batch`."""
        return self.encode_batch(wavs, wav_lens)
