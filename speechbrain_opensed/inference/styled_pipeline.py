"""Stock pipelines of diffusers, in the style of reference sounds.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speechbrain_opensed.checkpoints import load_tango
from speechbrain_opensed.checkpoints.adapters import load_adapter
from speechbrain_opensed.core.hub import fetch_folder
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.generator import StyleTransferGenerator
from speechbrain_opensed.inference.references import load_reference
from speechbrain_opensed.lobes.style.tango_codec import TangoCodec
from speechbrain_opensed.lobes.text.states import T5TextStates

__all__ = ["BASES", "StyledPipeline", "open_base"]

#: Names of bases on the Hugging Face hub.
BASES = {
    "tango": "declare-lab/tango",
    "tango2": "declare-lab/tango2",
    "audioldm2": "cvssp/audioldm2",
    "stable-audio": "stabilityai/stable-audio-open-1.0",
}
# Where pipelines keep their T5: AudioLDM 2 has CLAP as the first encoder.
_T5 = (("text_encoder_2", "tokenizer_2"), ("text_encoder", "tokenizer"))
_TANGO_FILES = (
    "main_config.json",
    "vae_config.json",
    "pytorch_model_main.bin",
    "pytorch_model_vae.bin",
)
_PIPELINE_FILES = ("*/*.json", "*/*.safetensors", "*/*.txt", "*/*.model")
_REF_SECONDS = 2.0


def open_base(
    base: str, adapter: str | Path | None = None, run_opts: dict | None = None
) -> Any:
    """A base to generate with, perhaps with an adapter on it.

    Arguments
    ---------
    base : str
        One of `BASES`, or a folder: Tango's as released, or one of a
        pipeline of diffusers.
    adapter : str or Path, optional
        Folder of the adapter's weights.
    run_opts : dict, optional
        `device`, `precision`.

    Returns
    -------
    StyleTransferGenerator or StyledPipeline
        Both have `generate`.

    Raises
    ------
    FileNotFoundError
        If the base cannot be had.
    ValueError
        If the adapter is for another base.

    Example
    -------
    >>> open_base("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no base nowhere: give tango, tango2, audioldm2, ...
    """
    folder = _folder_of(base)
    if (folder / "model_index.json").is_file():
        from diffusers import DiffusionPipeline

        pipeline = DiffusionPipeline.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
        device = (run_opts or {}).get("device") or "cpu"
        return StyledPipeline(pipeline.to(device), adapter)
    return _tango_generator(load_tango(folder), adapter, run_opts)


def _tango_generator(
    tango, adapter: str | Path | None = None, run_opts=None
) -> StyleTransferGenerator:
    """Tango's parts as a generator, perhaps with an adapter.

    Arguments
    ---------
    tango : Tango
        From :func:`~speechbrain_opensed.checkpoints.load_tango`.
    adapter : str or Path, optional
        Folder of the adapter's weights.
    run_opts : dict, optional
        `device`, `precision`.

    Returns
    -------
    StyleTransferGenerator
        Without an adapter it refuses references.
    """
    text = T5TextStates(tango.text_encoder, tango.tokenizer)
    modules = {
        "unet": tango.unet,
        "adapter": _Nothing()
        if adapter is None
        else load_adapter(adapter, tango),
        "text_encoder": text,
        "codec": TangoCodec(tango.vae, tango.vocoder),
    }
    spec = SedSpec(tango.mel.sample_rate, 0.04, 10.0)
    hparams = {"spec": spec, "ref_seconds": _REF_SECONDS}
    return StyleTransferGenerator(modules, hparams, run_opts)


class StyledPipeline:
    """A pipeline of diffusers that follows reference sounds.

    Arguments
    ---------
    pipeline : diffusers.DiffusionPipeline
        `AudioLDM2Pipeline` or `StableAudioPipeline`.
    adapter : str, Path or StyleAdapter, optional
        Folder of the adapter's weights, or itself.

    Example
    -------
    >>> StyledPipeline(object()).generate("rain", ["rain.wav"])
    Traceback (most recent call last):
    ValueError: references need an adapter: give its folder
    """

    def __init__(self, pipeline: Any, adapter: Any = None):
        self.pipeline = pipeline
        self.adapter = adapter
        if isinstance(adapter, str | Path):
            self.adapter = load_adapter(adapter, pipeline)
        if self.adapter is not None:
            self.adapter.to(pipeline.device)

    @property
    def sample_rate(self) -> int:
        """Of what is generated, in Hz."""
        vocoder = getattr(self.pipeline, "vocoder", None)
        if vocoder is not None:
            return vocoder.config.sampling_rate
        return self.pipeline.vae.config.sampling_rate

    @torch.no_grad()
    def style(
        self, text: str, references: Sequence, weights: Any = None
    ) -> Tensor:
        """Style of a text and its references, `[1, style_dim]`.

        Arguments
        ---------
        text : str
            What is to be heard.
        references : sequence
            Files, or samples and their rates; see
            :func:`~speechbrain_opensed.inference.references.load_reference`.
        weights : sequence of float, optional
            What each counts.

        Returns
        -------
        torch.Tensor
            For `adapter.styled`.
        """
        adapter, device = self.adapter, self.pipeline.device
        rate = adapter.encoder.mel.spectrogram.sample_rate
        sounds = [load_reference(one, rate, _REF_SECONDS) for one in references]
        lengths = torch.tensor([len(sound) for sound in sounds])
        padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
        states, mask = self._texts()([text])
        return adapter.style(
            states.to(device),
            mask.to(device),
            padded[None].to(device),
            lens=(lengths / lengths.max())[None].to(device),
            weights=weights,
        )

    @torch.no_grad()
    def generate(
        self,
        text: str,
        references: Sequence | None = None,
        ref_weights: Sequence[float] | None = None,
        *,
        duration_s: float = 10.0,
        steps: int | None = None,
        guidance_text: float = 3.0,
        style_strength: float = 1.0,
        seed: int = 0,
    ) -> tuple[Tensor, int]:
        """Generates one sound.

        Without references, or at strength 0, it is the base's own.

        Arguments
        ---------
        text : str
            What is to be heard.
        references : sequence, optional
            Sounds whose style to follow.
        ref_weights : sequence of float, optional
            What each counts.
        duration_s : float
            Seconds.
        steps : int, optional
            Default: the pipeline's.
        guidance_text : float
            The pipeline's `guidance_scale`. The style is in the conditioned
            prediction alone, and so is guided with the text.
        style_strength : float
            Factor on what the style does.
        seed : int
            Of the noise.

        Returns
        -------
        tuple of torch.Tensor and int
            Samples `[time]` of one channel, and their rate.

        Raises
        ------
        ValueError
            If there are references without an adapter.
        """
        if references and self.adapter is None:
            raise ValueError("references need an adapter: give its folder")
        options: dict[str, Any] = {
            self._seconds_option(): duration_s,
            "guidance_scale": guidance_text,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "pt",
        }
        if steps is not None:
            options["num_inference_steps"] = steps
        if not references or style_strength == 0:
            audio = self.pipeline(text, **options).audios
        else:
            style = self.style(text, references, ref_weights)
            keep = torch.tensor([True], device=style.device)
            if guidance_text > 1:
                # Pipelines predict without the text first, then with it.
                keep = torch.tensor([False, True], device=style.device)
            with self.adapter.styled(style, keep, style_strength):
                audio = self.pipeline(text, **options).audios
        wave = torch.as_tensor(audio).float().cpu()[0]
        return (wave.mean(0) if wave.ndim > 1 else wave), self.sample_rate

    def _seconds_option(self):
        if hasattr(self.pipeline, "vocoder"):
            return "audio_length_in_s"
        return "audio_end_in_s"

    def _texts(self):
        for encoder, tokenizer in _T5:
            model = getattr(self.pipeline, encoder, None)
            if model is not None:
                return T5TextStates(model, getattr(self.pipeline, tokenizer))
        raise ValueError(
            f"{type(self.pipeline).__name__} has no text encoder to read "
            "prompts with"
        )


class _Nothing(torch.nn.Module):
    """In the place of an adapter: no style."""

    def styled(self, style, keep=None, strength=1.0):
        """Does nothing; a style is refused."""
        if style is not None:
            raise ValueError("references need an adapter: give its folder")
        return nullcontext()

    def style(self, *args, **options):
        """There is none."""
        raise ValueError("references need an adapter: give its folder")


def _folder_of(base: str) -> Path:
    folder = Path(base).expanduser()
    if folder.is_dir():
        return folder
    if base not in BASES:
        raise FileNotFoundError(
            f"no base {base}: give {', '.join(BASES)}, or the folder of one"
        )
    if base.startswith("tango"):
        return fetch_folder(BASES[base], _TANGO_FILES)
    return fetch_folder(BASES[base], ["model_index.json"], _PIPELINE_FILES)
