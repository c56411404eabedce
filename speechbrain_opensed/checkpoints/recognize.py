"""Tells by the names of its tensors which model a checkpoint is of.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Mapping

__all__ = ["recognize", "refuse_others"]

# A model is known by tensors that no other has; the first that fits counts.
_MARKS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "FlexSED": (("cls_embed.", "sed_head."),),
    "FineLAP": (
        ("local_encoder.proj.", "embeddings.word_embeddings."),
        ("audio_encoder.", "global_text_proj."),
    ),
    "EAT": (("modality_encoders.IMAGE.",), ("local_encoder.proj.",)),
    "Tango": (
        ("unet.down_blocks.", "text_encoder."),
        ("first_stage_model.", "vocoder."),
        ("quant_conv.", "vocoder."),
        ("down_blocks.", "time_embedding.", "conv_in."),
    ),
    "HTSAT": (("audio_model.audio_encoder.patch_embed.",),),
    "BEATs": (("patch_embedding.weight", "encoder.pos_conv."),),
    "MobileNet": (("features.0.0.weight", "classifier."),),
    "Dasheng": (("patch_embed.proj.", "time_pos_embed"),),
}


def recognize(names: Collection[str]) -> str | None:
    """Which model the tensors of a checkpoint are of.

    Arguments
    ---------
    names : collection of str
        Names of the tensors.

    Returns
    -------
    str or None
        `FlexSED`, `FineLAP`, `EAT`, `Tango`, `HTSAT`, `BEATs`, `MobileNet`,
        `Dasheng`; None: none of these.

    Example
    -------
    >>> recognize(["patch_embed.proj.weight", "time_pos_embed"])
    'Dasheng'
    >>> recognize(["weight"]) is None
    True
    """
    for model, layouts in _MARKS.items():
        for marks in layouts:
            if all(any(mark in name for name in names) for mark in marks):
                return model
    return None


def refuse_others(names: Collection[str], model: str | None) -> None:
    """Raises where the tensors are those of another model.

    Arguments
    ---------
    names : collection of str
        Names of the tensors of a checkpoint.
    model : str or None
        What they should be of, as :func:`recognize` calls it. Names that are
        of no model that is known pass: what does not fit says so later.

    Raises
    ------
    ValueError
        Names both, and what loads the one that it is.

    Example
    -------
    >>> refuse_others(["patch_embed.proj.weight", "time_pos_embed"], "FlexSED")
    Traceback (most recent call last):
    ValueError: these are the weights of Dasheng, not of FlexSED: load them ...
    """
    found = recognize(names)
    if model is not None and found not in (None, model):
        raise ValueError(
            f"these are the weights of {found}, not of {model}: load them by "
            f"load_{str(found).lower()}, or give the file of {model}"
        )
