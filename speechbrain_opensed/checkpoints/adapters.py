"""Weights of a style adapter alone, to be put on a stock pipeline.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from lhotse_recipes.json_files import read_json
from lhotse_recipes.outputs import rewrite_folder
from speechbrain_opensed.checkpoints.reading import load_strict, read_state
from speechbrain_opensed.lobes.style.adapter import StyleAdapter
from speechbrain_opensed.lobes.style.reference_encoder import (
    ReferenceEncoder,
    ReferenceMel,
)
from speechbrain_opensed.lobes.style.sites import denoiser_of, find_sites

__all__ = ["load_adapter", "new_adapter", "save_adapter"]

_ABOUT, _WEIGHTS = "adapter.json", "adapter.safetensors"
_SIZES = {
    "text_dim": 1024,
    "style_dim": 1024,
    "num_heads": 16,
    "rank": 64,
    "fusion": "attention",
    "modulation": "adaptive",
}
_ENCODER = {
    "tokens": "frames",
    "channels": [32, 64, 128, 256],
    "blocks": [3, 4, 6, 3],
}
_MEL = {
    "sample_rate": 16000,
    "num_mels": 80,
    "n_fft": 1024,
    "hop_length": 256,
    "normalise": "clip",
}
# AudioLDM 2 has its T5 in the second place.
_TEXT_ENCODERS = ("text_encoder_2", "text_encoder")


def new_adapter(pipeline: object, **sizes: Any) -> StyleAdapter:
    """An adapter on a pipeline, which computes what it did before.

    Arguments
    ---------
    pipeline : object
        Of diffusers, with `unet` or `transformer`, or what `load_tango`
        gives; or the denoiser itself.
    **sizes
        Other than those of the paper: text_dim, style_dim, num_heads, rank,
        fusion, modulation, as of `StyleAdapter`; tokens, channels, blocks,
        sample_rate, num_mels, n_fft, hop_length, normalise of the reference
        encoder. The width of the text states is that of the pipeline's T5.

    Returns
    -------
    StyleAdapter
        In training mode, on the denoiser.

    Raises
    ------
    ValueError
        If a size is unknown, or the pipeline is not for sound from text.

    Example
    -------
    >>> new_adapter(nn.Linear(1, 1), colour="red")
    Traceback (most recent call last):
    ValueError: no size 'colour': choose from text_dim, style_dim, ...
    """
    known = {**_SIZES, **_ENCODER, **_MEL}
    for name in sizes:
        if name not in known:
            raise ValueError(
                f"no size {name!r}: choose from {', '.join(known)}"
            )
    whole = {**known, **_text_dim(pipeline), **sizes}
    denoiser = _denoiser(pipeline)
    encoder = ReferenceEncoder(
        whole["style_dim"],
        mel=ReferenceMel(**{name: whole[name] for name in _MEL}),
        **{name: whole[name] for name in _ENCODER},
    )
    return StyleAdapter(
        denoiser, encoder, **{name: whole[name] for name in _SIZES}
    )


def save_adapter(
    folder: str | Path, adapter: StyleAdapter, pipeline: object
) -> Path:
    """Writes the weights of an adapter alone, and what it is for.

    Arguments
    ---------
    folder : str or Path
        Gets `adapter.safetensors` and `adapter.json`, whole or not at all.
    adapter : StyleAdapter
        With the reference encoder of this package.
    pipeline : object
        What it is on; see :func:`new_adapter`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the sounds are read by another encoder, which would have to be
        saved as well.

    Example
    -------
    >>> save_adapter("out", nn.Linear(1, 1), None)
    Traceback (most recent call last):
    ValueError: a Linear is no StyleAdapter with a ReferenceEncoder: only ...
    """
    encoder = getattr(adapter, "encoder", None)
    if not isinstance(encoder, ReferenceEncoder):
        raise ValueError(
            f"a {type(adapter).__name__} is no StyleAdapter with a "
            "ReferenceEncoder: only those are saved as weights alone"
        )
    folder = Path(folder)
    about = {
        "base": _base(_denoiser(pipeline)),
        "sizes": {**adapter.sizes, **encoder.sizes, **encoder.mel.sizes},
    }
    state = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in adapter.state_dict().items()
    }
    with rewrite_folder(folder, _ABOUT, [_ABOUT, _WEIGHTS]) as temporary:
        (temporary / _ABOUT).write_text(
            json.dumps(about, indent=1) + "\n", encoding="utf-8"
        )
        save_file(state, temporary / _WEIGHTS)
        # safetensors makes files that only their owner can read.
        shutil.copymode(temporary / _ABOUT, temporary / _WEIGHTS)
    return folder


def load_adapter(folder: str | Path, pipeline: object) -> StyleAdapter:
    """Puts the adapter of a folder on a stock pipeline.

    Arguments
    ---------
    folder : str or Path
        From :func:`save_adapter`.
    pipeline : object
        See :func:`new_adapter`.

    Returns
    -------
    StyleAdapter
        In `eval` mode.

    Raises
    ------
    FileNotFoundError
        If the folder is none.
    ValueError
        If the adapter is for another base, or its weights do not fit.

    Example
    -------
    >>> load_adapter("nowhere", None)
    Traceback (most recent call last):
    FileNotFoundError: no adapter in nowhere: give a folder that save_adapter ...
    """  # noqa: E501
    folder = Path(folder)
    if not (folder / _ABOUT).is_file():
        raise FileNotFoundError(
            f"no adapter in {folder}: give a folder that save_adapter wrote"
        )
    about = _read_about(folder / _ABOUT)
    sizes = about["sizes"]
    unknown = set(sizes) - {*_SIZES, *_ENCODER, *_MEL}
    if unknown:
        raise ValueError(
            f"{folder / _ABOUT}: unknown sizes {', '.join(sorted(unknown))}"
        )
    base = _base(_denoiser(pipeline))
    if base != about["base"]:
        raise ValueError(
            f"the adapter in {folder} is for a {about['base']['kind']} with "
            f"{len(about['base']['widths'])} blocks, this base is a "
            f"{base['kind']} with {len(base['widths'])}, or of other widths: "
            "give the base that it was trained on"
        )
    adapter = new_adapter(pipeline, **sizes)
    load_strict(adapter, read_state(folder / _WEIGHTS))
    return adapter.eval()


def _denoiser(pipeline):
    if isinstance(pipeline, nn.Module) and not hasattr(pipeline, "unet"):
        return pipeline
    return denoiser_of(pipeline)


def _text_dim(pipeline):
    for name in _TEXT_ENCODERS:
        config = getattr(getattr(pipeline, name, None), "config", None)
        if hasattr(config, "d_model"):
            return {"text_dim": config.d_model}
    return {}


def _base(denoiser: nn.Module) -> dict[str, Any]:
    """What an adapter has to fit."""
    sites = find_sites(denoiser)
    return {
        "kind": type(denoiser).__name__,
        "time_dim": sites.time_dim,
        "widths": sites.widths,
    }


def _read_about(path: Path) -> Mapping[str, Any]:
    try:
        about = read_json(path, dict, remedy="export it again")
        whole = {"base": dict(about["base"]), "sizes": dict(about["sizes"])}
        whole["base"]["kind"], whole["base"]["widths"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} does not tell what the adapter is for ({error}): export "
            "it again"
        ) from error
    return whole
