"""A run's folder belongs to one run: its settings, its sources, its data.

Checkpoints that were learned from something else are not gone on from.

Authors
 * The speechbrain-opensed contributors 2026
"""

import atexit
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import ruamel.yaml
import speechbrain as sb
from hyperpyyaml import resolve_references
from speechbrain.utils.distributed import ddp_init_group, run_on_main
from speechbrain.utils.run_opts import RunOptions

from lhotse_recipes.fingerprint import Stamp, content_of, digest, state_of
from lhotse_recipes.outputs import locked
from speechbrain_opensed.training.hparams import load_hparams

__all__ = ["claim_data", "claim_run", "start_run"]

# How a run is carried out and tested, not what it learns.
_HOW = frozenset(
    """
    number_of_epochs num_workers num_jobs valid_batch_size test_batch_size
    save_every ckpt_interval_minutes num_generated judges scheduler
    sampling_steps guidance guidance_text guidance_style style_strength
    test_sets leave_out_sets
    """.split()
)
# Folders that are written to.
_PLACES = frozenset(
    """
    output_folder output_dir save_folder cache_folder manifests mixtures
    train_log
    """.split()
)
# Folders that paths begin with: what they hold besides is not read.
_ROOTS = frozenset({"data_folder", "audio_root"})
_RUN_OPTIONS = (
    "precision",
    "auto_mix_prec",
    "bfloat16_mix_prec",
    "max_grad_norm",
    "grad_accumulation_factor",
    "remove_vector_weight_decay",
)
_FILES = "files of "
_ours: dict[str, ExitStack] = {}
_REMEDY = (
    "choose another output_folder, or remove it; where the same files were "
    "only moved or copied, write {} into its run.json and data.json"
)


def start_run(
    arguments: Sequence[str], either: Collection[str] = ()
) -> tuple[dict[str, Any], Any]:
    """Reads a recipe's command line and YAML, and takes the run's folder.

    Arguments
    ---------
    arguments : sequence of str
        The YAML, overrides and SpeechBrain's run options, as on the command
        line.
    either : collection of str
        See `hparams.load_hparams`.

    Returns
    -------
    hparams : dict
        The hyperparameters; `output_folder` is there and claimed.
    run_opts : dict or RunOptions
        SpeechBrain's run options.

    Raises
    ------
    FileNotFoundError
        If there is no such YAML.
    ValueError
        If a value cannot be right, or the folder is another run's: see
        `hparams.load_hparams` and `claim_run`. If an override would be taken
        for a longer option of SpeechBrain's.

    Example
    -------
    >>> start_run(["training.yaml", "--lr=0.2"])
    Traceback (most recent call last):
    FileNotFoundError: no hyperparameters at training.yaml
    """
    _refuse_abbreviations(arguments)
    hparams_file, run_opts, overrides = sb.parse_arguments(list(arguments))
    ddp_init_group(run_opts)
    hparams = load_hparams(hparams_file, overrides, either)
    run_on_main(claim_run, [hparams_file, overrides, hparams, run_opts])
    sb.create_experiment_directory(
        experiment_directory=hparams["output_folder"],
        hyperparams_to_save=hparams_file,
        overrides=overrides,
    )
    return hparams, run_opts


def _refuse_abbreviations(arguments: Sequence[str]) -> None:
    """SpeechBrain's parser takes the beginning of a name for the name."""
    names = [field.name for field in fields(RunOptions)]
    for word in arguments:
        given = word[2:].partition("=")[0] if word.startswith("--") else ""
        longer = [name for name in names if name.startswith(given)]
        if given and longer and given not in names:
            raise ValueError(
                f"--{given} would be taken for SpeechBrain's --{longer[0]}: "
                "write the whole name; a YAML's key cannot be called so"
            )


def claim_run(
    hparams_file: str | Path,
    overrides: str | Mapping[str, Any],
    hparams: Mapping[str, Any],
    run_opts: Mapping[str, Any] | None = None,
) -> None:
    """Marks the folder of a run as made from these settings and sources.

    To be called before anything is written there. Numbers of epochs, of
    workers and how a test is carried out may change from call to call. Until
    this process ends, no other one may have the folder.

    Arguments
    ---------
    hparams_file : str or Path
        The recipe's YAML.
    overrides : str or mapping
        As `speechbrain.parse_arguments` gives them.
    hparams : mapping
        What both gave, with `output_folder` and `save_folder`.
    run_opts : mapping, optional
        SpeechBrain's; what was given of precision and clipping counts.

    Raises
    ------
    ValueError
        If the folder is that of a run with other settings, of other files,
        or of one that does not say.
    OSError
        If another process has it.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> yaml = folder / "train.yaml"
    >>> _ = yaml.write_text(f"output_folder: {folder}/run\\nlr: 0.1\\n")
    >>> values = {"output_folder": folder / "run"}
    >>> claim_run(yaml, "", values)
    >>> claim_run(yaml, "lr: 0.2", values)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...run holds a run made from other lr (0.1 instead of 0.2): ...
    """
    output = Path(hparams["output_folder"])
    _keep_others_out(output)
    about = _about(hparams_file, overrides, output)
    options = {} if run_opts is None else run_opts
    for name in getattr(options, "overridden_args", options):
        if name in _RUN_OPTIONS:
            about[name] = options[name]
    stamp = Stamp(output / "run.json", about)
    if _vouched_for(stamp):
        return
    save = Path(hparams.get("save_folder") or output / "save")
    if stamp.read() is None and any(save.glob("CKPT*")):
        raise ValueError(
            f"{save} holds checkpoints of a run that does not say what it "
            f"learned from: {_REMEDY}"
        )
    # What was not there when the run began is what it made itself.
    begun = (stamp.read() or {}).get("about", {})
    then = {
        key: value
        for key, value in about.items()
        if key in begun or not key.startswith(_FILES)
    }
    if not Stamp(stamp.path, then).refuse_other("a run", _REMEDY) or (
        then != about
    ):
        stamp.write()


