"""A detector that teaches another one in training.

Knowledge distillation (https://arxiv.org/abs/1503.02531): the student learns
from the scores of a larger or better model, beside what is annotated.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.dataio.sets.detection import SedBatch
from speechbrain_opensed.inference.detector import SoundEventDetector

__all__ = ["DetectorTeacher", "load_teacher"]


class DetectorTeacher:
    """Scores of a detector for the batches that a student learns from.

    Arguments
    ---------
    detector : SoundEventDetector
        Who teaches; it does not learn.
    sample_rate : int
        At which the student hears.

    Raises
    ------
    ValueError
        If the detector hears at another rate.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> detector = SimpleNamespace(spec=SedSpec(sample_rate=16000))
    >>> DetectorTeacher(detector, 32000)
    Traceback (most recent call last):
      ...
    ValueError: the teacher hears at 16000 Hz, its student at 32000: choose \
one of the same rate, or let the student hear at that one
    """

    def __init__(self, detector: SoundEventDetector, sample_rate: int):
        rate = detector.spec.sample_rate
        if rate != sample_rate:
            raise ValueError(
                f"the teacher hears at {rate} Hz, its student at "
                f"{sample_rate}: choose one of the same rate, or let the "
                "student hear at that one"
            )
        self.detector = detector

    @torch.no_grad()
    def __call__(self, batch: SedBatch) -> Tensor:
        """What the teacher hears.

        Arguments
        ---------
        batch : SedBatch
            With waves; or with frames of the encoder that both have.

        Returns
        -------
        torch.Tensor
            Probabilities `[batch, queries, frames]`, as many frames as the
            batch's targets have.

        Raises
        ------
        ValueError
            If the frames are those of another encoder.
        """
        mods = self.detector.mods.to(batch.wavs.device)
        heard = batch.wavs
        if heard.ndim == 3:
            encoder = getattr(mods.model, "encoder", None)
            if getattr(encoder, "dim", None) != heard.shape[2]:
                raise ValueError(
                    "frames are kept for the student's encoder, and the "
                    f"teacher, a {type(mods.model).__name__}, does not stand "
                    "on it: distil from a detector on the same encoder"
                )
        embedded = mods.text_encoder(batch.phrases).to(heard.device)
        logits = mods.model(heard, embedded[batch.query_index])
        scores = logits.float().sigmoid()
        frames = batch.targets.shape[2]
        if scores.shape[2] == frames:
            return scores
        return F.interpolate(scores, frames, mode="linear")


def load_teacher(
    source: str | Path | None, sample_rate: int
) -> DetectorTeacher | None:
    """The teacher of a YAML.

    Arguments
    ---------
    source : str or Path or None
        Name or folder of a detector; None: no teacher.
    sample_rate : int
        At which the student hears.

    Returns
    -------
    DetectorTeacher or None
        Ready to be asked.

    Raises
    ------
    FileNotFoundError, ValueError
        If it cannot be loaded, or hears at another rate.

    Example
    -------
    >>> load_teacher(None, 16000) is None
    True
    """
    if source is None:
        return None
    return DetectorTeacher(
        SoundEventDetector.from_source(str(source)), sample_rate
    )
