"""Released weights of EfficientAT's MobileNets.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

from speechbrain_opensed.checkpoints.reading import (
    check_config,
    load_strict,
    read_state,
)
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet

__all__ = ["WEIGHTS_URL", "load_mobilenet"]

#: Where the authors offer `mn04_as_mAP_432.pt` and the other widths (MIT).
WEIGHTS_URL = (
    "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"
)


def load_mobilenet(source, config: dict | None = None) -> MobileNet:
    """Loads a MobileNet of EfficientAT; its width is read from the tensors.

    Arguments
    ---------
    source : str, Path or mapping
        A file such as `mn04_as_mAP_432.pt`, or a state dict in the released
        layout.
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
    if isinstance(source, str | Path) and not Path(source).is_file():
        name = Path(source).name
        if not name.startswith("mn"):
            name = "mn04_as_mAP_432.pt"
        raise FileNotFoundError(
            f"no weights of a MobileNet at {source}: download "
            f"{WEIGHTS_URL}{name} (MIT licence) and give its path"
        )
    state = read_state(source)
    if "classifier.2.bias" in state:
        config.setdefault("width", state["classifier.2.bias"].numel() / 1280)
    if "classifier.5.bias" in state:
        config.setdefault("num_tags", state["classifier.5.bias"].numel())
    return load_strict(MobileNet(**config), state)
