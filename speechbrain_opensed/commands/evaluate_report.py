"""What `opensed evaluate` prints and keeps.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

__all__ = ["save_scores_of", "score_text"]

# Scores over fewer classes are announced as such.
_FEW = 3


def _few(table):
    number = len(next(iter(table["all"].values())).per_class)
    if number >= _FEW:
        return []
    return [
        f"only {number} of the classes {'has' if number == 1 else 'have'} "
        "events: these scores say little about a detector"
    ]


def score_text(
    table: dict, fscores: dict[str, float], areas: dict[str, float]
) -> str:
    """What is printed of an evaluation.

    Arguments
    ---------
    table : dict
        Groups of classes to names of scores to PsdsResult.
    fscores : dict of str to float
        Further scores over all classes.
    areas : dict of label to float
        Areas below the frames' ROC curves, where they were asked for.

    Returns
    -------
    str
        A row for each group, and for each further score.

    Example
    -------
    >>> score_text.__name__
    'score_text'
    """
    everything = table["all"]
    lines = _few(table)
    lines += [f"{'classes':<16}" + "".join(f"{name:>9}" for name in everything)]
    for group, results in table.items():
        count = len(next(iter(results.values())).per_class)
        lines.append(
            f"{f'{group} ({count})':<16}"
            + "".join(f"{result.psds:>9.4f}" for result in results.values())
        )
    lines += [f"{name:<16}{value:>9.4f}" for name, value in fscores.items()]
    if areas:
        lines.append(f"{'frame_AUROC':<16}{_mean(areas):>9.4f}")
    skipped = next(iter(everything.values())).skipped_classes
    if skipped:
        lines.append(
            f"{len(skipped)} classes without events left out: "
            + ", ".join(skipped[:5])
            + (", ..." if len(skipped) > 5 else "")
        )
    return "\n".join(lines)


def _mean(areas):
    known = [area for area in areas.values() if area == area]
    return sum(known) / len(known) if known else float("nan")


def save_scores_of(
    table: dict,
    fscores: dict[str, float],
    areas: dict[str, float],
    protocol: str,
    output: str | Path,
) -> None:
    """Write the scores of an evaluation as JSON.

    Arguments
    ---------
    table : dict
        See :func:`score_text`.
    fscores : dict of str to float
        See there.
    areas : dict of label to float
        See there.
    protocol : str
        Name of the settings.
    output : str or Path
        The file.

    Example
    -------
    >>> save_scores_of.__name__
    'save_scores_of'
    """
    from lhotse_recipes.io import write_json

    everything = table["all"]
    first = next(iter(everything.values()))
    about: dict[str, Any] = {
        group: {metric: result.psds for metric, result in results.items()}
        for group, results in table.items()
    }
    about["all"] |= fscores
    if areas:
        about["all"]["frame_AUROC"] = _mean(areas)
    about["per_class"] = {
        label: {
            "events": first.num_events[label],
            **{
                metric: result.per_class[label]
                for metric, result in everything.items()
            },
            **({"frame_AUROC": areas[label]} if areas else {}),
        }
        for label in first.per_class
    }
    about["skipped_classes"] = list(first.skipped_classes)
    about["protocol"] = protocol
    about["settings"] = {
        metric: result.settings for metric, result in everything.items()
    }
    write_json(output, about)
