"""Latents of clips and states of captions, computed once for a training.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from lhotse.cut import Cut
from torch import nn

from lhotse_recipes.fingerprint import audio_key, digest
from lhotse_recipes.schema import captions_of
from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.dataio.tensor_cache import TensorCache

__all__ = ["cache_latents", "cache_texts", "load_clips"]


def load_clips(cuts: Iterable[Cut], spec: SedSpec) -> torch.Tensor:
    """Samples of cuts, padded to the model's window.

    Arguments
    ---------
    cuts : iterable of Cut
        Cuts that fit into it.
    spec : SedSpec
        Rate and window.

    Returns
    -------
    torch.Tensor
        `[cuts, samples]`.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> load_clips([cut], SedSpec(window_seconds=2.0)).shape
    torch.Size([1, 32000])
    """
    cuts = list(cuts)
    wavs = torch.zeros(len(cuts), spec.num_samples)
    for row, cut in zip(wavs, cuts, strict=True):
        wave = load_window(cut, spec)
        row[: len(wave)] = torch.from_numpy(wave)
    return wavs


def cache_latents(
    folder: str | Path,
    cuts: Iterable[Cut],
    codec: nn.Module,
    spec: SedSpec,
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 16,
) -> TensorCache:
    """Mean, and if there is one log variance, of each clip's latents.

    Arguments
    ---------
    folder : str or Path
        Where caches are kept.
    cuts : iterable of Cut
        The clips.
    codec : torch.nn.Module
        See `speechbrain_opensed.lobes.style.codec`.
    spec : SedSpec
        Rate and length of the clips.
    device : str or torch.device
        Where to compute; the codec is moved there and back to the CPU.
    batch_size : int
        Clips that are encoded together.

    Returns
    -------
    TensorCache
        Id of a cut to `{"mean"}` or `{"mean", "logvar"}`, half precision.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from speechbrain_opensed.lobes.style.codec import MelCodec
    >>> cut = dummy_cut(0, duration=1.0, with_data=True)
    >>> folder = getfixture("tmp_path")
    >>> cache = cache_latents(folder, [cut], MelCodec(4), SedSpec())
    >>> cache[cut.id]["mean"].shape
    torch.Size([4, 250, 16])
    """
    by_id = {cut.id: cut for cut in cuts}
    about = {
        "codec": fingerprint(codec),
        "audio": digest([audio_key(cut) for cut in by_id.values()]),
        "layout": [codec.channels, codec.bins, codec.num_columns(10.0)],
        "window": codec.spectrogram.n_fft,
        "sample_rate": spec.sample_rate,
        "seconds": spec.window_seconds,
    }

    def compute(names):
        wavs = load_clips((by_id[name] for name in names), spec)
        mean, logvar = codec.encode(codec.mel(wavs.to(device)))
        rows = [{"mean": row.half()} for row in mean]
        if logvar is not None:
            for row, values in zip(rows, logvar, strict=True):
                row["logvar"] = values.half()
        return rows

    codec.to(device)
    cache = TensorCache.make(
        folder,
        list(by_id),
        compute,
        about,
        batch_size=batch_size,
        desc="latents",
    )
    codec.to("cpu")
    return cache


def cache_texts(
    folder: str | Path,
    cuts: Iterable[Cut],
    text_encoder: nn.Module,
    device: str | torch.device = "cpu",
) -> TensorCache:
    """States of all captions, and of the empty one.

    Arguments
    ---------
    folder : str or Path
        Where caches are kept.
    cuts : iterable of Cut
        The clips.
    text_encoder : TextStates
        See `speechbrain_opensed.lobes.text.states`.
    device : str or torch.device
        Where to compute; the encoder is moved there and back to the CPU.

    Returns
    -------
    TensorCache
        Caption to `{"states"}` `[tokens, dim]`, half precision.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.states import HashTextStates
    >>> cache = cache_texts(getfixture("tmp_path"), [], HashTextStates(8))
    >>> cache[""]["states"].shape
    torch.Size([1, 8])
    """
    said = {sup.text for cut in cuts for sup in captions_of(cut)}
    text_encoder.to(device)

    def compute(names):
        return [{"states": rows.half()} for rows in text_encoder.states(names)]

    cache = TensorCache.make(
        folder,
        sorted(said | {""}),
        compute,
        {"encoder": fingerprint(text_encoder)},
        batch_size=64,
        desc="captions",
    )
    text_encoder.to("cpu")
    return cache
