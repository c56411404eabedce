"""Frames of a frozen encoder, computed once per clip, kept on disk.

Mixing is not linear in features, so whole mixtures are heard; a decoder then
trains on them in minutes.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from lhotse.cut import Cut
from torch import Tensor

from lhotse_recipes.fingerprint import audio_key, digest
from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.core.levels import check_level
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import load_waves
from speechbrain_opensed.dataio.tensor_cache import TensorCache

__all__ = ["FrameCache"]


class FrameCache(Mapping):
    """From a clip's id to its frames `[time, dim]`, one window long.

    Frames are kept in half precision, mapped from disk. What was computed
    before a run was stopped is not computed again, and nothing is reused for
    other audio, another encoder or another spec.

    Arguments
    ---------
    cuts : iterable of Cut
        Clips of at most one window.
    model : torch.nn.Module
        `encode(wav [batch, samples])` gives `[batch, time, dim]`; its state
        identifies the cache, or that of its `encoder`.
    spec : SedSpec
        Sample rate, window and level.
    folder : str or Path
        Where to.
    normalize : str or None
        See :func:`~speechbrain_opensed.core.levels.check_level`.
    batch_size : int
        Clips that are heard at once.

    Raises
    ------
    ValueError
        If there is no clip, two have one id, or one cannot be used.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> class Levels(torch.nn.Module):
    ...     def encode(self, wav):
    ...         return wav.unflatten(1, (-1, 640)).abs().mean(-1)[..., None]
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> frames = FrameCache([cut], Levels(), SedSpec(), getfixture("tmp_path"))
    >>> frames[cut.id].shape
    torch.Size([250, 1])
    """

    def __init__(
        self,
        cuts: Iterable[Cut],
        model: torch.nn.Module,
        spec: SedSpec,
        folder: str | Path,
        *,
        normalize: str | None = "spec",
        batch_size: int = 8,
    ):
        check_level(normalize)
        cuts = list(cuts)
        by_id = {cut.id: cut for cut in cuts}
        if len(by_id) < len(cuts):
            raise ValueError(
                f"{len(cuts) - len(by_id)} clips have ids of others: "
                "give each its own"
            )

        def compute(names):
            block = [by_id[name] for name in names]
            wavs, _, _ = load_waves(block, spec, normalize)
            with _in_eval(model):
                frames = model.encode(wavs).half()
            return [{"frames": one} for one in frames]

        sound = asdict(spec)
        del sound["classes"]
        self._cache = TensorCache.make(
            folder,
            list(by_id),
            compute,
            about={
                "model": type(model).__qualname__,
                "encoder": fingerprint(getattr(model, "encoder", model)),
                "audio": digest([audio_key(cut) for cut in cuts]),
                "spec": sound,
                "normalize": normalize,
                "version": 2,  # 1 heard in the mode of training
            },
            batch_size=batch_size,
            desc="frames",
        )

    def __getitem__(self, clip: str) -> Tensor:
        return self._cache[clip]["frames"].float()

    def __iter__(self) -> Iterator[str]:
        return iter(self._cache)

    def __len__(self) -> int:
        return len(self._cache)


@contextmanager
def _in_eval(model):
    """Hear as the detector will: in training, batch norm goes by the batch."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
