"""FineLAP: one space for sounds in time, whole clips and texts.

Paper: https://arxiv.org/abs/2604.01155; layout of the released weights:
https://github.com/xiquan-li/FineLAP.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.lobes.encoders.eat import EAT, PATCH
from speechbrain_opensed.lobes.encoders.htsat import HTSAT
from speechbrain_opensed.lobes.long_audio import clip_lengths, cut_windows
from speechbrain_opensed.lobes.projectors import make_local_projector, mlp
from speechbrain_opensed.lobes.text.roberta import RobertaText

__all__ = ["FineLAP"]

# Distance of two frames of EAT: that of the features, and the one by which
# the released weights were trained and are scored, 10 s over 64.
FRAME_SECONDS = (0.16, 10 / 64)
# Logits of cosines over less than this are beyond float32's sigmoid anyway.
MIN_TEMPERATURE = 1e-3


class FineLAP(nn.Module):
    """Audio and text encoder that agree on clips and on frames.

    The audio encoder runs once for both outputs. Audio of any length goes
    in: what is longer than one window is cut into half overlapping windows,
    whose frames are blended and whose clip embeddings are averaged.

    Arguments
    ---------
    embed_dim : int
        Width of the audio tokens.
    depth : int
        Number of audio transformer blocks.
    num_heads : int
        Attention heads per audio block.
    embed_size : int
        Width of the common space.
    local_audio_proj_type : str
        `transformer` (released), `transformer_linearlast`, `rnn` or
        `linear`, see :mod:`~speechbrain_opensed.lobes.projectors`.
    unify_audio_proj : bool
        Whether the projector of frames serves the clip as well.
    roberta : str, Path, dict or None
        Text tower, see
        :class:`~speechbrain_opensed.lobes.text.roberta.RobertaText`.
    tokenizer : str, Path or None
        See there.
    max_tokens : int
        Longest text in tokens.
    target_length : int
        Window in mel frames of 10 ms, a multiple of 16.
    drop_path : float
        Stochastic depth of the audio encoder in training.
    frame_seconds : float, optional
        Distance of two frames: 0.16, that of EAT's features and the default,
        or 0.15625 for the released weights, which were trained on it, and
        for HTS-AT.
    padding : str
        `window`: clips are padded to a whole window with the constant that
        the released weights know; `mask`: to the longest of the batch, and
        nothing attends to the padding; of EAT alone.
    encoder : str
        `eat`, or `htsat`, the audio tower of CLAP, of the paper's table 5;
        `embed_dim`, `depth`, `num_heads`, `target_length` and `drop_path`
        are EAT's.
    encoder_config : mapping, optional
        Of HTS-AT: sizes other than those of CLAP's.

    Raises
    ------
    ValueError
        If an option has another value.

    Example
    -------
    >>> model = FineLAP.tiny().eval()
    >>> clip, frames = model.encode_audio(torch.rand(2, 32000))
    >>> clip.shape, frames.shape
    (torch.Size([2, 8]), torch.Size([2, 64, 8]))
    >>> text = model.encode_phrases(["dog barking", "rain", "wind"])
    >>> model.clip_scores(clip, text).shape
    torch.Size([2, 3])
    >>> model.frame_scores(frames, text).shape
    torch.Size([2, 3, 64])
    """

    precisions = ("fp32",)

    def __init__(
        self,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        *,
        embed_size: int = 1024,
        local_audio_proj_type: str = "transformer",
        unify_audio_proj: bool = False,
        roberta: str | Path | dict | None = None,
        tokenizer: str | Path | None = None,
        max_tokens: int = 30,
        target_length: int = 1024,
        drop_path: float = 0.1,
        frame_seconds: float | None = None,
        padding: str = "window",
        encoder: str = "eat",
        encoder_config: Mapping | None = None,
    ):
        super().__init__()
        if encoder not in ("eat", "htsat"):
            raise ValueError(f"encoder is {encoder!r}: choose 'eat' or 'htsat'")
        tower: EAT | HTSAT
        if encoder == "eat":
            if encoder_config:
                raise ValueError(
                    "encoder_config is HTS-AT's: EAT's sizes are embed_dim, "
                    "depth and num_heads"
                )
            tower = EAT(
                embed_dim,
                depth,
                num_heads,
                target_length=target_length,
                drop_path=drop_path,
            )
        else:
            tower = HTSAT(**(encoder_config or {}))
        hops = FRAME_SECONDS if encoder == "eat" else (tower.hop_seconds,)
        if frame_seconds is None:
            frame_seconds = hops[0]
        if frame_seconds not in hops:
            raise ValueError(
                f"frame_seconds is {frame_seconds}: choose from {list(hops)}"
            )
        if padding not in ("window", "mask")[: len(hops)]:
            raise ValueError(
                f"padding is {padding!r}: choose 'window'"
                + (" or 'mask'" if encoder == "eat" else " for HTS-AT")
            )
        if unify_audio_proj and tower.dim != tower.clip_dim:
            raise ValueError(
                "unify_audio_proj: clips and frames of HTS-AT have different "
                "widths, and need projectors of their own"
            )
        self.padding = padding
        self.embed_size = embed_size
        self.temp_global = nn.Parameter(torch.tensor(0.1))
        self.b_global = nn.Parameter(torch.tensor(-10.0))
        self.temp_local = nn.Parameter(torch.tensor(0.1))
        self.b_local = nn.Parameter(torch.tensor(-10.0))
        # The names are those of the released checkpoints.
        self.audio_encoder = nn.ModuleDict(
            {"audio_enc": nn.ModuleDict({"model": tower})}
        )
        self.text_encoder = RobertaText(roberta, tokenizer, max_tokens)
        self.global_text_proj = mlp(self.text_encoder.dim, embed_size)
        self.local_audio_proj = make_local_projector(
            local_audio_proj_type, tower.dim, embed_size
        )
        if not unify_audio_proj:
            self.global_audio_proj = mlp(tower.clip_dim, embed_size)
        self.unify_audio_proj = unify_audio_proj
        self.window_frames = tower.num_times
        self.hop_samples = round(frame_seconds * tower.sample_rate)
        self.least_samples = tower.least_samples
        self.spec = SedSpec(
            tower.sample_rate,
            frame_seconds,
            self.window_frames * frame_seconds,
            normalize=None,
        )

    @classmethod
    def tiny(cls, **options: Any) -> "FineLAP":
        """A random model of a few thousand weights, for trying things out.

        Options are those of the class, except sizes.

        Example
        -------
        >>> FineLAP.tiny().embed_size
        8
        """
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads")
        sizes = dict(zip(names, (8, 1, 2), strict=True))
        text = {"vocab_size": 50, "intermediate_size": 16, **sizes}
        return cls(
            16, 1, 2, embed_size=8, roberta=text, tokenizer="hash", **options
        )

    @property
    def tower(self) -> EAT | HTSAT:
        """The audio encoder."""
        return self.audio_encoder["audio_enc"]["model"]

    def num_frames(self, samples: int) -> int:
        """Frames that cover so many samples."""
        return max(1, math.ceil(samples / self.hop_samples))

    def encode_audio(
        self,
        wav: Tensor,
        wav_lens: Tensor | None = None,
        windows_at_once: int = 16,
        normalize: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Hears each clip once.

        A clip's embeddings do not depend on the others in its batch.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the tower's rate, of any length from
            25 ms.
        wav_lens : torch.Tensor, optional
            Length of each clip relative to `samples`, `[batch]`; default:
            all full.
        windows_at_once : int
            Windows that are encoded together where no gradients are taken.
        normalize : bool
            Whether clips are brought to norm 1. If not, they have the norm
            that the projection gives them, of several windows their mean.

        Returns
        -------
        torch.Tensor
            Clips, `[batch, embed_size]`.
        torch.Tensor
            Frames, `[batch, time, embed_size]`, of norm 1: with padding
            `window` at least one window of them, with `mask` as many as
            cover the longest clip. Behind a clip's end they mean nothing.

        Raises
        ------
        ValueError
            If the shape does not fit or a clip is too short.
        """
        lengths = clip_lengths(wav, wav_lens, self.least_samples)
        if self.num_frames(wav.shape[1]) <= self.window_frames:
            mel, valid = self._window_mel(wav, lengths)
            return self.encode_mel(mel, valid, normalize)
        windows = cut_windows(
            wav, lengths, self.window_frames, self.hop_samples
        )
        at_once = len(windows) if torch.is_grad_enabled() else windows_at_once
        encoded = []
        for first in range(0, len(windows), at_once):
            part = windows.part(first, at_once)
            mel, valid = self._window_mel(*part)
            encoded.append(self.encode_mel(mel, valid, normalize))
        clips, frames = (torch.cat(x) for x in zip(*encoded, strict=True))
        total = self.num_frames(wav.shape[1])
        heard = F.normalize(
            windows.sum_clips(F.normalize(clips, dim=-1)), dim=-1
        )
        if not normalize:
            norms = clips.norm(dim=-1, keepdim=True)
            number = windows.sum_clips(torch.ones_like(norms))
            heard = heard * windows.sum_clips(norms) / number
        return (
            heard,
            F.normalize(windows.blend_frames(frames, total), dim=-1),
        )

    def mel(
        self, wav: Tensor, wav_lens: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """What the audio encoder sees of clips of one window.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the tower's rate, of at most one window.
        wav_lens : torch.Tensor, optional
            Relative lengths, `[batch]`; default: all full.

        Returns
        -------
        torch.Tensor
            The tower's mel, `[batch, bands, frames]`.
        torch.Tensor or None
            Frames of the model that count, `[batch]`; None: all.

        Raises
        ------
        ValueError
            If clips are longer than a window.
        """
        lengths = clip_lengths(wav, wav_lens, self.least_samples)
        if self.num_frames(wav.shape[1]) > self.window_frames:
            raise ValueError(
                f"clips of {wav.shape[1]} samples are longer than a window: "
                "give waves to forward()"
            )
        return self._window_mel(wav, lengths)

    def encode_mel(
        self, mel: Tensor, valid: Tensor | None = None, normalize: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Embeds windows; arguments are what :meth:`mel` returns.

        Returns
        -------
        tuple of torch.Tensor
            Clips `[batch, embed_size]` and frames `[batch, time,
            embed_size]`, of norm 1; clips without `normalize` of any.
        """
        summary, frames = self.tower(mel.transpose(1, 2), valid)
        frames_out = self.local_audio_proj(frames, valid)
        clip = (
            self.local_audio_proj(summary.unsqueeze(1)).squeeze(1)
            if self.unify_audio_proj
            else self.global_audio_proj(summary)
        )
        return (
            F.normalize(clip.float(), dim=-1) if normalize else clip.float(),
            F.normalize(frames_out.float(), dim=-1),
        )

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeds texts, captions as well as phrases.

        Arguments
        ---------
        input_ids : torch.Tensor
            `[texts, tokens]`.
        attention_mask : torch.Tensor
            1 for tokens and 0 for padding, `[texts, tokens]`.

        Returns
        -------
        torch.Tensor
            `[texts, embed_size]`, of norm 1.
        """
        states = self.text_encoder(input_ids, attention_mask)
        return F.normalize(self.global_text_proj(states).float(), dim=-1)

    def encode_phrases(self, phrases: Sequence[str]) -> Tensor:
        """Tokenizes and embeds texts: `[texts, embed_size]`, norm 1."""
        return self.encode_text(*self.text_encoder.tokenize(phrases))

    def clip_logits(self, clip: Tensor, text: Tensor) -> Tensor:
        """How far texts fit clips, `[batch, texts]`.

        Clips are `[batch, embed_size]`, texts `[texts, embed_size]`.
        """
        temperature, bias = self.clip_scale
        return clip.float() @ text.float().T / temperature + bias

    def frame_logits(self, frames: Tensor, text: Tensor) -> Tensor:
        """How far each text fits each frame.

        Arguments
        ---------
        frames : torch.Tensor
            `[batch, time, embed_size]`.
        text : torch.Tensor
            `[texts, embed_size]` for all clips, or `[batch, texts,
            embed_size]`.

        Returns
        -------
        torch.Tensor
            `[batch, texts, time]`.
        """
        temperature, bias = self.frame_scale
        cosines = text.float() @ frames.float().transpose(1, 2)
        return cosines / temperature + bias

    def clip_scores(self, clip: Tensor, text: Tensor) -> Tensor:
        """Probabilities `[batch, texts]`; see :meth:`clip_logits`."""
        return self.clip_logits(clip, text).sigmoid()

    def frame_scores(self, frames: Tensor, text: Tensor) -> Tensor:
        """Probabilities `[batch, texts, time]`; see :meth:`frame_logits`."""
        return self.frame_logits(frames, text).sigmoid()

    @property
    def clip_scale(self) -> tuple[Tensor, Tensor]:
        """Temperature, kept positive, and bias of clips."""
        return self.temp_global.clamp(min=MIN_TEMPERATURE), self.b_global

    @property
    def frame_scale(self) -> tuple[Tensor, Tensor]:
        """Temperature, kept positive, and bias of frames."""
        return self.temp_local.clamp(min=MIN_TEMPERATURE), self.b_local

    def encode(self, wav: Tensor) -> Tensor:
        """Frames of clips, as a detector needs them.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]`.

        Returns
        -------
        torch.Tensor
            `[batch, time, embed_size]`: as many as cover the samples.
        """
        return self.encode_audio(wav)[1][:, : self.num_frames(wav.shape[1])]

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Looks for queries, as a detector does.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`.
        queries : torch.Tensor
            From `FineLAPTextEncoder`, `[queries, embed_size]` or `[batch,
            queries, embed_size]`.
        precision : str
            `fp32`: there is little to compute.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            If there is no query or it has another width.
        """
        check_precision(precision, self.precisions)
        if queries.shape[-1] != self.embed_size or queries.shape[-2] == 0:
            raise ValueError(
                f"queries of shape {list(queries.shape)}: give at least one "
                f"of width {self.embed_size}, from FineLAPTextEncoder"
            )
        return self.frame_logits(feats, queries)

    def forward(
        self,
        heard: Tensor | tuple[Tensor, Tensor | None],
        input_ids: Tensor,
        attention_mask: Tensor,
        wav_lens: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All embeddings of a batch at once, the way training needs it.

        Arguments are those of :meth:`encode_audio` and :meth:`encode_text`;
        the texts are all different captions and phrases of the batch. In
        place of waves, `heard` may be what :meth:`mel` made of them.

        Returns
        -------
        tuple of torch.Tensor
            Clips `[batch, embed_size]`, frames `[batch, time, embed_size]`
            and texts `[texts, embed_size]`.
        """
        clip, frames = (
            self.encode_audio(heard, wav_lens)
            if isinstance(heard, Tensor)
            else self.encode_mel(*heard)
        )
        return clip, frames, self.encode_text(input_ids, attention_mask)

    def _window_mel(self, wav, lengths):
        counts = torch.tensor(lengths, device=wav.device)
        times, valid = self.window_frames, None
        if self.padding == "mask":
            times = self.num_frames(wav.shape[1])
            frames = self.tower.mel.num_frames(counts)
            valid = (frames / PATCH).ceil().clamp(max=times).long()
        full = all(length == wav.shape[1] for length in lengths)
        mel = self.tower.window_mel(wav, None if full else counts, times)
        return mel.transpose(1, 2), valid
