"""Reading a recipe's YAML, with errors that help.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hyperpyyaml import load_hyperpyyaml

from speechbrain_opensed.core.overrides import read_overrides

__all__ = ["load_hparams"]


def load_hparams(
    path: str | Path,
    overrides: str | Mapping = "",
    either: Collection[str] = (),
) -> dict[str, Any]:
    """Builds what a recipe's YAML describes.

    An override has to be of its default's kind: `no` for a switch is a text,
    and a text is true.

    Arguments
    ---------
    path : str or Path
        The YAML: the recipe's own, for it may build any object.
    overrides : str or mapping
        Values that replace top-level ones, as `speechbrain.parse_arguments`
        gives them.
    either : collection of str
        Keys whose values may be of another kind than the default's.

    Returns
    -------
    dict
        The hyperparameters.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an override names no key of the file, or is a value that cannot be
        right; if a `!PLACEHOLDER` is left.

    Example
    -------
    >>> path = getfixture("tmp_path") / "train.yaml"
    >>> _ = path.write_text("width: 4\\ndouble: !ref <width> * 2\\n")
    >>> load_hparams(path, {"width": 5})["double"]
    10
    >>> load_hparams(path, {"widht": 5})
    Traceback (most recent call last):
    ValueError: train.yaml has no key 'widht'; did you mean 'width'?
    >>> load_hparams(path, "width: wide")
    Traceback (most recent call last):
    ValueError: --width is 'wide', but has to be a whole number, such as 4
    """
    text, fitting = read_overrides(path, overrides, either)
    try:
        return load_hyperpyyaml(text, fitting)
    except ValueError as error:
        if "PLACEHOLDER" not in str(error):
            raise
        raise ValueError(
            f"{Path(path).name} leaves values to you: {error}. Give them on "
            "the command line, such as --data_folder /path/to/data"
        ) from error
