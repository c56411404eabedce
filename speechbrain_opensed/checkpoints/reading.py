"""Reads checkpoints as tensors alone, and loads them strictly.

Nothing is unpickled: `.safetensors` files, or `.pt` files through torch's
`weights_only` reader.

Authors
 * The speechbrain-opensed contributors 2026
"""

import inspect
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from speechbrain_opensed.checkpoints.recognize import recognize, refuse_others

__all__ = [
    "HUB_FILES",
    "check_config",
    "load_strict",
    "read_file",
    "read_state",
]

# Names that stand for a file on a hub: (address, file name).
HUB_FILES = {
    "flexsed": ("Higobeatz/FlexSED", "ckpts/flexsed_as.pt"),
    "finelap": ("AndreasXi/FineLAP", "model.safetensors"),
    "dasheng_base": (
        "https://zenodo.org/records/11511780/files/dasheng_base.pt",
        "dasheng_base.pt",
    ),
    "dasheng_audioset": (
        "https://zenodo.org/records/13315686/files/dasheng_audioset_mAP497.pt",
        "dasheng_audioset_mAP497.pt",
    ),
}

_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def read_state(
    source: str | Path | Mapping, filename: str | None = None
) -> dict[str, Tensor]:
    """Reads the tensors of a checkpoint.

    Arguments
    ---------
    source : str, Path or mapping
        A file, a folder that holds `filename`, a name in `HUB_FILES`, a
        Hugging Face repository, or a state dict; `{'model': state}` and
        `{'state_dict': state}` are opened. What kind of file it is tells its
        content, not its name.
    filename : str, optional
        File to take from a folder or repository.

    Returns
    -------
    dict
        Name to tensor, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file or repository.
    ValueError
        If the file is no checkpoint, or holds more than tensors.

    Example
    -------
    >>> read_state({"model": {"weight": torch.ones(2)}})
    {'weight': tensor([1., 1.])}
    """
    if not isinstance(source, (str, PathLike, Mapping)):
        raise ValueError(
            f"a checkpoint is a file, a name or a state dict, not a "
            f"{type(source).__name__}"
        )
    if not isinstance(source, Mapping):
        source = read_file(_locate(source, filename))
    for key in ("model", "state_dict"):
        if isinstance(source, Mapping) and isinstance(source.get(key), Mapping):
            source = source[key]
    others = (
        [
            key
            for key, value in source.items()
            if not (isinstance(key, str) and isinstance(value, Tensor))
        ]
        if isinstance(source, Mapping)
        else [type(source).__name__]
    )
    if others:
        raise ValueError(
            f"the checkpoint holds more than tensors: {others[:5]}; give "
            "its state dict, or {'model': state dict}"
        )
    assert isinstance(source, Mapping)
    return dict(source)


def read_file(path: Path) -> Any:
    """Reads what a file of weights holds, and runs none of it.

    Arguments
    ---------
    path : Path
        Of safetensors, or of torch; its content tells.

    Returns
    -------
    Any
        Tensors, and plain data with torch.

    Raises
    ------
    ValueError
        If it is no checkpoint, or holds objects that would have to be run.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.pt"
    >>> torch.save({"cfg": {"layers": 2}}, path)
    >>> read_file(path)
    {'cfg': {'layers': 2}}
    """
    try:
        if _is_safetensors(path):
            return load_file(path)
        # As a file: by a path torch, too, goes by its suffix.
        with open(path, "rb") as file:
            return torch.load(file, "cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint of tensors alone "
            f"({_reason(error)}); "
            "download it again, or take the tensors out of it by `opensed "
            "convert-checkpoint`, which runs nothing"
        ) from error


