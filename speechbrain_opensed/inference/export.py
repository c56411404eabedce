"""From a training run to a folder that an inference interface loads.

Authors
 * The speechbrain-opensed contributors 2026
"""

import dataclasses
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ruamel.yaml
from hyperpyyaml import resolve_references
from safetensors.torch import save_file
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.outputs import rewrite_folder
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.calibration import Calibration
from speechbrain_opensed.inference.card import model_card
from speechbrain_opensed.inference.loading import FILES_KEY, FOLDER_KEY
from speechbrain_opensed.inference.safe_yaml import check_yaml
from speechbrain_opensed.lobes.text.learned import LearnedPhrases

__all__ = ["export_again", "export_detector", "export_generator"]

_HEAD = """\
# {what}, written by speechbrain-opensed. To use it:
#   {user}.from_hparams(source="THIS FOLDER")
"""
_YAML = "hyperparams.yaml"
_CARD = "README.md"


def export_detector(
    folder: str | Path,
    hparams_file: str | Path,
    modules: Mapping,
    *,
    overrides: dict | None = None,
    spec: SedSpec | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a trained model so that it can be loaded, moved and shared.

    The training YAML's keys `spec`, `model` and `text_encoder` go into
    `hyperparams.yaml`, the weights into `model.safetensors`, and files that
    the text encoder reads, such as a table of embeddings, beside them; a
    `README.md` says what the model is, if there is none of yours. The
    folder appears whole or not at all; of an older export only the files
    that it wrote are replaced, and what else lies there stays.

    Arguments
    ---------
    folder : str or Path
        Where to.
    hparams_file : str or Path
        YAML of the training: the one in a run's output folder, with its
        references resolved, or a recipe's.
    modules : mapping
        Trained modules with the key `model`, such as a Brain's.
    overrides : dict, optional
        Overrides that the training was started with, for a recipe's YAML.
    spec : SedSpec, optional
        Replaces the YAML's, for instance with the classes of the data.
    about : mapping, optional
        What the README tells besides: see
        :func:`~speechbrain_opensed.inference.card.model_card`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no such YAML.
    ValueError
        If a key is missing, the YAML builds things that a detector may not
        load, or a file of the export's name lies there that no export wrote.

    Example
    -------
    >>> import tempfile
    >>> from speechbrain_opensed.inference import SoundEventDetector
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> yaml = '''
    ... spec: !new:speechbrain_opensed.core.spec.SedSpec
    ... text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    ...     dim: 8
    ... model: !new:speechbrain_opensed.lobes.flexsed.FlexSED
    ...     {embed_dim: 16, depth: 2, num_heads: 2, ft_blocks: 1, cls_dim: 8}
    ... '''
    >>> trained = {"model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.yaml").write_text(yaml)
    ...     out = export_detector(
    ...         f"{folder}/out", f"{folder}/train.yaml", trained
    ...     )
    ...     detector = SoundEventDetector.from_hparams(out)
    >>> detector.spec.window_seconds
    10.0
    """  # noqa: E501
    return _export(
        Path(folder),
        Path(hparams_file),
        modules,
        overrides,
        ["spec"],
        ["model"],
        _HEAD.format(what="Sound event detector", user="SoundEventDetector"),
        {
            **({} if spec is None else {"spec": _spec_node(spec)}),
            **({} if not about else {"about": json.loads(json.dumps(about))}),
        },
        card=True,
    )


def export_generator(
    folder: str | Path,
    hparams_file: str | Path,
    modules: Mapping,
    overrides: dict | None = None,
) -> Path:
    """Write a trained generator so that it can be loaded, moved and shared.

    The training YAML's keys `spec`, `ref_seconds`, `codec`, `unet`,
    `adapter` and `text_encoder` go into `hyperparams.yaml`, the weights of
    codec, U-Net and adapter beside it, each as `<name>.safetensors`, and so
    does a folder that the text encoder is read from. In the YAML, classes of
    other libraries have their full names, such as
    `!new:diffusers.models.unets.unet_2d_condition.UNet2DConditionModel`.

    Arguments
    ---------
    folder : str or Path
        Where to.
    hparams_file : str or Path
        YAML of the training.
    modules : mapping
        Trained modules with the keys `codec`, `unet` and `adapter`.
    overrides : dict, optional
        Overrides that the training was started with, for a recipe's YAML.

    Returns
    -------
    Path
        The folder, which appears whole or not at all.

    Raises
    ------
    FileNotFoundError
        If there is no such YAML.
    ValueError
        If a key is missing, the YAML builds things that a generator may not
        load, or a file of the export's name lies there that no export wrote.

    Example
    -------
    >>> modules = dict.fromkeys(("codec", "unet", "adapter"))
    >>> export_generator("out", "no.yaml", modules)
    Traceback (most recent call last):
    FileNotFoundError: no YAML at no.yaml: give the training's
    """
    return _export(
        Path(folder),
        Path(hparams_file),
        modules,
        overrides,
        ["spec", "ref_seconds"],
        ["codec", "unet", "adapter"],
        _HEAD.format(what="Sound generator", user="StyleTransferGenerator"),
    )


def export_again(
    folder: str | Path,
    source_yaml: str | Path | None,
    modules: Mapping[str, nn.Module],
    *,
    calibration: Calibration | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a detector that was loaded from an export, with what it learned.

    Arguments
    ---------
    folder : str or Path
        Where to; it may be the folder that it came from.
    source_yaml : str or Path, optional
        The YAML that it was loaded from.
    modules : mapping
        Its `model` and `text_encoder`.
    calibration : Calibration, optional
        Of its scores.
    about : mapping, optional
        What its README tells.

    Returns
    -------
    Path
        The folder, which appears whole or not at all.

    Raises
    ------
    ValueError
        If it was not loaded from an export.

    Example
    -------
    >>> export_again("out", None, {})
    Traceback (most recent call last):
    ValueError: this detector was not loaded from an export: ...
    """
    if source_yaml is None:
        raise ValueError(
            "this detector was not loaded from an export: write one with "
            "export_detector, load that, teach it and export it again"
        )
    more = {}
    if calibration is not None:
        more["calibration"] = calibration.to_dict()
    if about:
        more["about"] = dict(about)
    with scratch_folder() as scratch:
        learned, phrases = None, []
        if isinstance(modules["text_encoder"], LearnedPhrases):
            learned = scratch / "learned.safetensors"
            phrases = list(modules["text_encoder"].table)
            save_file(modules["text_encoder"].table, learned)
        return _export(
            Path(folder),
            Path(source_yaml),
            modules,
            {FOLDER_KEY: os.path.dirname(source_yaml)},
            ["spec"],
            ["model"],
            _HEAD.format(
                what="Sound event detector", user="SoundEventDetector"
            ),
            more,
            learned,
            phrases,
            card=True,
        )


def _with_learned(node, table):
    """The text encoder's node, around which goes one with a table."""
    tag = f"!new:{LearnedPhrases.__module__}.{LearnedPhrases.__name__}"
    if str(getattr(node, "tag", "") or "").endswith(
        f".{LearnedPhrases.__name__}"
    ):
        node = node["encoder"]
    outer = ruamel.yaml.comments.CommentedMap(
        {"encoder": node, "table": str(table)}
    )
    outer.yaml_set_ctag(ruamel.yaml.Tag(suffix=tag))
    return outer


def _export(
    folder,
    hparams_file,
    modules,
    overrides,
    plain,
    weights,
    head,
    replaced=(),
    learned=None,
    phrases=(),
    card=False,
):
    files = [_YAML, *(f"{name}.safetensors" for name in weights)]
    missing = [name for name in weights if name not in modules]
    if missing:
        raise ValueError(
            f"modules has no {missing[0]!r}, only {sorted(modules)}: give "
            "the Brain's modules"
        )
    wanted = (*plain, *weights, "text_encoder")
    tree = _read_tree(hparams_file, overrides, wanted)
    tree.update(replaced)
    if learned is not None:
        tree["text_encoder"] = _with_learned(tree["text_encoder"], learned)
    with rewrite_folder(
        folder, _YAML, files, gives_way=_CARD if card else None
    ) as temporary:
        try:
            copied = _copy_files(tree["text_encoder"], temporary)
            text = head + _dump(tree, copied) + _tail(weights)
            check_yaml(text, f"the part of {hparams_file} that is exported")
            (temporary / _YAML).write_text(text, encoding="utf-8")
            if card:
                (temporary / _CARD).write_text(
                    model_card(tree, phrases), encoding="utf-8"
                )
            for name in weights:
                path = temporary / f"{name}.safetensors"
                save_file(_state(modules[name]), path)
                # safetensors makes files that only their owner can read.
                shutil.copymode(temporary / _YAML, path)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror or error}; nothing was exported, free some "
                "space or choose another folder",
                str(folder),
            ) from error
    return folder


