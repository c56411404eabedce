"""Evaluate audio-text models: each clip is heard once for all tasks.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from lhotse.cut import Cut, MultiCut
from torch import Tensor
from tqdm import tqdm

from lhotse_recipes.manifests import num_cuts
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.audio import load_window
from speechbrain_opensed.evaluation.tasks import AlignmentTask
from speechbrain_opensed.inference.clip_batches import pad_clips
from speechbrain_opensed.training.brain import unwrapped

__all__ = ["embed_texts", "encode_cuts", "evaluate_alignment"]

_TEXTS_AT_ONCE = 64


def evaluate_alignment(
    cuts: Iterable[Cut],
    model: Any,
    tasks: Mapping[str, AlignmentTask],
    *,
    batch_size: int = 16,
    as_published: bool = False,
    spec: SedSpec | None = None,
) -> dict[str, dict[str, float]]:
    """Evaluate a model on cuts, for as many tasks as wanted.

    Each clip goes through the audio encoder once, each distinct caption,
    prompt or phrase of all tasks through the text encoder once. Scores are
    taken while clips come by: embeddings of frames are not kept. The model
    is in `eval` mode meanwhile. All ranks should call it, with all cuts, or
    the main process alone.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        The clips; those that no task asks for are passed over.
    model : FineLAP
        The model, perhaps wrapped for several processes.
    tasks : mapping of str to AlignmentTask
        Made from (some of) these cuts, see
        :mod:`~speechbrain_opensed.evaluation.clip_tasks` and
        :mod:`~speechbrain_opensed.evaluation.frame_tasks`. What they have
        collected before is forgotten; results of each class are found there
        afterwards (`write_stats`).
    batch_size : int
        Clips that are read and encoded at once.
    as_published : bool
        See :func:`encode_cuts`.
    spec : SedSpec, optional
        See :func:`encode_cuts`.

    Returns
    -------
    dict
        Name of each task to its numbers.

    Raises
    ------
    ValueError
        If a task misses a clip, or audio cannot be used.
    FileNotFoundError
        If audio is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> from speechbrain_opensed.evaluation.clip_tasks import ClassificationTask
    >>> model = FineLAP.tiny()
    >>> rain = tag("r", 0, 1.0, "rain", "Rain")
    >>> cuts = [dummy_cut(0, supervisions=[rain], with_data=True)]
    >>> tasks = {"zero-shot": ClassificationTask(cuts)}
    >>> evaluate_alignment(cuts, model, tasks)["zero-shot"]["accuracy"]
    1.0
    """
    model = unwrapped(model)
    texts = {text: None for task in tasks.values() for text in task.texts}
    wanted = {clip for task in tasks.values() for clip in task.durations}
    with _listening(model):
        rows = embed_texts(model, texts)
        for task in tasks.values():
            task.clear()
            task.start(model, rows)
        heard = (cut for cut in cuts if cut.id in wanted)
        for batch, clips, frames in encode_cuts(
            heard,
            model,
            batch_size,
            as_published=as_published,
            spec=spec,
            total=len(wanted),
        ):
            for task in tasks.values():
                task.append([cut.id for cut in batch], clips, frames)
    return {name: task.summarize() for name, task in tasks.items()}


def encode_cuts(
    cuts: Iterable[Cut],
    model: Any,
    batch_size: int = 16,
    *,
    as_published: bool = False,
    spec: SedSpec | None = None,
    total: int | None = None,
) -> Iterator[tuple[list[Cut], Tensor, Tensor]]:
    """Embeddings of clips and of their frames, batch by batch.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Of any length, rate and number of channels and tracks.
    model : FineLAP
        The model.
    batch_size : int
        Clips that are read and encoded at once.
    as_published : bool
        Hear what the official evaluation hears: the first channel of the
        first 10 s (one window of the model). Else all channels are averaged,
        and longer clips are heard in windows.
    spec : SedSpec, optional
        The audio that the model was trained on; default: the model's own.
        A recipe that sets the level of its clips gives its own.
    total : int, optional
        How many cuts there are, for the progress bar.

    Yields
    ------
    (list of lhotse.cut.Cut, torch.Tensor, torch.Tensor)
        The cuts, clips `[batch, dim]`, frames `[batch, time, dim]`; frames
        behind a clip's end mean nothing.

    Raises
    ------
    ValueError
        If audio cannot be used; the message names the cut.
    FileNotFoundError
        If audio is missing.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> model = FineLAP.tiny()
    >>> cuts = [dummy_cut(0, with_data=True), dummy_cut(1, with_data=True)]
    >>> [(batch, clips, frames)] = encode_cuts(cuts, model)
    >>> clips.shape, frames.shape
    (torch.Size([2, 8]), torch.Size([2, 64, 8]))
    """
    model = unwrapped(model)
    spec, device = spec or model.spec, model.temp_global.device
    total = num_cuts(cuts) if total is None else total
    remaining = iter(cuts)
    with tqdm(total=total, desc="encode", unit="clip", delay=2) as progress:
        while batch := list(islice(remaining, max(1, batch_size))):
            heard = [
                _as_published(cut, spec) if as_published else cut
                for cut in batch
            ]
            # The model has windows of its own.
            waves = [
                load_window(cut, replace(spec, window_seconds=cut.duration + 1))
                for cut in heard
            ]
            wavs, lengths = pad_clips(waves, spec, model.least_samples)
            with _listening(model):
                clips, frames = model.encode_audio(wavs.to(device), lengths)
            yield batch, clips, frames
            progress.update(len(batch))


def _as_published(cut, spec):
    """The first channel of the first window."""
    if isinstance(cut, MultiCut):
        cut = cut.with_channels(cut.channel[0])
    if cut.duration > spec.window_seconds:
        cut = cut.truncate(duration=spec.window_seconds)
    return cut


def embed_texts(model: Any, texts: Iterable[str]) -> dict[str, Tensor]:
    """Embeds each distinct text once, similar lengths together.

    Arguments
    ---------
    model : FineLAP
        The model.
    texts : iterable of str
        Captions, prompts, phrases.

    Returns
    -------
    dict
        Text to its embedding, `[dim]`.

    Example
    -------
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> model = FineLAP.tiny()
    >>> embed_texts(model, ["rain", "wind", "rain"])["rain"].shape
    torch.Size([8])
    """
    model = unwrapped(model)
    ordered = sorted(dict.fromkeys(texts), key=lambda text: (len(text), text))
    rows: dict[Any, Any] = {}
    with _listening(model):
        for first in range(0, len(ordered), _TEXTS_AT_ONCE):
            part = ordered[first : first + _TEXTS_AT_ONCE]
            rows.update(zip(part, model.encode_phrases(part), strict=True))
    return rows


@contextmanager
def _listening(model):
    """Without gradients and dropout; each part's mode returns afterwards."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True
