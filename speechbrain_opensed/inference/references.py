"""Reference sounds as users give them: files or tensors, one or several.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from lhotse_recipes.sound import inspect_audio, mono_blocks
from speechbrain_opensed.inference.sources import as_samples, check_rate

__all__ = ["MIN_SECONDS", "check_weights", "load_reference", "per_prompt"]

#: Less than that holds no style to follow.
MIN_SECONDS = 0.1
#: Level in dB of full scale below which a sound is silent.
SILENCE_DB = -70.0


def load_reference(
    reference: Any,
    sample_rate: int,
    most_seconds: float | None = None,
    kind: str = "reference",
) -> Tensor:
    """One reference as a mono signal at the model's rate.

    Arguments
    ---------
    reference : str, Path, torch.Tensor, np.ndarray or tuple
        A file; samples `[time]` or `[channels, time]` at the model's rate;
        or such samples and their rate in Hz.
    sample_rate : int
        The model's, in Hz.
    most_seconds : float, optional
        What is beyond is left out.
    kind : str
        What messages call it.

    Returns
    -------
    torch.Tensor
        `[time]`, float32, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is silent, shorter than 0.1 s, not finite or no sound.

    Example
    -------
    >>> stereo = torch.rand(2, 44100)
    >>> load_reference((stereo, 44100), 16000).shape
    torch.Size([16000])
    >>> load_reference(torch.zeros(16000), 16000)
    Traceback (most recent call last):
    ValueError: reference of 16000 samples is silent (below -70 dB): give ...
    """
    if isinstance(reference, (str, Path)):
        name = f"{kind} {reference}"
        seconds = inspect_audio(reference).duration
        blocks, kept = [], 0
        limit = int(sample_rate * (most_seconds or seconds + 1))
        for block in mono_blocks(reference, sample_rate):
            blocks.append(block)
            kept += len(block)
            if kept >= limit:
                break
        wave = np.concatenate(blocks)[:limit]
    else:
        samples, rate = reference, sample_rate
        if isinstance(reference, tuple):
            samples, rate = reference
        rate = check_rate(rate)
        samples = as_samples(samples).astype(np.float32, copy=False)
        if samples.ndim not in (1, 2) or not samples.size:
            raise ValueError(
                f"{kind} of shape {list(samples.shape)}: give samples "
                "[time] or [channels, time]"
            )
        name = f"{kind} of {samples.shape[-1]} samples"
        wave = samples.mean(axis=0) if samples.ndim == 2 else samples
        if not np.isfinite(wave).all():
            raise ValueError(
                f"{name} holds NaN or infinite samples: mend its source"
            )
        if most_seconds:
            wave = wave[: int(most_seconds * rate)]
        if rate != sample_rate:
            wave = resample_poly(wave, sample_rate, rate)
    if len(wave) < MIN_SECONDS * sample_rate:
        raise ValueError(
            f"{name} lasts {len(wave) / sample_rate:.3f} s: give at least "
            f"{MIN_SECONDS} s, and better 1 s or more"
        )
    level = 10 * np.log10(np.square(wave, dtype=np.float64).mean() + 1e-20)
    if level < SILENCE_DB:
        raise ValueError(
            f"{name} is silent (below {SILENCE_DB:g} dB): give a stretch in "
            "which the sound is heard, or leave it out"
        )
    return torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))


def per_prompt(references: Any, prompts: int) -> list[list]:
    """References of each prompt, however they were given.

    Arguments
    ---------
    references : None, one reference or a sequence
        None; one reference, or a list of them, for all prompts; or a list
        with one list for each prompt.
    prompts : int
        How many there are.

    Returns
    -------
    list of list
        One list per prompt, which may be empty.

    Raises
    ------
    ValueError
        If the lists are not one per prompt.

    Example
    -------
    >>> per_prompt("a.wav", 2)
    [['a.wav'], ['a.wav']]
    >>> per_prompt([["a.wav"], ["b.wav", "c.wav"]], 2)
    [['a.wav'], ['b.wav', 'c.wav']]
    """
    if references is None:
        return [[] for _ in range(prompts)]
    if not isinstance(references, list):
        return [[references] for _ in range(prompts)]
    nested = [isinstance(item, list) for item in references]
    if not any(nested):
        return [list(references) for _ in range(prompts)]
    if not all(nested) or len(references) != prompts:
        raise ValueError(
            f"references for {len(references)} prompts, there are {prompts}: "
            "give one list for all, or a list of lists with one for each"
        )
    return references


def check_weights(
    weights: Sequence[float] | None, count: int
) -> list[float] | None:
    """What each reference counts.

    Arguments
    ---------
    weights : sequence of float or None
        None: all the same.
    count : int
        References.

    Returns
    -------
    list of float or None
        As given.

    Raises
    ------
    ValueError
        If there is not one for each reference, one is negative or not
        finite, or they do not sum to 1.

    Example
    -------
    >>> check_weights([0.75, 0.25], 2)
    [0.75, 0.25]
    >>> check_weights([3, 1], 2)
    Traceback (most recent call last):
    ValueError: ref_weights sum to 4: they have to sum to 1, such as 0.75, 0.25
    """
    if weights is None:
        return None
    weights = [float(weight) for weight in weights]
    if len(weights) != count:
        raise ValueError(
            f"{len(weights)} ref_weights for {count} references: give one "
            "for each"
        )
    for i, weight in enumerate(weights):
        if not 0 <= weight < float("inf"):
            raise ValueError(
                f"ref_weights[{i}] is {weight:g}: give a number from 0 to 1"
            )
    total = sum(weights)
    if abs(total - 1) > 1e-3:
        better = [weight / total for weight in weights] if total else []
        remedy = ", ".join(f"{weight:.3g}" for weight in better)
        raise ValueError(
            f"ref_weights sum to {total:g}: they have to sum to 1, such as "
            + (remedy or f"{1 / count:.3g} for each")
        )
    return weights
