"""Released weights of Tango, a latent diffusion model for text to audio.

Paper: https://arxiv.org/abs/2304.13731. The weights are at
https://huggingface.co/declare-lab/tango, under a licence of their own.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lhotse_recipes.json_files import read_json
from speechbrain_opensed.checkpoints.reading import (
    check_config,
    load_strict,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import refuse_others
from speechbrain_opensed.checkpoints.tango_layout import (
    SIZES,
    rename_vae,
    rename_vocoder,
    vae_sizes,
)
from speechbrain_opensed.core.hub import auto_options
from speechbrain_opensed.lobes.style.codec import LogMel

__all__ = ["Tango", "load_tango"]

_TOKENIZER = "google/flan-t5-large"
_REMEDY = (
    "download the whole folder, e.g. with `hf download declare-lab/tango "
    "--local-dir FOLDER`"
)


@dataclass(frozen=True)
class Tango:
    """The parts of Tango, as plain models of diffusers and transformers.

    Arguments
    ---------
    unet : diffusers.UNet2DConditionModel
        Predicts velocities.
    vae : diffusers.AutoencoderKL
        Between spectrograms `[batch, 1, frames, mels]` and latents.
    vocoder : transformers.SpeechT5HifiGan
        From spectrograms `[batch, frames, mels]` to waves.
    text_encoder : transformers.T5EncoderModel
        The encoder of FLAN-T5.
    tokenizer : transformers.PreTrainedTokenizerBase
        What it reads.
    schedule : mapping
        Settings of the noise schedule, for a scheduler of diffusers.
    mel : LogMel
        The spectrogram.

    Example
    -------
    >>> parts = Tango(*[None] * 5, schedule={}, mel=LogMel())
    >>> parts.mel.num_mels
    64
    """

    unet: nn.Module
    vae: nn.Module
    vocoder: nn.Module
    text_encoder: nn.Module
    tokenizer: Any
    schedule: Mapping[str, Any]
    mel: LogMel


def load_tango(
    folder: str | Path, config: dict | None = None, tokenizer: Any = None
) -> Tango:
    """Loads the released folder of Tango or of one of its successors.

    Arguments
    ---------
    folder : str or Path
        With `main_config.json`, `vae_config.json`, `pytorch_model_main.bin`
        (U-Net and text encoder) and `pytorch_model_vae.bin` (autoencoder and
        vocoder), or `.safetensors` of the same names. The file of the STFT
        is not needed.
    config : dict, optional
        Sizes other than the released ones: `unet`, `vae`, `vocoder` and
        `text_encoder`, each a dict of arguments of `UNet2DConditionModel`,
        `AutoencoderKL`, `SpeechT5HifiGanConfig` and `T5Config`. With `vae`
        or `unet` given, the JSON file about it need not be there.
    tokenizer : str, Path or tokenizer, optional
        Name, folder or object. Default: what `main_config.json` names.

    Returns
    -------
    Tango
        Its models in `eval` mode.

    Raises
    ------
    FileNotFoundError
        Names the missing file, or the tokenizer that cannot be had.
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> load_tango("no/such/folder")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no folder no/such/folder: download the whole folder, ...
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: {_REMEDY}")
    config = dict(config or {})
    unknown = sorted(set(config) - set(SIZES))
    if unknown:
        raise ValueError(
            f"unknown config keys {unknown}: load_tango takes {sorted(SIZES)}"
        )
    main = _read_json(folder, "main_config.json", "unet" not in config)
    about_vae = _read_json(folder, "vae_config.json", "vae" not in config)
    stated = {"unet": _unet_sizes(folder, main), "vae": vae_sizes(about_vae)}
    sizes = {
        part: {**SIZES[part], **stated.get(part, {}), **config.get(part, {})}
        for part in SIZES
    }
    # Early: models of five gigabytes follow.
    files = [_weights(folder, f"pytorch_model_{x}") for x in ("vae", "main")]
    if tokenizer is None:
        tokenizer = main.get("text_encoder_name", _TOKENIZER)
    if isinstance(tokenizer, str | Path):
        tokenizer = _tokenizer(tokenizer)
    codec = _split(files[0], {"vocoder": "vocoder.", "vae": ""})
    main_parts = _split(
        files[1], {"unet": "unet.", "text_encoder": "text_encoder."}
    )
    models = _load_models({**codec, **main_parts}, sizes)
    # There and not above: the inference package loads checkpoints.
    from speechbrain_opensed.lobes.style.diffusion import NOISE_SCHEDULE

    vocoder = models["vocoder"].config
    hop = 1
    for rate in vocoder.upsample_rates:
        hop *= rate
    return Tango(
        **models,
        tokenizer=tokenizer,
        schedule=dict(NOISE_SCHEDULE),
        mel=LogMel(vocoder.sampling_rate, vocoder.model_in_dim, hop_length=hop),
    )


