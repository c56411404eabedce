"""Models in which sounds and texts are vectors of one space.

What is heard once can be asked for anything later, since an answer is a
product of two vectors. Detectors that listen anew for each phrase, with the
phrase in their midst, have no such space.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lhotse_recipes.json_files import read_json
from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.clip_batches import pad_clips
from speechbrain_opensed.lobes.encoders.clap import (
    CLAP,
    embed_texts,
    hear,
    load_clap,
)
from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.lobes.frame_text import FlamFrames, PeAudioFrames

__all__ = [
    "AlignedSpace",
    "ClapSpace",
    "FrameSpace",
    "SoundSpace",
    "load_space",
    "space_of",
]

#: For one sound: vector of the clip `[dim]`, and frames `[frames, dim]`.
Embeddings = tuple[np.ndarray | None, np.ndarray | None]


class SoundSpace:
    """What an index needs of a model.

    A subclass gives `spec`, `dim`, `levels` (`moment` where it has vectors
    of frames, `window` where it has one of a clip), `hear`, `read`, `scores`
    and `fingerprint`.

    Example
    -------
    >>> SoundSpace.levels
    ()
    """

    spec: SedSpec
    dim: int
    levels: tuple[str, ...] = ()
    #: Whether all vectors have norm 1, also where windows overlap.
    unit = True

    def hear(self, waves: Sequence[np.ndarray]) -> list[Embeddings]:
        """Vectors of sounds of at most a window, `[samples]` each."""
        raise TypeError(f"{type(self).__name__} has to define hear()")

    def read(self, texts: Sequence[str]) -> Tensor:
        """What :meth:`scores` compares with, `[texts, ...]`."""
        raise TypeError(f"{type(self).__name__} has to define read()")

    def scores(self, level: str, vectors: Tensor, query: Tensor) -> Tensor:
        """Probabilities `[vectors]` that a text fits, between 0 and 1."""
        raise TypeError(f"{type(self).__name__} has to define scores()")

    def fingerprint(self) -> str:
        """A word that changes with the model."""
        raise TypeError(f"{type(self).__name__} has to define fingerprint()")

    def directions(self, queries: Tensor) -> np.ndarray:
        """Vectors of queries, of norm 1: `[texts, dim]`."""
        rows = queries[:, : self.dim].detach().float().cpu()
        return F.normalize(rows, dim=1).numpy()

    def name(self) -> str:
        """What messages call the model."""
        return type(self).__name__.removesuffix("Space")


class AlignedSpace(SoundSpace):
    """FineLAP, with one head for clips and one for frames.

    Arguments
    ---------
    model : FineLAP
        The model.
    spec : SedSpec
        Its grid.
    device : str
        Where it is.

    Example
    -------
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> model = FineLAP.tiny().eval()
    >>> space = AlignedSpace(model, model.spec)
    >>> clip, frames = space.hear([np.ones(16000, "float32")])[0]
    >>> clip.shape, frames.shape
    ((8,), (7, 8))
    """

    levels = ("moment", "window")

    def __init__(self, model: Any, spec: SedSpec, device: str = "cpu"):
        self.model, self.spec, self.device = model, spec, device
        self.dim = model.embed_size

    def hear(self, waves: Sequence[np.ndarray]) -> list[Embeddings]:
        """See :class:`SoundSpace`."""
        counts = [self.model.num_frames(len(wave)) for wave in waves]
        wavs, lengths = pad_clips(waves, self.spec, self.model.least_samples)
        with torch.no_grad():
            clips, frames = self.model.encode_audio(
                wavs.to(self.device), lengths
            )
        clips, frames = clips.float().cpu(), frames.float().cpu()
        return [
            (clip.numpy(), track[:count].numpy())
            for clip, track, count in zip(clips, frames, counts, strict=True)
        ]

    def read(self, texts: Sequence[str]) -> Tensor:
        """See :class:`SoundSpace`."""
        with torch.no_grad():
            return torch.cat(
                [
                    self.model.encode_phrases(list(texts[i : i + 64]))
                    for i in range(0, len(texts), 64)
                ]
            ).cpu()

    def scores(self, level: str, vectors: Tensor, query: Tensor) -> Tensor:
        """See :class:`SoundSpace`."""
        frames = level == "moment"
        logits = self.model.frame_logits if frames else self.model.clip_logits
        vectors = vectors.to(self.device)
        query = query[None].to(self.device)
        with torch.no_grad():
            if frames:
                return logits(vectors[None], query)[0, 0].sigmoid().cpu()
            return logits(vectors, query)[:, 0].sigmoid().cpu()

    def fingerprint(self) -> str:
        """See :class:`SoundSpace`."""
        return fingerprint(self.model, repr(self.spec))


class FrameSpace(SoundSpace):
    """PE-A-Frame and OpenFLAM: vectors of frames alone.

    Arguments
    ---------
    model : PeAudioFrames or FlamFrames
        The sound side.
    text : TextEncoder
        The text side.
    dim : int
        Width of the frames.
    device : str
        Where they are.

    Example
    -------
    >>> FrameSpace.levels
    ('moment',)
    """

    levels = ("moment",)

    def __init__(self, model: Any, text: Any, dim: int, device: str = "cpu"):
        self.model, self.text, self.device = model, text, device
        self.spec, self.dim = model.spec, dim
        self.unit = isinstance(model, FlamFrames)

    def hear(self, waves: Sequence[np.ndarray]) -> list[Embeddings]:
        """See :class:`SoundSpace`."""
        found: list[Embeddings] = []
        for _, group in groupby(waves, key=len):
            wavs = np.stack(list(group)).astype(np.float32)
            if self.spec.normalize == "peak":
                wavs = wavs * level_gain(wavs)
            with torch.no_grad():
                frames = self.model.encode(
                    torch.from_numpy(wavs).to(self.device)
                )
            found += [(None, track.numpy()) for track in frames.float().cpu()]
        return found

    def read(self, texts: Sequence[str]) -> Tensor:
        """See :class:`SoundSpace`."""
        with torch.no_grad():
            return self.text(list(texts)).cpu()

    def scores(self, level: str, vectors: Tensor, query: Tensor) -> Tensor:
        """See :class:`SoundSpace`."""
        with torch.no_grad():
            logits = self.model.decode(
                vectors[None].to(self.device), query[None].to(self.device)
            )
        return logits[0, 0].float().sigmoid().cpu()

    def fingerprint(self) -> str:
        """See :class:`SoundSpace`."""
        return fingerprint(self.model, repr(self.spec))


class ClapSpace(SoundSpace):
    """CLAP: one vector for a window of ten seconds, none of frames.

    Scores are cosines, with what is below 0 set to 0: it knows no
    probability of a text alone.

    Arguments
    ---------
    model : transformers.ClapModel
        The model.
    tokenizer : transformers.PreTrainedTokenizer
        Its tokenizer.
    front : transformers.ClapFeatureExtractor
        The settings of its mel front.
    device : str
        Where it runs.

    Example
    -------
    >>> ClapSpace.levels
    ('window',)
    """

    levels = ("window",)

    def __init__(
        self, model: Any, tokenizer: Any, front: Any, device: str = "cpu"
    ):
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self.model.to(device)
        fused = bool(model.config.audio_config.enable_fusion)
        self.mel = ClapMel(front.to_dict(), fused).to(device)
        self.dim = model.config.projection_dim
        rate = self.mel.sample_rate
        seconds = self.mel.samples / rate
        self.spec = SedSpec(rate, seconds / 20, seconds, normalize=None)

    def hear(self, waves: Sequence[np.ndarray]) -> list[Embeddings]:
        """See :class:`SoundSpace`."""
        rows = [torch.from_numpy(np.asarray(w, np.float32)) for w in waves]
        wavs = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        counts = [len(row) for row in rows]
        with torch.no_grad():
            clips = hear(self.model, self.mel, wavs.to(self.device), counts)
        clips = F.normalize(clips.float(), dim=1).cpu()
        return [(clip.numpy(), None) for clip in clips]

    def read(self, texts: Sequence[str]) -> Tensor:
        """See :class:`SoundSpace`."""
        with torch.no_grad():
            rows = embed_texts(self.model, self.tokenizer, texts)
        return F.normalize(rows.float(), dim=1).cpu()

    def scores(self, level: str, vectors: Tensor, query: Tensor) -> Tensor:
        """See :class:`SoundSpace`."""
        cosines = F.cosine_similarity(vectors, query[None], dim=1)
        return cosines.clamp(0, 1)

    def fingerprint(self) -> str:
        """See :class:`SoundSpace`."""
        return fingerprint(self.model, self.mel.settings)


def space_of(model: Any) -> SoundSpace:
    """The space of a model that was loaded.

    Arguments
    ---------
    model : SoundSpace, AudioTextAligner or SoundEventDetector
        The model.

    Returns
    -------
    SoundSpace
        Its space.

    Raises
    ------
    ValueError
        If it has none.

    Example
    -------
    >>> from speechbrain_opensed.lobes.finelap import FineLAP
    >>> from speechbrain_opensed.inference import AudioTextAligner
    >>> finelap = FineLAP.tiny()
    >>> aligner = AudioTextAligner({"model": finelap}, {"spec": finelap.spec})
    >>> space_of(aligner).name()
    'Aligned'
    """
    if isinstance(model, SoundSpace):
        return model
    inner, device = model.mods.model, model.device
    methods = ("encode_audio", "encode_phrases", "clip_logits", "frame_logits")
    if all(hasattr(inner, method) for method in methods):
        return AlignedSpace(inner, model.spec, device)
    if isinstance(inner, PeAudioFrames | FlamFrames):
        text = model.mods.text_encoder
        extra = 2 if isinstance(inner, FlamFrames) else 0
        return FrameSpace(inner, text, text.dim - extra, device)
    raise ValueError(
        f"{type(inner).__name__} cannot be indexed: it listens anew for each "
        "phrase, and has no vectors that phrases could be compared with "
        "later. Index with FineLAP, CLAP, PE-A-Frame or OpenFLAM; with this "
        "model, use `opensed detect`"
    )


def load_space(source: str | Path, run_opts: dict | None = None) -> SoundSpace:
    """Load the space that a user names.

    Arguments
    ---------
    source : str or Path
        What `SoundEventDetector.from_source` takes; or a CLAP, by its name
        on the Hugging Face hub or as a folder of transformers.
    run_opts : dict, optional
        `device`.

    Returns
    -------
    SoundSpace
        Ready to use.

    Raises
    ------
    FileNotFoundError
        If it is neither here nor to be had.
    ValueError
        If the model has no such space.

    Example
    -------
    >>> load_space("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no folder ./nowhere: give one that export_detector ...
    """
    if str(source) == CLAP or _is_clap(Path(source).expanduser()):
        device = (run_opts or {}).get("device") or "cpu"
        return ClapSpace(*load_clap(source), device)
    from speechbrain_opensed.inference.detector import SoundEventDetector

    return space_of(SoundEventDetector.from_source(source, run_opts))


def _is_clap(folder: Path) -> bool:
    try:
        config = read_json(folder / "config.json", dict)
    except (OSError, ValueError):
        return False
    return bool(config.get("model_type") == "clap")
