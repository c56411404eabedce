"""Reading a recipe's YAML, with errors that help.

Authors
 * The speechbrain-opensed contributors 2026
"""

import difflib
from pathlib import Path

import yaml
from hyperpyyaml import load_hyperpyyaml

__all__ = ["load_hparams"]


def load_hparams(path, overrides="") -> dict:
    """Builds what a recipe's YAML describes.

    Arguments
    ---------
    path : str or Path
        The YAML: the recipe's own, for it may build any object.
    overrides : str or mapping
        Values that replace top-level ones, as `speechbrain.parse_arguments`
        gives them.

    Returns
    -------
    dict
        The hyperparameters.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an override names no key of the file, or a `!PLACEHOLDER` is left.

    Example
    -------
    >>> path = getfixture("tmp_path") / "train.yaml"
    >>> _ = path.write_text("width: 4\\ndouble: !ref <width> * 2\\n")
    >>> load_hparams(path, {"width": 5})["double"]
    10
    >>> load_hparams(path, {"widht": 5})
    Traceback (most recent call last):
    ValueError: train.yaml has no key 'widht'; did you mean 'width'?
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no hyperparameters at {path}")
    text = path.read_text(encoding="utf-8")
    known = [
        key.value for key, _ in yaml.compose(text, Loader=yaml.SafeLoader).value
    ]
    wanted = overrides
    if isinstance(overrides, str):
        node = yaml.compose(overrides, Loader=yaml.SafeLoader)
        wanted = [key.value for key, _ in node.value] if node else []
    for key in wanted:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3)
            advice = (
                f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"its keys are {', '.join(known)}"
            )
            raise ValueError(f"{path.name} has no key {key!r}; {advice}")
    try:
        return load_hyperpyyaml(text, overrides)
    except ValueError as error:
        if "PLACEHOLDER" not in str(error):
            raise
        raise ValueError(
            f"{path.name} leaves values to you: {error}. Give them on the "
            "command line, such as --data_folder /path/to/data"
        ) from error