def _load_models(states, sizes) -> dict[str, nn.Module]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5Config,
        T5EncoderModel,
    )

    classes = {
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
        "vocoder": SpeechT5HifiGanConfig,
        "text_encoder": T5Config,
    }
    made = {
        part: kind(**check_config(sizes[part], kind))
        for part, kind in classes.items()
    }
    made["vocoder"] = SpeechT5HifiGan(made["vocoder"])
    made["text_encoder"] = T5EncoderModel(made["text_encoder"])
    states["vae"] = rename_vae(
        states["vae"], levels=len(sizes["vae"]["block_out_channels"])
    )
    states["vocoder"] = rename_vocoder(
        states["vocoder"], sizes["vocoder"]["model_in_dim"]
    )
    # One tensor under two names; safetensors keep one of them.
    names = ("shared.weight", "encoder.embed_tokens.weight")
    text = states["text_encoder"]
    for name, other in (names, names[::-1]):
        if other in text:
            text.setdefault(name, text[other])
    return {part: load_strict(made[part], states[part]) for part in made}


def _split(path: Path, prefixes: dict[str, str]) -> dict[str, dict]:
    """Tensors of a file by the prefix of their names, which is taken off."""
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in prefixes}
    others = []
    state = read_state(path)
    try:
        refuse_others(state, "Tango")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for name, value in state.items():
        for part, prefix in prefixes.items():
            if name.startswith(prefix):
                parts[part][name.removeprefix(prefix)] = value
                break
        else:
            others.append(name)
    lacking = [prefixes[part] for part, found in parts.items() if not found]
    if others or lacking:
        raise ValueError(
            f"{path} is not of Tango: unexpected {others[:5]}, nothing "
            f"that begins with {lacking}. Is it the checkpoint of AudioLDM? "
            f"If not, {_REMEDY}"
        )
    return parts


def _weights(folder: Path, stem: str) -> Path:
    for suffix in (".safetensors", ".bin"):
        if (path := folder / f"{stem}{suffix}").is_file():
            return path
    raise FileNotFoundError(f"no {stem}.bin in {folder}: {_REMEDY}")


def _read_json(folder: Path, name: str, needed: bool) -> dict:
    path = folder / name
    if not path.is_file():
        if needed:
            raise FileNotFoundError(f"no {name} in {folder}: {_REMEDY}")
        return {}
    return read_json(path, dict, remedy=_REMEDY)


def _unet_sizes(folder: Path, main: dict) -> dict:
    """The U-Net's own file, where the folder has it; released ones do not."""
    stated = main.get("unet_model_config_path")
    for path in (stated, stated and Path(stated).name):
        if path and (folder / path).is_file():
            sizes = _read_json(folder, str(path), True)
            return {k: v for k, v in sizes.items() if not k.startswith("_")}
    return {}


def _tokenizer(name):
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, **auto_options(name))
    except Exception as error:
        raise FileNotFoundError(
            f"the tokenizer {name} cannot be had ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}); download it, e.g. with `hf "
            f"download {_TOKENIZER} --include '*token*' 'spiece*' --local-dir "
            "FOLDER`, and give tokenizer=FOLDER"
        ) from error
