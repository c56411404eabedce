"""Tables of many prompt-tuning runs: means, spreads, paired differences.

H is averaged over runs, as SEPT (https://arxiv.org/abs/2601.20867) does; the
H of averaged accuracies, which some papers print, stands beside it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence

from speechbrain_opensed.evaluation.prompt_results import (
    METHOD,
    SCORES,
    SETTING,
    Run,
    Units,
    by_seed,
    group_runs,
    mean_groups,
    method_of,
    setting_of,
)
from speechbrain_opensed.metrics.base_new import harmonic_mean

__all__ = ["class_table", "cost_table", "markdown", "result_table"]

COSTS = ("trained_parameters", "train_seconds", "inference_ms")
DIGITS = {"trained_parameters": 0, "train_seconds": 1, "inference_ms": 2}

Rows = list[list[str]]


def result_table(runs: Sequence[Run]) -> Rows:
    """Accuracies in percent, by dataset and method.

    Runs of a seed are averaged over folds; `±` is the standard deviation
    over seeds. Differences are those between runs of the same fold and seed,
    with SEPT and without; in parentheses the seeds that gained. Below are
    means over the datasets, for methods that were run on all of them.

    Arguments
    ---------
    runs : sequence of dict
        As of `prompt_results.read_results`.

    Returns
    -------
    list of list of str
        The table, its header first.

    Example
    -------
    >>> common = dict.fromkeys((*SETTING, *METHOD), None)
    >>> run = {**common, "dataset": "sesa", "host": "coop", "fold": 1}
    >>> run |= {"seed": 0, "scores": {"new": 0.3}, "zero_shot": {"new": 0.5}}
    >>> run |= {"sept_weight": 0}
    >>> better = {**run, "sept_weight": 1.0, "scores": {"new": 0.6}}
    >>> for row in result_table([run, better]):
    ...     print(row)
    ['dataset', 'method', 'runs', 'new', 'Δ new']
    ['sesa', 'zero-shot', '1', '50.0', '–']
    ['sesa', 'coop', '1', '30.0', '–']
    ['sesa', 'coop+SEPT', '1', '60.0', '+30.0 (1/1)']
    """
    groups = group_runs(runs)
    names = [
        score
        for score in SCORES
        if any(
            score in scores
            for methods in groups.values()
            for units in methods.values()
            for scores in units.values()
        )
    ]
    paired = any(
        _host(method) in methods
        for methods in groups.values()
        for method in methods
        if method != _host(method)
    )
    both = {"base", "new"} <= set(names)
    header = ["dataset", "method", "runs", *names]
    if both:
        header.insert(header.index("H") + 1, "H of means")
    if paired:
        header += [f"Δ {name}" for name in names]
    groups |= mean_groups(groups)
    say_setting, say_method = _settings(groups), _methods(groups)
    rows = [header]
    for setting, methods in groups.items():
        for method, units in methods.items():
            row = [say_setting(setting), say_method(method), str(len(units))]
            for name in names:
                row.append(_spread(by_seed(units, name).values()))
                if both and name == "H":
                    row.append(_h_of_means(units))
            host = methods.get(_host(method), {}) if len(method) > 1 else {}
            for name in names if paired else ():
                row.append(_gain(units, host, name))
            rows.append(row)
    return rows


def cost_table(runs: Sequence[Run]) -> Rows:
    """What training and inference cost, averaged over all runs of a method.

    Arguments
    ---------
    runs : sequence of dict
        As of `prompt_results.read_results`.

    Returns
    -------
    list of list of str
        The table, its header first.

    Example
    -------
    >>> run = dict.fromkeys((*SETTING, *METHOD), None) | {"host": "coop"}
    >>> run |= {"trained_parameters": 8192, "train_seconds": 4.21, "scores": {}}
    >>> cost_table([run | {"inference_ms": 0.5}])[1]
    ['None', 'coop', '8192', '4.2', '0.50']
    """
    groups: dict[tuple, dict[tuple, list[Run]]] = {}
    for run in runs:
        if method_of(run):
            methods = groups.setdefault(setting_of(run), {})
            methods.setdefault(method_of(run), []).append(run)
    say_setting, say_method = _settings(groups), _methods(groups)
    return [["dataset", "method", *COSTS]] + [
        [say_setting(setting), say_method(method)]
        + [
            f"{statistics.fmean(run[cost] for run in some):.{DIGITS[cost]}f}"
            for cost in COSTS
        ]
        for setting, methods in groups.items()
        for method, some in methods.items()
    ]


def class_table(runs: Sequence[Run], exam: str = "new") -> Rows:
    """Recall of each class in percent, over all runs of a method.

    Arguments
    ---------
    runs : sequence of dict
        As of `prompt_results.read_results`.
    exam : str
        `base`, `new`, `joint` or `target`.

    Returns
    -------
    list of list of str
        The table, its header first; runs without that exam are left out.

    Raises
    ------
    ValueError
        If no run has that exam.

    Example
    -------
    >>> run = dict.fromkeys((*SETTING, *METHOD), None) | {"host": "coop"}
    >>> run |= {"dataset": "sesa", "scores": {}}
    >>> run |= {"per_class": {"new": {"siren": {"clips": 4, "recall": 0.75}}}}
    >>> class_table([run])
    [['dataset', 'class', 'clips', 'coop'], ['sesa', 'siren', '4', '75.0']]
    """
    found: dict[tuple, dict[str, dict[tuple, list[Mapping]]]] = {}
    for run in runs:
        tables = {(): run.get("zero_shot_per_class", {})}
        if method_of(run):
            tables[method_of(run)] = run["per_class"]
        for method, exams in tables.items():
            for label, scores in exams.get(exam, {}).items():
                classes = found.setdefault(setting_of(run), {})
                told = classes.setdefault(label, {})
                told.setdefault(method, []).append(scores)
    if not found:
        raise ValueError(
            f"no run has an exam {exam!r} with classes; there may be base, "
            "new, joint or target"
        )
    methods = dict.fromkeys(
        method
        for classes in found.values()
        for told in classes.values()
        for method in told
    )
    say_setting, say_method = _settings(found), _methods({None: methods})
    rows = [["dataset", "class", "clips", *map(say_method, methods)]]
    for setting, classes in found.items():
        for label, told in classes.items():
            clips = max(one["clips"] for some in told.values() for one in some)
            recalls = [
                _spread([one["recall"] for one in told.get(method, ())])
                for method in methods
            ]
            rows.append([say_setting(setting), label, str(clips), *recalls])
    return rows


def markdown(rows: Rows) -> str:
    """A table as Markdown.

    Arguments
    ---------
    rows : list of list of str
        The table, its header first.

    Returns
    -------
    str

    Example
    -------
    >>> print(markdown([["a", "b"], ["1", "2|3"]]))
    | a | b |
    |---|---|
    | 1 | 2\\|3 |
    """
    lines = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _host(method: tuple) -> tuple:
    """The method without SEPT."""
    return method[:1]


def _h_of_means(units: Units) -> str:
    means = [by_seed(units, name).values() for name in ("base", "new")]
    if not all(means):
        return "–"
    return _percent(harmonic_mean(*map(statistics.fmean, means)))


def _gain(units: Units, host: Units, name: str) -> str:
    differences = {
        unit: {name: units[unit][name] - host[unit][name]}
        for unit in units.keys() & host.keys()
        if name in units[unit] and name in host[unit]
    }
    gains = by_seed(differences, name).values()
    if not gains:
        return "–"
    return f"{_spread(gains, '+')} ({sum(g > 0 for g in gains)}/{len(gains)})"


def _spread(values: Collection[float], sign: str = "") -> str:
    if not values:
        return "–"
    text = _percent(statistics.fmean(values), sign)
    if len(values) > 1:
        text += f" ± {_percent(statistics.stdev(values))}"
    return text


def _percent(value: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f}"


def _settings(groups: Mapping) -> Callable[[tuple], str]:
    """Says a setting by its dataset, and by whatever else differs."""
    varies = [k for k in (0, 3, 4) if len({s[k] for s in groups}) > 1]

    def say(setting: tuple) -> str:
        text = str(setting[1])
        if setting[2]:
            text += f" → {setting[2]}"
        more = [f"{SETTING[k]} {setting[k]}" for k in varies]
        return f"{text} ({', '.join(more)})" if more else text

    return say


def _methods(groups: Mapping) -> Callable[[tuple], str]:
    """Says a method by its host, and by settings of SEPT that differ."""
    full = {m for methods in groups.values() for m in methods if len(m) > 1}
    varies = [k for k in range(1, len(METHOD)) if len({m[k] for m in full}) > 1]

    def say(method: tuple) -> str:
        if len(method) < 2:
            return str(method[0]) if method else "zero-shot"
        more = [f"{METHOD[k]} {method[k]}" for k in varies]
        return f"{method[0]}+SEPT" + (f" ({', '.join(more)})" if more else "")

    return say
