"""Released weights of EfficientAT's MobileNets.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

from speechbrain_opensed.checkpoints.reading import (
    check_config,
    load_strict,
    read_state,
)
from speechbrain_opensed.checkpoints.recognize import refuse_others
from speechbrain_opensed.core.hub import models_folder
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet

__all__ = ["WEIGHTS_URL", "load_mobilenet"]

#: Where the authors offer `mn04_as_mAP_432.pt` and the other widths (MIT).
WEIGHTS_URL = (
    "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"
)


def load_mobilenet(
    source: str | Path | Mapping, config: dict | None = None
) -> MobileNet:
    """Loads a MobileNet of EfficientAT; its width is read from the tensors.

    Arguments
    ---------
    source : str, Path or mapping
        A file such as `mn04_as_mAP_432.pt`, there or in
        :func:`~speechbrain_opensed.core.hub.models_folder`, or a state dict
        in the released layout.
    config : dict, optional
        `width` and `num_tags`, where they shall not be read from the
        tensors.

    Returns
    -------
    MobileNet
        In `eval` mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the released ones are.
    ValueError
        Names missing and unexpected tensors, or an unknown key of `config`.

    Example
    -------
    >>> state = MobileNet(width=0.2, num_tags=5).state_dict()
    >>> load_mobilenet(state).num_tags
    5
    """
    config = check_config(config, MobileNet)
    if isinstance(source, str | Path):
        source = _find(Path(source))
    state = read_state(source)
    refuse_others(state, "MobileNet")
    if "classifier.2.bias" in state:
        config.setdefault("width", state["classifier.2.bias"].numel() / 1280)
    if "classifier.5.bias" in state:
        config.setdefault("num_tags", state["classifier.5.bias"].numel())
    return load_strict(MobileNet(**config), state)


def _find(path: Path) -> Path:
    for place in (path, models_folder() / path.name):
        if place.is_file():
            return place
    name = path.name if path.name.startswith("mn") else "mn04_as_mAP_432.pt"
    raise FileNotFoundError(
        f"no weights of a MobileNet at {path}: download {WEIGHTS_URL}{name} "
        f"(MIT licence) and give its path, or put it into {models_folder()}"
    )