def _tail(weights):
    lines = ["modules:"]
    lines += [f"    {x}: !ref <{x}>" for x in (*weights, "text_encoder")]
    lines.append(
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer"
    )
    lines.append("    loadables:")
    lines += [f"        {x}: !ref <{x}>" for x in weights]
    return "\n".join(lines) + "\n"


def _read_tree(hparams_file, overrides, wanted):
    if not hparams_file.is_file():
        raise FileNotFoundError(
            f"no YAML at {hparams_file}: give the training's"
        )
    # It is the user's own file; what goes out is checked before it is
    # written.
    with open(hparams_file, encoding="utf-8") as file:
        resolved = resolve_references(file, overrides or {}).getvalue()
    tree = ruamel.yaml.YAML().load(resolved)
    missing = [key for key in wanted if key not in tree]
    if missing:
        raise ValueError(
            f"{hparams_file} has no top-level '{missing[0]}:': an export "
            f"needs {', '.join(wanted)}"
        )
    return {key: tree[key] for key in wanted}


def _spec_node(spec):
    node = ruamel.yaml.comments.CommentedMap(dataclasses.asdict(spec))
    node["classes"] = list(spec.classes)
    node.yaml_set_ctag(
        ruamel.yaml.Tag(suffix=f"!new:{SedSpec.__module__}.SedSpec")
    )
    return node


