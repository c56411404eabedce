"""Generate sound from a text in the style of reference sounds.

Paper: https://arxiv.org/abs/2409.09381

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from speechbrain.utils.logger import get_logger
from torch import Tensor
from tqdm import tqdm

from speechbrain_opensed.inference.begin import Begin, read_begin
from speechbrain_opensed.inference.guidance import (
    guidance_weights,
    guided_predictor,
)
from speechbrain_opensed.inference.pretrained import SafePretrained
from speechbrain_opensed.inference.references import (
    check_weights,
    load_reference,
    per_prompt,
)
from speechbrain_opensed.inference.waves import guard_peak, is_silent
from speechbrain_opensed.lobes.style.diffusion import (
    build_scheduler,
    draw_latents,
)

__all__ = ["DURATION", "STEPS", "StyleTransferGenerator"]

logger = get_logger(__name__)

#: Steps where none are named. Ancestral sampling needs many.
STEPS = {"dpm": 20, "unipc": 20, "ddim": 50, "ddpm": 200}
#: Seconds where none are named.
DURATION = 10.0
_LEAST_SECONDS = 0.05


class StyleTransferGenerator(SafePretrained):
    """Turns a text into sound, in the manner of sounds that are given.

    Arguments
    ---------
    modules : dict
        `unet`, a `diffusers.UNet2DConditionModel`; `adapter`, the
        :class:`~speechbrain_opensed.lobes.style.adapter.StyleAdapter` on it;
        `text_encoder`, such as
        :class:`~speechbrain_opensed.lobes.text.states.T5TextStates`; and
        `codec`, such as
        :class:`~speechbrain_opensed.lobes.style.codec.MelCodec`.
    hparams : dict
        `spec`, the :class:`~speechbrain_opensed.core.spec.SedSpec` of the clips
        that the model was trained on.
    run_opts : dict, optional
        `device`, and `precision` of the U-Net: fp32, bf16 or fp16.
    freeze_params : bool
        Whether the modules are set to `eval` and lose their gradients.

    Raises
    ------
    ValueError
        If a module or the spec is missing.

    Example
    -------
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> StyleTransferGenerator({}, {"spec": SedSpec()})
    Traceback (most recent call last):
    ValueError: StyleTransferGenerator needs 'unet', under 'modules:' of its ...
    """

    MODULES_NEEDED = ["unet", "adapter", "text_encoder", "codec"]

    @property
    def sample_rate(self) -> int:
        """Of what is generated, in Hz."""
        return self.mods.codec.sample_rate

    @torch.no_grad()
    def generate(
        self,
        text: str | Sequence[str],
        references: Any = None,
        ref_weights: Sequence[float] | None = None,
        *,
        duration_s: float | None = None,
        steps: int | None = None,
        guidance_text: float = 3.0,
        guidance_style: float = 1.5,
        style_strength: float = 1.0,
        seed: int = 0,
        scheduler: str = "dpm",
        guidance: str = "dual",
        init_audio: Any = None,
        init_strength: float | None = None,
        fill: tuple[float, float] | None = None,
        batch_size: int = 8,
        progress: bool = False,
    ) -> tuple[Tensor, int]:
        """Generate one sound per text.

        Arguments
        ---------
        text : str or sequence of str
            What is to be heard.
        references : optional
            Sounds whose style to follow: a file, samples `[time]` or
            `[channels, time]` at the model's rate, (samples, rate), or a
            list of such for all texts, or a list of lists, one per text.
            They are resampled, averaged to mono and cut to the length that
            the model takes. None: the base model's own style.
        ref_weights : sequence of float, optional
            What each reference counts; they sum to 1. Default: all the same.
        duration_s : float, optional
            Seconds to generate; default: 10, or those of `init_audio`. Far
            from what the model was trained on it is less good, and a warning
            says so.
        steps : int, optional
            How often the U-Net is asked; default: 20 with `dpm` and `unipc`,
            50 with `ddim`, 200 with `ddpm`.
        guidance_text, guidance_style, guidance
            See :func:`~speechbrain_opensed.inference.guidance.guidance_weights`.
        style_strength : float
            Factor on what the style does to the U-Net; 0: nothing.
        seed : int
            The i-th text gets `seed + i`, whatever the batch size.
        scheduler : str
            `dpm` (DPM-Solver++), `unipc`, `ddim` or `ddpm`.
        init_audio : optional
            A sound to begin with, in place of mere noise; given as a
            reference is.
        init_strength : float, optional
            How far to go from it, above 0; 1: nothing of it is left.
            Default: 0.6.
        fill : tuple of float, optional
            Begin and end, in seconds, of a gap in `init_audio` which is to
            be filled. All else stays as it is.
        batch_size : int
            Sounds that are generated at once.
        progress : bool
            Whether to show a bar.

        Returns
        -------
        tuple of torch.Tensor and int
            `[samples]` for a str, else `[texts, samples]`, on the CPU, with
            magnitudes of at most 1; and their rate in Hz.

        Raises
        ------
        FileNotFoundError
            If a reference is missing.
        ValueError
            If a text is empty, a reference unfit, weights do not match, a
            setting makes no sense, or the diffusion diverges.
        """  # noqa: E501
        texts = _check_texts(text)
        begin = read_begin(
            init_audio,
            self.mods.codec,
            duration_s=duration_s,
            strength=init_strength,
            fill=fill,
            device=self.device,
        )
        if begin is not None:
            duration_s = begin.seconds
        elif duration_s is None:
            duration_s = DURATION
        self._check_settings(duration_s, style_strength, seed, batch_size)
        steps = STEPS.get(scheduler, 1) if steps is None else steps
        build_scheduler(scheduler, steps)
        sounds = self._sounds(per_prompt(references, len(texts)))
        for own in sounds:
            check_weights(ref_weights, len(own))
        rows: dict[int, Tensor] = {}
        batches = _batches([len(own) for own in sounds], batch_size)
        with tqdm(
            total=len(batches) * steps,
            unit="step",
            disable=not progress,
        ) as bar:
            for batch in batches:
                styled = bool(sounds[batch[0]]) and style_strength != 0
                predict = self._predictor(
                    [texts[i] for i in batch],
                    [sounds[i] for i in batch],
                    ref_weights,
                    style_strength,
                    guidance_weights(
                        guidance, guidance_text, guidance_style, styled
                    ),
                )
                waves = self._waves(
                    draw_latents(
                        predict,
                        self._shape(duration_s),
                        [seed + i for i in batch],
                        scheduler=scheduler,
                        steps=steps,
                        device=self.device,
                        progress=bar.update,
                        **({} if begin is None else begin.options(len(batch))),
                    ),
                    [texts[i] for i in batch],
                    duration_s,
                    begin,
                )
                rows.update(zip(batch, waves, strict=True))
        result = torch.stack([rows[i] for i in range(len(texts))])
        return (result[0] if isinstance(text, str) else result), (
            self.sample_rate
        )

    def forward(
        self, text: Any, references: Any = None, **settings: Any
    ) -> Any:
        """Same as :meth:`generate`."""
        return self.generate(text, references, **settings)

    def _check_settings(self, duration_s, strength, seed, batch_size):
        if not _LEAST_SECONDS <= duration_s < math.inf:
            raise ValueError(
                f"duration of {duration_s} s: give at least {_LEAST_SECONDS}, "
                f"best about {self.spec.window_seconds:g} s, which the model "
                "was trained on"
            )
        if not math.isfinite(strength):
            raise ValueError(
                f"style_strength {strength}: give a finite number, 1 is usual"
            )
        if not (isinstance(seed, int) and 0 <= seed < 1 << 63):
            raise ValueError(
                f"seed {seed!r}: give a whole number from 0 on, below 2 ** 63"
            )
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: give at least 1")
        ratio = duration_s / self.spec.window_seconds
        if not 0.5 <= ratio <= 2:
            logger.warning(
                "%g s are asked for; the model was trained on clips of %g s "
                "and may repeat itself or leave things out",
                duration_s,
                self.spec.window_seconds,
            )

    def _sounds(self, references):
        """Samples of all references, each read once."""
        read: dict = {}
        most = getattr(self.hparams, "ref_seconds", None)

        def get(reference):
            # Samples are known by being the same object: printed, two long
            # arrays that begin and end alike are one.
            is_file = isinstance(reference, (str, Path))
            key = str(reference) if is_file else id(reference)
            if key not in read:
                read[key] = load_reference(reference, self.sample_rate, most)
            return read[key]

        return [[get(reference) for reference in own] for own in references]

    def _shape(self, duration_s):
        codec = self.mods.codec
        return codec.channels, codec.num_columns(duration_s), codec.bins

    def _predictor(self, texts, sounds, ref_weights, strength, weights):
        """The guided velocity as a function of latents and time."""
        states, mask = self.mods.text_encoder([*texts, *[""] * len(texts)])
        style = None
        if any(with_style for _, with_style in weights):
            own = states.chunk(2)[0], mask.chunk(2)[0]
            style = self._style(*own, sounds, ref_weights)
        predict = guided_predictor(
            self.mods.unet,
            self.mods.adapter,
            (states, mask),
            style,
            weights,
            strength,
        )

        def in_precision(z, time):
            with self.inference_ctx:
                return predict(z, time)

        return in_precision

    def _style(self, states, mask, sounds, ref_weights):
        count = len(sounds[0])
        flat = [sound for own in sounds for sound in own]
        lengths = torch.tensor([len(sound) for sound in flat])
        padded = torch.nn.utils.rnn.pad_sequence(flat, batch_first=True)
        return self.mods.adapter.style(
            states,
            mask,
            padded.unflatten(0, (len(sounds), count)).to(self.device),
            lens=(lengths / lengths.max())
            .unflatten(0, (len(sounds), count))
            .to(self.device),
            weights=ref_weights,
        )

    def _waves(self, latents, texts, duration_s, begin: Begin | None):
        codec = self.mods.codec
        for latent, text in zip(latents, texts, strict=True):
            if not torch.isfinite(latent).all():
                raise ValueError(
                    f"generating {text!r} diverged to NaN or infinity: use "
                    "precision fp32, less guidance or more steps"
                )
        waves = codec.wave(codec.decode(latents)).float().cpu()
        samples = round(duration_s * self.sample_rate)
        result = []
        for wave, text in zip(waves, texts, strict=True):
            wave = wave[:samples]
            if begin is not None:
                wave = begin.restore(wave)
            wave = guard_peak(wave, repr(text))
            if is_silent(wave):
                logger.warning(
                    "%r came out silent: try another seed, more steps or "
                    "other references",
                    text,
                )
            result.append(wave)
        return result


def _check_texts(text):
    texts = [text] if isinstance(text, str) else list(text)
    if not texts:
        raise ValueError("there is no text: say what is to be heard")
    for i, one in enumerate(texts):
        if not isinstance(one, str) or not one.strip():
            raise ValueError(
                f"text {i + 1} of {len(texts)} is empty: say what is to be "
                "heard"
            )
    return texts


def _batches(counts, batch_size):
    """Indices in batches with equally many references."""
    batches = []
    for count in dict.fromkeys(counts):
        same = [i for i, other in enumerate(counts) if other == count]
        batches += [
            same[start : start + batch_size]
            for start in range(0, len(same), batch_size)
        ]
    return batches