def load_strict(
    module: nn.Module,
    state: Mapping[str, Tensor],
    optional: tuple[str, ...] = (),
) -> nn.Module:
    """Loads a state dict that has to fit name by name, shape by shape.

    Arguments
    ---------
    module : torch.nn.Module
        Takes the tensors.
    state : mapping
        Name to tensor.
    optional : tuple of str
        Parts of names of tensors that may be in the state and are computed
        here: they are left out.

    Returns
    -------
    torch.nn.Module
        The module, in `eval` mode.

    Raises
    ------
    ValueError
        Names what is missing, unexpected, of another shape or type, or holds
        NaN or infinity, or the model that they are of instead.

    Example
    -------
    >>> state = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    >>> load_strict(nn.Linear(2, 1), state).weight.tolist()
    [[1.0, 1.0]]
    """
    state = {
        key: value
        for key, value in state.items()
        if not any(part in key for part in optional)
    }
    own = module.state_dict()
    refuse_others(state, recognize(own))
    problems = {
        "missing": [k for k in own if k not in state],
        "unexpected": [k for k in state if k not in own],
        "of another shape": [
            f"{k} {list(state[k].shape)} for {list(own[k].shape)}"
            for k in own
            if k in state and state[k].shape != own[k].shape
        ],
    }
    if not any(problems.values()):
        problems |= _unusable(state, own)
    found = [
        f"{len(names)} {kind} ({', '.join(names[:6])}"
        f"{', …' if len(names) > 6 else ''})"
        for kind, names in problems.items()
        if names
    ]
    if found:
        raise ValueError(
            f"the checkpoint does not fit {type(module).__name__}: "
            + "; ".join(found)
            + ". Is it for another model, or of another size? Sizes go into "
            "config="
        )
    module.load_state_dict(state)
    return module.eval()


def _unusable(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Tensors that torch would load, but that are no weights."""
    types, broken = [], []
    for name, mine in own.items():
        value = state[name]
        if value.layout != torch.strided or (
            value.dtype not in _FLOATS
            if mine.dtype.is_floating_point
            else value.dtype != mine.dtype
        ):
            types.append(f"{name} {value.dtype} for {mine.dtype}")
        elif mine.dtype.is_floating_point:
            wild = ~torch.isfinite(value)
            # Masks may hold infinity, where the module's own do.
            if wild.any() and not torch.equal(
                value[wild].float(), mine.cpu()[wild].float()
            ):
                broken.append(f"{name}: {int(wild.sum())} of {value.numel()}")
    return {"of another type": types, "with NaN or infinite values": broken}


def _reason(error: Exception) -> str:
    # torch's own text advises to run what is in the file.
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    if named is not None:
        return f"it names {named[1]}, which is no tensor"
    return "it is empty, cut off or of another kind"


def check_config(config: dict | None, model: type) -> dict:
    """Sizes for a model, if it knows all of them.

    Arguments
    ---------
    config : dict or None
        Keyword arguments of the model.
    model : type
        Its class.

    Returns
    -------
    dict
        The same.

    Raises
    ------
    ValueError
        Names unknown keys.

    Example
    -------
    >>> check_config({"in_features": 2}, nn.Linear)
    {'in_features': 2}
    """
    if config is not None and not isinstance(config, Mapping):
        raise ValueError(
            f"config is a {type(config).__name__}: give a mapping of sizes, or "
            "None"
        )
    config = dict(config or {})
    known = list(inspect.signature(model).parameters)
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise ValueError(
            f"unknown config keys {unknown} for {model.__name__}: it takes "
            f"{sorted(known)}"
        )
    return config


def _is_safetensors(path: Path) -> bool:
    """Whether it begins with a length and a JSON object."""
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def _locate(source, filename: str | None) -> Path:
    name = str(source)
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir() and filename:
        for candidate in (path / filename, path / Path(filename).name):
            if candidate.is_file():
                return candidate
        raise FileNotFoundError(
            f"no {filename} in {path}: give the checkpoint's own path"
        )
    address, remote = HUB_FILES.get(name, (name, filename))
    if remote and address.startswith("https://"):
        return _download(address, remote)
    if remote and address.count("/") == 1 and not path.suffix:
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(address, remote))
        except Exception as error:
            raise FileNotFoundError(
                f"{remote} of {address} cannot be fetched "
                f"({type(error).__name__}); download it yourself and give "
                "its path"
            ) from error
    raise FileNotFoundError(
        f"no checkpoint at {source}: give a file, a folder, a state dict or "
        f"one of {sorted(HUB_FILES)}"
    )


def _download(address: str, name: str) -> Path:
    target = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Writes aside and renames, with a progress bar.
            torch.hub.download_url_to_file(address, str(target))
        except OSError as error:
            raise FileNotFoundError(
                f"{address} cannot be fetched ({error}); download it "
                "yourself and give its path"
            ) from error
    return target
