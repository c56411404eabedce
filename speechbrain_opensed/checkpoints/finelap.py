"""Released weights of FineLAP and of EAT, its audio encoder.

Layouts: https://github.com/xiquan-li/FineLAP (with the names of its older
checkpoints), https://huggingface.co/AndreasXi/FineLAP and
https://github.com/cwx-worst-one/EAT.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from speechbrain_opensed.checkpoints.reading import (
    HUB_FILES,
    check_config,
    load_strict,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import refuse_others
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.finelap import FineLAP

__all__ = ["load_eat", "load_finelap"]

AUDIO = "audio_encoder.audio_enc."
AUDIO_ANCHOR = "local_encoder.proj.weight"
TEXT_ANCHOR = "embeddings.word_embeddings.weight"
PATCHES = "modality_encoders.IMAGE."
TEXT = "text_encoder.text_encoder."
# Computed here, or without influence on what the models give.
UNUSED = (
    "fixed_positional_encoder.positions",
    "fc_norm.",
    "audio_enc.head.",
    "audio_enc.model.head.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    TEXT + "pooler.",
)
UNUSED_EAT = (*UNUSED[:2], "head.", PATCHES + "decoder.")
# Old beginnings of names and what they became.
RENAMED = {
    "audio_adapter.": "local_audio_proj.",
    "audio_embedder.": "local_audio_proj.",
    "text_proj.": "global_text_proj.",
    "audio_proj.": "global_audio_proj.",
}
RENAMED_SCALARS = {
    "clap_model.b": "b_global",
    "clap_model.temp": "temp_global",
    "b": "b_local",
    "temp": "temp_local",
}


def load_finelap(
    source: str | Path | Mapping = "finelap", config: dict | None = None
) -> FineLAP:
    """Loads a FineLAP model.

    Arguments
    ---------
    source : str, Path or mapping
        `finelap` (the released weights), a file, a folder or repository
        with `model.safetensors`, or a state dict, in the official layout,
        that of Hugging Face, or with legacy names.
    config : dict, optional
        What differs from the released model: any argument of
        :class:`~speechbrain_opensed.lobes.finelap.FineLAP`, such as
        `embed_dim`, `depth`, `num_heads`, `embed_size`,
        `local_audio_proj_type` and `roberta`. `frame_seconds` is 0.15625
        unless it is given: the released weights were trained on it.

    Returns
    -------
    FineLAP
        In `eval` mode.

    Raises
    ------
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> sizes = dict(
    ...     vocab_size=50,
    ...     hidden_size=8,
    ...     num_hidden_layers=1,
    ...     num_attention_heads=2,
    ...     intermediate_size=16,
    ... )
    >>> sizes = dict(
    ...     embed_dim=16, depth=1, num_heads=2, embed_size=8, roberta=sizes
    ... )
    >>> model = load_finelap(FineLAP(**sizes).state_dict(), config=sizes)
    >>> model.spec.hop_seconds
    0.15625
    """
    config = {"frame_seconds": 10 / 64, **check_config(config, FineLAP)}
    state = read_state(source, HUB_FILES["finelap"][1])
    refuse_others(state, "FineLAP")
    state = _official(state)
    model = FineLAP(**config)
    return load_strict(model, state, optional=UNUSED)


def load_eat(source: str | Path | Mapping, config: dict | None = None) -> EAT:
    """Loads a pretrained EAT encoder, to start a FineLAP from.

    Arguments
    ---------
    source : str, Path or mapping
        A file, a folder or repository with `model.safetensors`, or a state
        dict, in the layout of fairseq or of Hugging Face. A classifier and
        a decoder of its pretraining are passed over.
    config : dict, optional
        Sizes other than those of the base model: any argument of
        :class:`~speechbrain_opensed.lobes.encoders.eat.EAT`.

    Returns
    -------
    EAT
        In `eval` mode.

    Raises
    ------
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> sizes = dict(embed_dim=16, depth=1, num_heads=2)
    >>> len(load_eat(EAT(**sizes).state_dict(), config=sizes).blocks)
    1
    """
    config = check_config(config, EAT)
    state = read_state(source, "model.safetensors")
    refuse_others(state, "EAT")
    model = EAT(**config)
    root = _root(state, AUDIO_ANCHOR).removesuffix(PATCHES)
    state = _renamed(state, lambda key: _eat_name(key.removeprefix(root)))
    return load_strict(model, state, optional=UNUSED_EAT)


def _official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under their official names."""
    state = _renamed(state, _modern)
    audio = _root(state, AUDIO_ANCHOR).removesuffix(PATCHES)
    text = _root(state, TEXT_ANCHOR)

    def name(key):
        if audio and key.startswith(audio):
            return AUDIO + "model." + _eat_name(key.removeprefix(audio))
        if text and key.startswith(text):
            return TEXT + key.removeprefix(text)
        return key

    return _renamed(state, name)


def _modern(key: str) -> str:
    key = key.removeprefix("module.")
    if key in RENAMED_SCALARS:
        return RENAMED_SCALARS[key]
    key = key.removeprefix("clap_model.")
    for old, new in RENAMED.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def _eat_name(key: str) -> str:
    """A name in the layout of fairseq, from there or from Hugging Face."""
    if key.startswith("pre_norm."):
        return PATCHES + "context_encoder.norm." + key.removeprefix("pre_norm.")
    if key.startswith(
        ("local_encoder.", "extra_tokens", "fixed_positional_encoder.")
    ):
        return PATCHES + key
    return key


def _root(state, anchor: str) -> str:
    """What stands before a name that occurs in every layout."""
    roots = [key.removesuffix(anchor) for key in state if key.endswith(anchor)]
    return min(roots, key=len, default="")


def _renamed(state, name) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for key, value in state.items():
        new = name(key)
        if new in renamed:
            raise ValueError(
                f"the checkpoint holds {new} twice, as {origin[new]} and as "
                f"{key}: remove one"
            )
        renamed[new], origin[new] = value, key
    return renamed
