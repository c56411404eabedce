"""Tensors out of checkpoints that hold settings as objects beside them.

fairseq, with which EAT was trained, keeps its configuration in classes of its
own. Here nothing of them is imported or run: what their names stand for is an
object that does nothing.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from lhotse_recipes.io import write_atomically

__all__ = ["INERT_MODULES", "convert_checkpoint"]

#: Modules whose names may stand in a checkpoint, for objects that do nothing.
INERT_MODULES = (
    "argparse",
    "enum",
    "examples",
    "fairseq",
    "hydra",
    "omegaconf",
    "typing",
)


class _Inert:
    """In the place of whatever a checkpoint names."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def convert_checkpoint(source: str | Path, target: str | Path) -> int:
    """Writes the tensors of a checkpoint as safetensors.

    Arguments
    ---------
    source : str or Path
        A file that torch wrote; its tensors lie at the top level or under
        `model` or `state_dict`.
    target : str or Path
        A file that ends in `.safetensors`.

    Returns
    -------
    int
        How many tensors were written.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it names code of other modules than `INERT_MODULES`, cannot be
        read, or holds no tensors; if the target has another ending.

    Example
    -------
    >>> convert_checkpoint("nowhere.pt", "model.safetensors")
    Traceback (most recent call last):
    FileNotFoundError: no checkpoint nowhere.pt
    """
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"no checkpoint {source}")
    if target.suffix != ".safetensors":
        raise ValueError(f"{target}: give a name that ends in .safetensors")
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except Exception as error:
        raise ValueError(
            f"{source} is no checkpoint that torch wrote in the last years "
            f"({error}): files from before torch 1.6 cannot be read"
        ) from error
    strange = [n for n in names if n.partition(".")[0] not in INERT_MODULES]
    if strange:
        raise ValueError(
            f"{source} names code that no checkpoint of tensors and settings "
            f"needs: {', '.join(sorted(strange)[:5])}; it is not opened"
        )
    inert = [(_Inert, name) for name in names]
    try:
        with torch.serialization.safe_globals(inert):
            content = torch.load(source, "cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{source} cannot be read as tensors and settings: {error}"
        ) from error
    state = _tensors(content)
    if not state:
        raise ValueError(f"{source} holds no tensors")
    with write_atomically(target, "wb") as file:
        file.write(save(state))
    return len(state)


def _tensors(content: Any) -> dict[str, torch.Tensor]:
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        return {}
    return {
        name: value.detach().clone().contiguous()
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
