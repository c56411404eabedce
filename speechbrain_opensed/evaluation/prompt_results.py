"""Records of prompt-tuning runs, read and brought together.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lhotse_recipes.json_files import read_json

__all__ = [
    "METHOD",
    "SCORES",
    "SETTING",
    "by_seed",
    "group_runs",
    "mean_groups",
    "method_of",
    "read_results",
    "setting_of",
]

SETTING = ("protocol", "dataset", "target", "shots", "tower")
METHOD = ("host", "sept_weight", "intra", "inter", "margins", "num_neighbors")
SCORES = ("base", "new", "H", "joint", "target")

Run = dict[str, Any]
# (fold, seed) → scores
Units = dict[tuple, dict[str, float]]
# setting → method → units
Groups = dict[tuple, dict[tuple, Units]]


def read_results(paths: Iterable[str | Path]) -> list[Run]:
    """Reads the records of runs.

    Arguments
    ---------
    paths : iterable of str or Path
        Files `results.json`, or folders that are searched for them.

    Returns
    -------
    list of dict
        The records, sorted by what was run.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none below a folder.
    ValueError
        If a file is no record of a run, or two are of the same run.

    Example
    -------
    >>> read_results(["nowhere"])
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no results.json there; give folders of runs
    """
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        found = sorted(path.rglob("results.json")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise FileNotFoundError(
                f"{path}: no results.json there; give folders of runs"
            )
        files.update(dict.fromkeys(file.resolve() for file in found))
    runs: dict[tuple, tuple[Path, Run]] = {}
    for file in files:
        run = _read(file)
        key = (*setting_of(run), *method_of(run), run["fold"], run["seed"])
        if key in runs:
            raise ValueError(
                f"{runs[key][0]} and {file} are the same run; give one of them"
            )
        runs[key] = (file, run)
    return [runs[key][1] for key in sorted(runs, key=json.dumps)]


def setting_of(run: Run) -> tuple:
    """What a run was tested on, and by which model.

    Arguments
    ---------
    run : dict
        Its record.

    Returns
    -------
    tuple
        The fields `SETTING`.

    Example
    -------
    >>> setting_of(dict.fromkeys(SETTING, 1))
    (1, 1, 1, 1, 1)
    """
    return tuple(run[name] for name in SETTING)


def method_of(run: Run) -> tuple:
    """How a run was trained; without SEPT its settings mean nothing.

    Arguments
    ---------
    run : dict
        Its record.

    Returns
    -------
    tuple
        The fields `METHOD`, or the host alone; empty if nothing was trained.

    Example
    -------
    >>> run = dict.fromkeys(METHOD, 2) | {"sept_weight": 0}
    >>> method_of(run), method_of({**run, "scores": {}})
    ((), (2,))
    """
    if "scores" not in run:
        return ()
    return tuple(run[k] for k in (METHOD if run["sept_weight"] else METHOD[:1]))


def group_runs(runs: Sequence[Run]) -> Groups:
    """Scores by setting, method, and fold and seed.

    Arguments
    ---------
    runs : sequence of dict
        As of :func:`read_results`.

    Returns
    -------
    dict
        Setting to method to (fold, seed) to scores. The empty method is
        zero-shot, for which seeds make no difference.

    Example
    -------
    >>> run = dict.fromkeys((*SETTING, *METHOD, "fold", "seed"), 0)
    >>> group_runs([run | {"zero_shot": {"base": 0.5}}])
    {(0, 0, 0, 0, 0): {(): {(0, None): {'base': 0.5}}}}
    """
    groups: Groups = {}
    for run in runs:
        methods = groups.setdefault(setting_of(run), {(): {}})
        methods[()][run["fold"], None] = _scores(run["zero_shot"])
        if method_of(run):
            units = methods.setdefault(method_of(run), {})
            units[run["fold"], run["seed"]] = _scores(run["scores"])
    return groups


def mean_groups(groups: Groups) -> Groups:
    """Means over datasets, for methods that were run on all of a protocol's.

    Arguments
    ---------
    groups : dict
        As of :func:`group_runs`.

    Returns
    -------
    dict
        The same for the means, by seed; empty where there is one dataset.

    Example
    -------
    >>> units = [{(1, 0): {"base": 0.5}}, {(1, 0): {"base": 0.25}}]
    >>> groups = {
    ...     ("few_shot", k, None, 16, "clap"): {("coop",): units[k]}
    ...     for k in range(2)
    ... }
    >>> list(mean_groups(groups).values())
    [{('coop',): {(None, 0): {'base': 0.375}}}]
    """
    together: dict[tuple, list[dict]] = {}
    for (protocol, _, _, shots, tower), methods in groups.items():
        together.setdefault((protocol, shots, tower), []).append(methods)
    means: Groups = {}
    for (protocol, shots, tower), some in together.items():
        if len(some) < 2:
            continue
        common = [m for m in some[0] if all(m in others for others in some)]
        found = {m: _mean([methods[m] for methods in some]) for m in common}
        setting = (protocol, f"mean of {len(some)}", None, shots, tower)
        means[setting] = {m: units for m, units in found.items() if units}
    return means


def by_seed(units: Units, name: str) -> dict[Any, float]:
    """A score of each seed, averaged over folds.

    Arguments
    ---------
    units : dict
        (fold, seed) to scores.
    name : str
        The score.

    Returns
    -------
    dict
        Seed to mean; without the seeds that lack the score.

    Example
    -------
    >>> by_seed({(1, 0): {"H": 0.5}, (2, 0): {"H": 0.25}}, "H")
    {0: 0.375}
    """
    found: dict[Any, list[float]] = {}
    for (_, seed), scores in units.items():
        if name in scores:
            found.setdefault(seed, []).append(scores[name])
    return {seed: statistics.fmean(some) for seed, some in found.items()}


def _mean(some: Sequence[Units]) -> Units:
    """By seed, for seeds that all have."""
    means: Units = {}
    for name in SCORES:
        seeds = [by_seed(units, name) for units in some]
        for seed in seeds[0]:
            if all(seed in one for one in seeds):
                scores = means.setdefault((None, seed), {})
                scores[name] = statistics.fmean(one[seed] for one in seeds)
    return means


def _scores(found: Mapping[str, float]) -> dict[str, float]:
    return {name: found[name] for name in SCORES if name in found}


def _read(file: Path) -> Run:
    run = read_json(file)
    needed = {*SETTING, *METHOD, "fold", "seed", "zero_shot"}
    missing = needed - run.keys() if isinstance(run, dict) else needed
    if missing:
        raise ValueError(
            f"{file} is no record of a prompt-tuning run: it lacks "
            f"{', '.join(sorted(missing))}"
        )
    return run
