"""Models of others that compare frames of sound with texts.

They fit the detector's contract: `encode(wav)` gives one vector per frame,
once for all texts, and `decode(feats, queries)` compares.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.lobes.text.encoders import TextEncoder

__all__ = ["FlamFrames", "FlamText", "PeAudioFrames", "PeAudioText"]


class PeAudioFrames(nn.Module):
    """The sound side of PE-A-Frame, Meta's frame-level audio-text model.

    Wraps transformers' `PeAudioFrameLevelModel`
    (https://huggingface.co/facebook/pe-a-frame-base): one embedding every
    40 ms, whose product with a text's embedding is scaled and shifted.

    Arguments
    ---------
    model : transformers.PeAudioFrameLevelModel
        The model.

    Example
    -------
    >>> from transformers import PeAudioFrameLevelModel
    >>> PeAudioFrames.__init__.__annotations__["model"]
    <class 'torch.nn.modules.module.Module'>
    """

    spec = SedSpec(
        sample_rate=48000,
        hop_seconds=0.04,
        window_seconds=10.0,
        normalize=None,
    )

    precisions = ("fp32",)

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def encode(self, wav: Tensor) -> Tensor:
        """Frames of sounds.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 48 kHz, a whole number of frames.

        Returns
        -------
        torch.Tensor
            `[batch, frames, dim]`.
        """
        return self.model.get_audio_embeds(wav[:, None])

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Scaled products of frames and texts.

        Arguments
        ---------
        feats : torch.Tensor
            `[batch, frames, dim]`.
        queries : torch.Tensor
            Embeddings of texts `[queries, dim]`.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits `[batch, queries, frames]`.
        """
        check_precision(precision, self.precisions)
        products = torch.einsum("btd,qd->bqt", feats.float(), queries.float())
        scale, bias = (
            self.model.text_audio_logit_scale,
            self.model.text_audio_logit_bias,
        )
        return products * scale.float() + bias.float()


class PeAudioText(TextEncoder):
    """The text side of PE-A-Frame.

    Arguments
    ---------
    model : transformers.PeAudioFrameLevelModel
        It stays the owner of the weights.
    tokenizer : transformers.PreTrainedTokenizerBase
        The one that comes with them.

    Example
    -------
    >>> PeAudioText.dim.fget.__doc__
    'Width of the embeddings.'
    """

    def __init__(self, model: nn.Module, tokenizer: Any):
        super().__init__()
        # In a tuple it is no part of this module: it is saved and moved
        # once, as the detector's model.
        self._model = (model,)
        self.tokenizer = tokenizer

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Width of the embeddings."""
        return self._model[0].config.text_config.hidden_size

    def embed(self, phrases: list[str]) -> Tensor:
        """Embeds phrases: `[phrases, dim]`."""
        (model,) = self._model
        rows = []
        for start in range(0, len(phrases), 64):
            tokens = self.tokenizer(
                phrases[start : start + 64],
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(self.place.device)
            states = model.text_model(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                output_hidden_states=True,
            ).hidden_states[-1]
            rows.append(model.text_audio_head(states[:, 0]))
        return torch.cat(rows)


class FlamFrames(nn.Module):
    """The sound side of FLAM, Adobe's frame-wise language-audio model.

    Wraps `openflam.OpenFLAM`. Each text has a scale and a bias of its own;
    a frame's score is the paper's unbiased one (https://arxiv.org/abs/
    2505.05335, equation 7): s = p / (p + sigmoid(bias)), with p the sigmoid
    of scale * cosine + bias, whose logit is log p - log sigmoid(bias).

    Arguments
    ---------
    model : openflam.OpenFLAM
        The model; it takes windows of 10 s at 48 kHz.
    frames : int
        How many it gives for a window.

    Example
    -------
    >>> feats = F.normalize(torch.ones(1, 3, 4), dim=-1)
    >>> queries = torch.tensor([[0.5, 0.5, 0.5, 0.5, 10.0, -8.0]])
    >>> flam = FlamFrames(nn.Identity())
    >>> round(flam.decode(feats, queries)[0, 0, 0].item(), 3)
    7.873
    """

    precisions = ("fp32",)

    def __init__(self, model: nn.Module, frames: int = 32):
        super().__init__()
        self.model = model
        self.spec = SedSpec(
            sample_rate=48000,
            hop_seconds=10.0 / frames,
            window_seconds=10.0,
            normalize=None,
        )

    def encode(self, wav: Tensor) -> Tensor:
        """Frames of sounds.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at 48 kHz; what is shorter than a window is
            padded with silence.

        Returns
        -------
        torch.Tensor
            `[batch, frames, dim]`, of norm 1.
        """
        frames = math.ceil(wav.shape[1] / self.spec.hop_samples)
        wav = F.pad(wav, (0, self.spec.num_samples - wav.shape[1]))
        feats = self.model.get_local_audio_features(wav)
        whole = round(self.spec.window_seconds / self.spec.hop_seconds)
        # Its encoder repeats each frame to match the hop of its spectra.
        return feats[:, :: feats.shape[1] // whole][:, :frames]

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Unbiased logits.

        Arguments
        ---------
        feats : torch.Tensor
            `[batch, frames, dim]`, of norm 1.
        queries : torch.Tensor
            `[queries, dim + 2]`: embedding of norm 1, scale, bias.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits `[batch, queries, frames]`.
        """
        check_precision(precision, self.precisions)
        text, scale, bias = queries.float().split(
            [queries.shape[1] - 2, 1, 1], 1
        )
        cosine = torch.einsum("btd,qd->bqt", feats.float(), text)
        biased = scale * cosine + bias
        return F.logsigmoid(biased) - F.logsigmoid(bias)


class FlamText(TextEncoder):
    """The text side of FLAM: embedding, scale and bias of each text.

    Arguments
    ---------
    model : openflam.OpenFLAM
        It stays the owner of the weights.
    dim : int
        Width of its joint space.

    Example
    -------
    >>> FlamText(nn.Identity()).dim
    514
    """

    def __init__(self, model: nn.Module, dim: int = 512):
        super().__init__()
        self._model = (model,)
        self.dim = dim + 2

    def embed(self, phrases: Sequence[str]) -> Tensor:
        """Embeds phrases: `[phrases, dim]`."""
        (model,) = self._model
        states = model.get_text_branch_output(list(phrases))
        scale = model.get_per_text_logit_scale(states).reshape(-1, 1)
        scale = scale * model.get_logit_scale().reshape(-1)
        bias = model.get_per_text_logit_bias(states).reshape(-1, 1)
        text = F.normalize(model.get_text_features(list(phrases)), dim=-1)
        return torch.cat([text.cpu(), scale.cpu(), bias.cpu()], dim=1)
