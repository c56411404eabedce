"""Released weights of FlexSED and of Dasheng, its encoder.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

from speechbrain_opensed.checkpoints.reading import (
    HUB_FILES,
    check_config,
    load_strict,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import refuse_others
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng, resize_positions
from speechbrain_opensed.lobes.flexsed import FlexSED

__all__ = ["load_dasheng", "load_flexsed"]


def load_dasheng(
    source: str | Path | Mapping = "dasheng_base", config: dict | None = None
) -> Dasheng:
    """Loads a pretrained Dasheng encoder.

    Arguments
    ---------
    source : str, Path or mapping
        `dasheng_base`, `dasheng_audioset`, a file, or a state dict in the
        released layout.
    config : dict, optional
        Sizes other than those of the base model: `embed_dim`, `depth`,
        `num_heads`, `target_length`, `sample_rate`.

    Returns
    -------
    Dasheng
        In `eval` mode. A table of positions of another length is cut or
        interpolated.

    Raises
    ------
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> sizes = dict(embed_dim=16, depth=1, num_heads=2)
    >>> encoder = load_dasheng(Dasheng(**sizes).state_dict(), config=sizes)
    >>> len(encoder.blocks)
    1
    """
    config = check_config(config, Dasheng)
    state = read_state(source)
    refuse_others(state, "Dasheng")
    model = Dasheng(**config)
    # The variant fine-tuned on AudioSet brings its classifier.
    state = {k: v for k, v in state.items() if not k.startswith("outputlayer")}
    if "time_pos_embed" in state:
        state["time_pos_embed"] = resize_positions(
            state["time_pos_embed"], model.time_pos_embed.shape[-1]
        )
    return load_strict(model, state, optional=("front_end.",))


def load_flexsed(
    source: str | Path | Mapping = "flexsed", config: dict | None = None
) -> FlexSED:
    """Loads a FlexSED model.

    Arguments
    ---------
    source : str, Path or mapping
        `flexsed` (the released weights), a file, a folder or repository
        with `ckpts/flexsed_as.pt`, or a state dict in the released layout.
    config : dict, optional
        Sizes other than those of the released model: any argument of
        :class:`~speechbrain_opensed.lobes.flexsed.FlexSED`.

    Returns
    -------
    FlexSED
        In `eval` mode.

    Raises
    ------
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> sizes = dict(embed_dim=16, depth=2, num_heads=2, ft_blocks=[1])
    >>> model = load_flexsed(FlexSED(**sizes).state_dict(), config=sizes)
    >>> len(model.decoder.blocks)
    1
    """
    config = check_config(config, FlexSED)
    state = read_state(source, HUB_FILES["flexsed"][1])
    refuse_others(state, "FlexSED")
    return load_strict(FlexSED(**config), state, optional=("front_end.",))
