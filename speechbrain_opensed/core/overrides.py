"""What a command line puts in place of a recipe's values, checked at once.

Nothing that takes long is imported here: a wrong value is told before torch.

Authors
 * The speechbrain-opensed contributors 2026
"""

import difflib
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import ruamel.yaml
from ruamel.yaml.constructor import DuplicateKeyError

from speechbrain_opensed.core.kinds import check_kind

__all__ = ["read_overrides"]

# What there must be one of at least, or training has nothing to do.
AT_LEAST_ONE = {
    "batch_size",
    "depth",
    "embed_dim",
    "epoch_cuts",
    "num_heads",
    "num_jobs",
    "num_queries",
    "num_train",
    "num_valid",
    "number_of_epochs",
    "sampling_steps",
    "save_every",
    "test_batch_size",
    "valid_batch_size",
}
# Below 0 it is off, or it is what a user may try.
ANY_SIGN = {"max_grad_norm", "style_strength"}
# What ends like this lies between 0 and 1.
SHARES = (
    "_share",
    "ema_decay",
    "drop_path",
    "drop_both",
    "drop_text",
    "drop_style",
)


def read_overrides(
    path: str | Path,
    overrides: str | Mapping = "",
    either: Collection[str] = (),
) -> tuple[str, dict[str, Any]]:
    """Reads a recipe's YAML and checks what is to replace its values.

    Arguments
    ---------
    path : str or Path
        The YAML.
    overrides : str or mapping
        Values that replace top-level ones.
    either : collection of str
        Keys whose values may be of another kind than the default's.

    Returns
    -------
    text : str
        The YAML's text.
    overrides : dict
        The overrides, as they fit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an override names no key of the file, or is a value that cannot be
        right.

    Example
    -------
    >>> path = getfixture("tmp_path") / "train.yaml"
    >>> _ = path.write_text("width: 4\\n")
    >>> read_overrides(path, "width: 5")
    ('width: 4\\n', {'width': 5})
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no hyperparameters at {path}")
    text = path.read_text(encoding="utf-8")
    reader = ruamel.yaml.YAML()
    defaults = reader.load(text)
    if isinstance(overrides, str):
        try:
            wanted: Mapping = reader.load(overrides) or {}
        except DuplicateKeyError as error:
            raise ValueError(
                f"an override is given twice ({error.problem}): give it once"
            ) from error
    else:
        wanted = overrides
    fitting = dict(wanted)
    for key, value in wanted.items():
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, n=3)
            advice = (
                f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"its keys are {', '.join(defaults)}"
            )
            raise ValueError(f"{path.name} has no key {key!r}; {advice}")
        if key not in either:
            fitting[key] = check_kind(key, value, defaults)
        elif isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(
                f"--{key} is {value!r}, but has to be a text or a whole number"
            )
        _check_size(key, value, defaults[key])
    return text, fitting


def _check_size(key: str, value: Any, default: Any) -> None:
    """Values that cannot be right are refused before anything is read."""
    if key == "held_out" and isinstance(value, str):
        if not Path(value).is_file():
            raise FileNotFoundError(
                f"--{key} is {value!r}, and there is no such file: give a "
                "file with one class per line, or the classes as ['a', 'b']"
            )
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if not math.isfinite(value):
        raise ValueError(f"--{key} is {value}, but has to be finite")
    if key in AT_LEAST_ONE and value < 1:
        raise ValueError(f"--{key} is {value}, but has to be 1 or more")
    if key == "lr" and value <= 0:
        raise ValueError(f"--{key} is {value}, but has to be more than 0")
    # Where a recipe has a negative number, one may be wanted.
    counted = isinstance(default, (int, float)) and default >= 0
    if value < 0 and counted and key not in ANY_SIGN:
        raise ValueError(f"--{key} is {value}, but has to be 0 or more")
    if value > 1 and counted and key.endswith(SHARES):
        raise ValueError(f"--{key} is {value}, but is a share: 1 at most")