def _vouched_for(stamp: Stamp) -> bool:
    """Whether somebody wrote {} there: that it is the same run all the same."""
    path = Path(stamp.path)
    if not path.is_file() or path.read_text(encoding="utf-8").strip() != "{}":
        return False
    stamp.write()
    return True


def _keep_others_out(output: Path) -> None:
    place = os.path.realpath(output)
    if place not in _ours:
        opened = ExitStack()
        opened.enter_context(locked(output / "run.json"))
        atexit.register(opened.close)
        _ours[place] = opened


def claim_data(
    hparams: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> None:
    """Marks the folder of a run as that of the data that was prepared for it.

    Arguments
    ---------
    hparams : mapping
        With `output_folder`. The contents of the files count that keys
        ending in `_cuts` and `_references`, and `vocabulary`, name.
    data : mapping, optional
        What the preparation led to besides, as plain data.

    Raises
    ------
    ValueError
        If the run in that folder learned from other data.

    Example
    -------
    >>> hparams = {"output_folder": getfixture("tmp_path")}
    >>> claim_data(hparams, {"classes": ["cat", "dog"]})
    >>> claim_data(hparams, {"classes": ["hen"]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ... a run made from other classes (cat, dog instead of hen): ...
    """
    about = dict(data or {})
    for key, value in hparams.items():
        if not key.endswith(("_cuts", "_references")) and key != "vocabulary":
            continue
        # One manifest, or one for each corpus.
        several = isinstance(value, Mapping)
        for name, path in (value if several else {"": value}).items():
            if isinstance(path, str | Path) and os.path.isfile(path):
                about[f"{key} {name}".strip()] = content_of(path)
    stamp = Stamp(Path(hparams["output_folder"]) / "data.json", about)
    if not _vouched_for(stamp) and not stamp.refuse_other("a run", _REMEDY):
        stamp.write()


def _about(hparams_file, overrides, output: Path) -> dict[str, Any]:
    """Plain values by name, files by their state, all else by a digest."""
    text = Path(hparams_file).read_text(encoding="utf-8")
    reader = ruamel.yaml.YAML()
    defaults = reader.load(text)
    wanted = overrides
    if isinstance(overrides, str):
        wanted = reader.load(overrides) or {}
    below = [
        key
        for key, value in defaults.items()
        if str(value).startswith("<output_folder>")
    ]
    neutral = dict.fromkeys(_HOW & defaults.keys(), 1) | {
        key: key for key in {*(_PLACES & defaults.keys()), *below}
    }
    resolved = resolve_references(text, {**wanted, **neutral})
    values = reader.load(resolved)
    plain: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in values.items():
        kept = plain if _is_plain(value) else rest
        kept[key] = _untagged(value)
    for key in neutral:
        plain.pop(key, None)
    states = {}
    for key, place in _paths("", values):
        if key not in _PLACES | _ROOTS and os.path.exists(place):
            states[f"{_FILES}{place}"] = state_of(place, [output])
    return {**plain, **states, "objects of the YAML": digest(rest)}


def _tag(value: Any) -> str:
    tag = getattr(getattr(value, "tag", None), "value", None)
    return tag if tag and not tag.startswith("tag:yaml.org") else ""


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return False
    if isinstance(value, list):
        return not _tag(value) and all(map(_is_plain, value))
    return not _tag(value)


def _untagged(value: Any) -> Any:
    """Plain data, in which tags are texts."""
    if isinstance(value, Mapping):
        inner: Any = {str(k): _untagged(v) for k, v in value.items()}
    elif isinstance(value, list):
        inner = [_untagged(one) for one in value]
    else:
        inner = getattr(value, "value", value) if _tag(value) else value
    return [_tag(value), inner] if _tag(value) else inner


def _paths(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Texts that may be paths, with the key that they stand under."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(str(name), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(key, inner)
    elif isinstance(value, str) and (
        os.sep in value or key.endswith(("_folder", "_file", "_table"))
    ):
        yield key, value
