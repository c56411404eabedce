"""Released weights of encoders, by the encoder's name.

Layouts: that of CLAP in the transformers library, and
https://github.com/microsoft/unilm/tree/master/beats.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.checkpoints.finelap import load_eat
from speechbrain_opensed.checkpoints.flexsed import load_dasheng
from speechbrain_opensed.checkpoints.mobilenet import load_mobilenet
from speechbrain_opensed.checkpoints.reading import (
    check_config,
    load_strict,
    read_file,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import refuse_others
from speechbrain_opensed.lobes.encoders.beats import BEATs
from speechbrain_opensed.lobes.encoders.clap import CLAP, load_clap
from speechbrain_opensed.lobes.encoders.htsat import FRONT, HTSAT
from speechbrain_opensed.lobes.encoders.named import ENCODERS, encoder_class

__all__ = ["load_beats", "load_encoder", "load_htsat"]

BEATS_URL = "https://github.com/microsoft/unilm/tree/master/beats"
AUDIO_MODEL = "audio_model."
# Of a checkpoint's sizes, those that do not say what is computed.
_DROPPED = (
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "dropout_input",
    "encoder_layerdrop",
    "layer_wise_gradient_decay_ratio",
    "predictor_dropout",
)
_DECIDED = ("finetuned_model", "predictor_class", "input_patch_size")
# What weight normalisation called its parts before torch 2.
_OLD_NAMES = {
    "pos_conv.0.weight_g": "pos_conv.0.parametrizations.weight.original0",
    "pos_conv.0.weight_v": "pos_conv.0.parametrizations.weight.original1",
}


def load_encoder(
    source: str | Path | Mapping,
    config: dict | None = None,
    name: str = "mn04",
) -> nn.Module:
    """Loads pretrained weights of an encoder.

    Arguments
    ---------
    source : str, Path or mapping
        What the loader of its kind takes: a file, a folder, a name.
    config : dict, optional
        Sizes other than those of the released model.
    name : str
        Which encoder, see
        :func:`~speechbrain_opensed.lobes.encoders.named.encoder_class`.

    Returns
    -------
    torch.nn.Module
        In `eval` mode.

    Raises
    ------
    FileNotFoundError
        If there are no such weights.
    ValueError
        If there is no such encoder, or the weights are of something else.

    Example
    -------
    >>> load_encoder("no.pt", name="beats")
    Traceback (most recent call last):
    FileNotFoundError: no BEATs at no.pt: download a checkpoint from ...
    """
    # The width that a MobileNet's name tells is in its tensors as well.
    kind, _ = encoder_class(name)
    return _LOADERS[kind](source, config)


def load_htsat(
    source: str | Path | Mapping = CLAP, config: dict | None = None
) -> HTSAT:
    """Loads the audio tower of a CLAP.

    Arguments
    ---------
    source : str, Path or mapping
        Name on the Hugging Face hub, a folder that `save_pretrained` wrote,
        or a state dict of a `ClapModel`, of which the rest is passed over.
    config : dict, optional
        For a state dict: arguments of
        :class:`~speechbrain_opensed.lobes.encoders.htsat.HTSAT`; a folder
        tells them itself.

    Returns
    -------
    HTSAT
        In `eval` mode.

    Raises
    ------
    FileNotFoundError
        If it can be neither found nor fetched.
    ValueError
        If it is a CLAP with fusion, has other sizes, or tensors are missing.

    Example
    -------
    >>> load_htsat("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no CLAP model ... at ./nowhere and none could ...
    """
    config = check_config(config, HTSAT)
    if isinstance(source, Mapping):
        state = read_state(source)
    else:
        clap, _, front = load_clap(source)
        config = {
            **_sizes_of(clap.config.audio_config, front, source),
            **config,
        }
        state = clap.state_dict()
    refuse_others(state, "HTSAT")
    return load_strict(
        HTSAT(**config),
        {k: v for k, v in state.items() if k.startswith(AUDIO_MODEL)},
    )


def load_beats(
    source: str | Path | Mapping, config: dict | None = None
) -> BEATs:
    """Loads a BEATs; sizes and the order of its tags are in the file.

    The tags of fine-tuned checkpoints are brought into AudioSet's order.

    Arguments
    ---------
    source : str, Path or mapping
        A `.pt` file as published, or what it holds: `cfg`, `model` and, if
        it was fine-tuned, `label_dict`.
    config : dict, optional
        `num_tags` and `sizes`, where the checkpoint has no `cfg`.

    Returns
    -------
    BEATs
        In `eval` mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the released ones are.
    ValueError
        Names missing and unexpected tensors.

    Example
    -------
    >>> load_beats({"weight": torch.ones(1)}, {"num_tags": 0})
    Traceback (most recent call last):
    ValueError: a checkpoint of BEATs has `cfg` and `model`: ...
    """
    config = check_config(config, BEATs)
    content: Any = source
    if not isinstance(source, Mapping):
        if not Path(source).is_file():
            raise FileNotFoundError(
                f"no BEATs at {source}: download a checkpoint from "
                f"{BEATS_URL} (MIT licence) and give its path"
            )
        content = read_file(Path(source))
    cfg = content.get("cfg") if isinstance(content, Mapping) else None
    if not isinstance(cfg, Mapping) or "model" not in content:
        refuse_others(read_state(content), "BEATs")
        raise ValueError(
            "a checkpoint of BEATs has `cfg` and `model`: this one holds "
            f"{sorted(map(str, content))[:5]}"
        )
    state = {_own_name(k): v for k, v in read_state(content).items()}
    if "tagger.weight" in state:
        rows = _audioset_order(
            content.get("label_dict"), state["tagger.weight"]
        )
        for part in ("weight", "bias"):
            state[f"tagger.{part}"] = state[f"tagger.{part}"][rows]
    sizes = {k: v for k, v in cfg.items() if k not in _DROPPED + _DECIDED}
    tags = len(state.get("tagger.bias", ()))
    config = {"num_tags": tags, "sizes": sizes, **config}
    return load_strict(BEATs(**config), state)


def _own_name(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name.replace("predictor.", "tagger.")


def _audioset_order(labels: Any, weight: torch.Tensor) -> list[int]:
    """Rows of a tagger in the order of AudioSet's own list of classes."""
    mids = [e.mid for e in Vocabulary.load("audioset").entries]
    if len(weight) != len(mids):
        return list(range(len(weight)))
    place = {
        str(mid): int(row)
        for row, mid in (labels.items() if isinstance(labels, Mapping) else ())
    }
    if set(place) != set(mids):
        raise ValueError(
            f"a BEATs with {len(weight)} tags, but its label_dict does not "
            "name AudioSet's classes: their order is not known"
        )
    return [place[str(mid)] for mid in mids]


def _sizes_of(audio: Any, front: Any, source: str | Path) -> dict[str, Any]:
    if audio.enable_fusion:
        raise ValueError(
            f"{source} is a CLAP with fusion, which hears long clips whole: "
            f"frames are taken from one without, such as {CLAP}"
        )
    settings = front.to_dict()
    return {
        "embed_dim": audio.patch_embeds_hidden_size,
        "depths": list(audio.depths),
        "num_heads": list(audio.num_attention_heads),
        "window_size": audio.window_size,
        "spec_size": audio.spec_size,
        "front": {key: settings[key] for key in FRONT},
    }


_LOADERS: Mapping[type[nn.Module], Callable[..., nn.Module]] = {
    ENCODERS["mn"]: load_mobilenet,
    ENCODERS["dasheng"]: load_dasheng,
    ENCODERS["eat"]: load_eat,
    ENCODERS["htsat"]: load_htsat,
    ENCODERS["beats"]: load_beats,
}
