"""Detectors that go by a name: what they are, and how they are loaded.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from speechbrain_opensed.checkpoints import (
    load_finelap,
    load_flexsed,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import recognize
from speechbrain_opensed.core.hub import fetch_file, fetch_folder
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder
from speechbrain_opensed.lobes.frame_text import (
    FlamFrames,
    FlamText,
    PeAudioFrames,
    PeAudioText,
)
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder

__all__ = ["MODELS", "NamedModel", "build_named", "build_weights"]

_CONFIG = "config.json"
_TOKENIZER = ("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json")
_PARTS = ("model.safetensors", *_TOKENIZER)

#: Modules of a detector, and its spec.
Parts = tuple[dict[str, nn.Module], SedSpec]


@dataclass(frozen=True)
class NamedModel:
    """A released detector.

    Arguments
    ---------
    name : str
        What a user calls it.
    repository : str
        Where its weights are, on the Hugging Face hub.
    files : tuple of str
        The files that are needed.
    parameters : str
        How many it has, of sound and text together.
    licence : str
        That of the weights, in words.
    sample_rate : int
        Samples per second that it hears.
    hop_seconds : float
        Time from one score to the next.
    about : str
        What it is, and what was published of it.

    Example
    -------
    >>> MODELS["flexsed"].sample_rate
    16000
    """

    name: str
    repository: str
    files: tuple[str, ...]
    parameters: str
    licence: str
    sample_rate: int
    hop_seconds: float
    about: str


def _pe(size: str, parameters: str) -> NamedModel:
    return NamedModel(
        f"pe-a-frame-{size}",
        f"facebook/pe-a-frame-{size}",
        (_CONFIG, *_PARTS),
        parameters,
        "Apache-2.0",
        48000,
        0.04,
        "Perception Encoder Audio Frame, Meta 2025; no PSDS published",
    )


#: All of them by name.
MODELS = {
    model.name: model
    for model in (
        NamedModel(
            "flexsed",
            "Higobeatz/FlexSED",
            ("ckpts/flexsed_as.pt",),
            "108 M, and CLAP's text tower",
            "MIT; CLAP Apache-2.0",
            16000,
            0.04,
            "FlexSED, arXiv 2509.18606: PSDS1_A 0.448, PSDS1_T 0.586 on "
            "AudioSet-Strong's 407 classes",
        ),
        NamedModel(
            "finelap",
            "AndreasXi/FineLAP",
            ("model.safetensors",),
            "244 M",
            "MIT, says its model card",
            16000,
            0.15625,
            "FineLAP, arXiv 2604.01155; clips and frames",
        ),
        _pe("small", "450 M"),
        _pe("base", "560 M"),
        _pe("large", "1.4 B"),
        NamedModel(
            "openflam",
            "kechenadobe/OpenFLAM",
            ("open_flam_oct17.pth",),
            "not stated",
            "Adobe Research Licence: no commercial use",
            48000,
            0.3125,
            "FLAM, arXiv 2505.05335; needs: pip install --no-deps openflam, "
            "and torchlibrosa, lightning",
        ),
    )
}


def build_named(name: str) -> Parts:
    """Loads a detector by its name.

    Arguments
    ---------
    name : str
        A key of `MODELS`.

    Returns
    -------
    dict, SedSpec
        `model` and `text_encoder`; what it hears.

    Raises
    ------
    FileNotFoundError
        If its files are neither here nor to be had: what to download, and
        where to put it.
    ImportError
        If it needs a package that is not installed.
    ValueError
        If the weights do not fit, or no model has this name.

    Example
    -------
    >>> build_named("flexed")
    Traceback (most recent call last):
    ValueError: no model is called 'flexed': choose from flexsed, finelap, ...
    """
    if name not in MODELS:
        raise ValueError(
            f"no model is called {name!r}: choose from {', '.join(MODELS)}"
        )
    model = MODELS[name]
    if name in ("flexsed", "finelap"):
        return build_weights(fetch_file(model.repository, model.files[0]))
    builder: Callable[[NamedModel], Parts]
    builder = _flam if name == "openflam" else _pe_audio
    return builder(model)


def build_weights(path: str | Path, config: dict | None = None) -> Parts:
    """Builds the detector that a checkpoint is of.

    Arguments
    ---------
    path : str or Path
        A file of tensors, or a folder with `model.safetensors`; which model
        it is of is told by their names.
    config : dict, optional
        Sizes other than those of the released model.

    Returns
    -------
    dict, SedSpec
        `model` and `text_encoder`; what it hears.

    Raises
    ------
    ValueError
        If the tensors are of no detector, or do not fit.

    Example
    -------
    >>> build_weights("nowhere.pt")
    Traceback (most recent call last):
    FileNotFoundError: no checkpoint at nowhere.pt: ...
    """
    state = read_state(path, "model.safetensors")
    kind = recognize(state)
    if kind == "FlexSED":
        model: nn.Module = load_flexsed(state, config)
        return {"model": model, "text_encoder": clap_text()}, SedSpec()
    if kind == "FineLAP":
        finelap = load_finelap(state, config)
        text = FineLAPTextEncoder(finelap)
        return {"model": finelap, "text_encoder": text}, finelap.spec
    raise ValueError(
        f"{path} holds {'the weights of ' + kind if kind else 'tensors'} "
        f"({', '.join(list(state)[:3])}, ...): no detector; give FlexSED's "
        "or FineLAP's weights, or an export's folder"
    )


def clap_text() -> ClapTextEncoder:
    """The text tower that FlexSED's queries come from.

    Returns
    -------
    ClapTextEncoder
        CLAP's, with the prompt of FlexSED's training, capitals included.

    Raises
    ------
    FileNotFoundError
        If it is neither here nor to be had.

    Example
    -------
    >>> clap_text.__annotations__["return"].__name__
    'ClapTextEncoder'
    """
    return ClapTextEncoder(capitalize=True)


def _pe_audio(named: NamedModel) -> Parts:
    folder = fetch_folder(named.repository, [_CONFIG], _PARTS)
    try:
        from transformers import AutoTokenizer, PeAudioFrameLevelModel
    except ImportError as error:
        raise ImportError(
            f"{named.name} needs a newer transformers: python -m pip install "
            "-U transformers"
        ) from error
    options = {"local_files_only": True, "trust_remote_code": False}
    model = PeAudioFrameLevelModel.from_pretrained(folder, **options).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    modules = {
        "model": PeAudioFrames(model),
        "text_encoder": PeAudioText(model, tokenizer),
    }
    return modules, PeAudioFrames.spec


def _flam(named: NamedModel) -> Parts:
    try:
        from openflam import OpenFLAM
    except ImportError as error:
        raise ImportError(
            "openflam is not installed, and its own requirements hold torch "
            "back: python -m pip install --no-deps openflam, then pip install "
            f"torchlibrosa lightning ({error}); its licence forbids "
            "commercial use"
        ) from error
    weights = fetch_file(named.repository, named.files[0])
    flam = OpenFLAM(default_ckpt_path=str(weights.parent))
    model = FlamFrames(flam)
    return {"model": model, "text_encoder": FlamText(flam)}, model.spec
