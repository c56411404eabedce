"""Fetch a detector's files and build it without trusting them.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import re
from pathlib import Path, PurePosixPath

import ruamel.yaml
from speechbrain.utils.fetching import FetchConfig, LocalStrategy, fetch
from speechbrain.utils.parameter_transfer import Pretrainer
from torch import nn

from speechbrain_opensed.checkpoints import load_strict, read_state
from speechbrain_opensed.core.hub import hub_address, hub_problem
from speechbrain_opensed.inference.safe_yaml import (
    check_yaml,
    load_safe_hyperpyyaml,
)

__all__ = ["load_interface"]

#: Top-level key of the YAML that is set to the folder it was loaded from.
FOLDER_KEY = "model_folder"
#: Top-level key that lists further files the YAML refers to.
FILES_KEY = "model_files"
_REMOTE = re.compile(r"https?://.+|\w[\w.-]*/[\w.-]+")


def load_interface(
    source: str | Path,
    hparams_file: str = "hyperparams.yaml",
    savedir: str | Path | None = None,
    *,
    overrides: dict | None = None,
    local_strategy: LocalStrategy = LocalStrategy.SYMLINK,
    fetch_config: FetchConfig = FetchConfig(),  # noqa: B008 (frozen)
) -> dict:
    """Build what an interface YAML describes and load its weights.

    It is what `speechbrain.inference.interfaces.pretrained_from_hparams`
    does, with the YAML vetted before anything is built, and weights read
    from `<name>.safetensors`, or `<name>.ckpt` as tensors alone.

    Arguments
    ---------
    source : str or Path
        Folder or repository.
    hparams_file : str
        Name of the YAML in it.
    savedir : str or Path, optional
        Where to keep what is fetched.
    overrides : dict, optional
        Values that replace top-level ones of the YAML.
    local_strategy : LocalStrategy
        How files get into `savedir`.
    fetch_config : FetchConfig
        Revision, token and whether the network may be used.

    Returns
    -------
    dict
        The values of the YAML, weights loaded, and `source_yaml`, where it
        is.

    Raises
    ------
    FileNotFoundError
        If the folder or a file in it is missing.
    ValueError
        If the YAML holds what it must not, lacks a key, or weights do not
        fit.

    Example
    -------
    >>> load_interface("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no folder ./nowhere: give one that export_detector ...
    """
    source = _checked_source(source)

    def get(name):
        if isinstance(source, Path) and not (source / name).is_file():
            raise FileNotFoundError(
                f"no {name} in {source}: is it a folder that "
                "export_detector wrote? A run's own folder is not one"
            )
        tried = isinstance(source, str) and fetch_config.allow_network
        if tried and not _is_kept(str(source), name, savedir):
            if problem := hub_problem():
                raise FileNotFoundError(
                    f"{name} of {source} is not on this machine and {problem}; "
                    f"download {hub_address()}/{source} to a folder and give "
                    "that"
                )
        if savedir is not None:
            (Path(savedir) / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            path = fetch(
                filename=name,
                source=str(source),
                savedir=savedir,
                local_strategy=local_strategy,
                fetch_config=fetch_config,
            )
        except Exception as error:
            # The hub's client has errors of its own for each circumstance.
            raise FileNotFoundError(
                f"cannot fetch {name} of {source} ({error}); check the name "
                "and the network, or give a local folder"
            ) from error
        return Path(path)

    yaml_path = get(hparams_file)
    try:
        text = yaml_path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{yaml_path} is not a text file") from error
    check_yaml(text, str(yaml_path))
    plain = ruamel.yaml.YAML().load(text)
    for name in plain.get(FILES_KEY) or ():
        get(_checked_name(name, yaml_path))
    overrides = dict(overrides or {})
    if FOLDER_KEY in plain:
        folder = os.path.abspath(yaml_path.parent)
        overrides.setdefault(FOLDER_KEY, folder)
    hparams = load_safe_hyperpyyaml(text, overrides, str(yaml_path))
    for name, module in _loadables(hparams, yaml_path).items():
        path = _weights(get, _checked_name(name, yaml_path))
        try:
            load_strict(module, read_state(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return {**hparams, "source_yaml": os.path.abspath(yaml_path)}


def _is_kept(repository: str, name: str, savedir: str | Path | None) -> bool:
    if repository.startswith("http"):
        return True  # a server of its own
    if savedir is not None and (Path(savedir) / name).is_file():
        return True
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, name), str)


def _loadables(hparams: dict, yaml_path: Path) -> dict[str, nn.Module]:
    """What gets weights: all of the modules, from beside the YAML."""
    for key, kind in (("modules", dict), ("pretrainer", Pretrainer)):
        if not isinstance(hparams.get(key), kind):
            raise ValueError(
                f"{yaml_path} has no '{key}:' ({kind.__name__}): write it "
                "with speechbrain_opensed.inference.export_detector"
            )
    pretrainer = hparams["pretrainer"]
    if pretrainer.paths or pretrainer.custom_hooks or pretrainer.conditions:
        raise ValueError(
            f"{yaml_path}: the pretrainer may only have 'loadables'; their "
            "weights lie beside the YAML as <name>.safetensors"
        )
    _check_covered(hparams["modules"], pretrainer.loadables, yaml_path)
    return pretrainer.loadables


def _check_covered(modules, loadables, yaml_path):
    """Refuse modules that would be used with random weights."""
    loaded = {
        id(parameter)
        for module in loadables.values()
        for parameter in module.parameters()
    }
    for name, module in modules.items():
        random = [
            parameter
            for parameter, tensor in getattr(
                module, "named_parameters", tuple
            )()
            # A frozen text encoder reads its own weights where it is built.
            if id(tensor) not in loaded
            and (tensor.requires_grad or name != "text_encoder")
        ]
        if random:
            raise ValueError(
                f"{yaml_path}: no weights are loaded for {len(random)} "
                f"tensors of {name!r}, such as {random[0]}; name it in the "
                "pretrainer's 'loadables', with its weights beside the YAML"
            )


def _checked_source(source):
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if isinstance(source, Path) or not _REMOTE.fullmatch(str(source)):
        raise FileNotFoundError(
            f"no folder {source}: give one that export_detector wrote, or "
            "the name OWNER/MODEL of a Hugging Face repository"
        )
    return str(source)


def _checked_name(name, yaml_path):
    parts = PurePosixPath(str(name)).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in str(name):
        raise ValueError(
            f"{yaml_path} refers to {name!r}: only files beside it may be used"
        )
    return str(name)


def _weights(get, name):
    try:
        return get(f"{name}.safetensors")
    except FileNotFoundError as first:
        try:
            return get(f"{name}.ckpt")
        except FileNotFoundError:
            raise first from None