def _copy_files(node, target):
    """Copy files that a node names; its values become paths in the export."""
    copied = []
    for key, value in list(node.items() if hasattr(node, "items") else ()):
        if hasattr(value, "items"):
            copied += _copy_files(value, target)
        elif isinstance(value, str) and os.sep in value and _exists(value):
            source = Path(value).expanduser()
            name = f"text_encoder/{key}/{source.name}"
            destination = target / name
            destination.parent.mkdir(parents=True)
            if source.is_dir():
                shutil.copytree(source, destination)
                copied += [
                    path.relative_to(target).as_posix()
                    for path in sorted(destination.rglob("*"))
                    if path.is_file()
                ]
            else:
                shutil.copyfile(source, destination)
                copied.append(name)
            node[key] = ruamel.yaml.comments.TaggedScalar(
                f"<{FOLDER_KEY}>/{name}", tag="!ref"
            )
    return copied


def _exists(value):
    path = Path(value).expanduser()
    return path.is_file() or (path / "config.json").is_file()


def _dump(tree, files):
    head = {}
    if files:
        head = {FOLDER_KEY: ".", FILES_KEY: files}
    yaml, text = ruamel.yaml.YAML(), io.StringIO()
    yaml.indent(mapping=4, sequence=6, offset=4)
    yaml.width = 80
    yaml.dump({**head, **tree}, text)
    return text.getvalue()


def _state(model):
    # As if nothing had wrapped it: for several processes, or compiled.
    while True:
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            break
    return {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in model.state_dict().items()
    }
