"""The part of `opensed evaluate` that compares tables with tables.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import amount_option, stacked

__all__ = ["TABLE_OPTIONS", "evaluate_tables", "table_options"]

_PSDS = ("cttc", "alpha_ct", "alpha_st", "max_efpr")
#: Names of the options of :func:`table_options`.
TABLE_OPTIONS = (
    *("reference", "detected", "durations", "encoding", "collar"),
    *("collar_rate", "segment", "dtc", "gtc", *_PSDS),
)
_FILE = click.Path(dir_okay=False, path_type=Path)
_SHARE = click.FloatRange(0, 1)
# The two scenarios of DCASE's task 4 since 2021.
_DCASE = {
    "PSDS1": (
        {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "cttc_threshold": 0.0},
        {"alpha_ct": 0.0, "alpha_st": 1.0},
    ),
    "PSDS2": (
        {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3},
        {"alpha_ct": 0.5, "alpha_st": 1.0},
    ),
}


def table_options(function: Callable) -> Callable:
    """Options of the comparison of tables.

    Arguments
    ---------
    function : callable
        The command.

    Returns
    -------
    callable
        The same with options.

    Example
    -------
    >>> @click.command()
    ... @table_options
    ... def compare(**options):
    ...     "Compares."
    >>> {option.name for option in compare.params} == set(TABLE_OPTIONS)
    True
    """
    return stacked(
        click.option(
            "--reference",
            type=_FILE,
            help="Table of the true events (tsv, csv or txt of DCASE, TUT or "
            "sed_eval), in place of CUTS; with --detected.",
        ),
        click.option(
            "--detected",
            type=click.Path(path_type=Path),
            multiple=True,
            help="Table of detections; several, or a folder of them, are the "
            "operating points of one detector and give PSDS as well.",
        ),
        click.option(
            "--durations",
            type=_FILE,
            help="Table of filename and duration of the clips; PSDS needs it.",
        ),
        click.option("--encoding", default="utf-8", help="Of the tables."),
        amount_option(
            "--collar",
            default=0.2,
            help="Seconds by which an event's borders may be off.",
        ),
        click.option(
            "--collar-rate",
            type=_SHARE,
            default=0.2,
            help="Share of its length by which its offset may be off, where "
            "that is longer.",
        ),
        amount_option("--segment", default=1.0, help="Seconds of a segment."),
        click.option(
            "--dtc",
            type=_SHARE,
            default=0.5,
            help="Share of a detection that must lie on events.",
        ),
        click.option(
            "--gtc",
            type=_SHARE,
            default=0.5,
            help="Share of an event that detections must cover.",
        ),
        click.option(
            "--cttc",
            type=_SHARE,
            default=0.3,
            help="Share of a false detection that must lie on events of "
            "another class for it to be a cross trigger; of the row PSDS.",
        ),
        click.option(
            "--alpha-ct",
            type=_SHARE,
            default=0.0,
            help="Weight of cross triggers; of the row PSDS.",
        ),
        click.option(
            "--alpha-st",
            type=click.FloatRange(0),
            default=0.0,
            help="Weight of the deviation between classes; of the row PSDS.",
        ),
        amount_option(
            "--max-efpr",
            default=100.0,
            help="False alarms per hour up to which PSDS looks.",
        ),
    )(function)


def evaluate_tables(
    given: Collection[str], output: Path | None, **options: Any
) -> None:
    """Compare tables, print the numbers and keep them.

    Arguments
    ---------
    given : Collection[str]
        Names of the options on the command line.
    output : Path or None
        Where the results go, as JSON.
    **options
        Those of :func:`table_options`.

    Raises
    ------
    ValueError
        If a table is missing, tables do not fit together, or an option has
        no effect.

    Example
    -------
    >>> evaluate_tables(["reference"], None, reference="a.tsv", detected=())
    Traceback (most recent call last):
    ValueError: --reference and --detected go together: name a table for each
    """
    reference, detected = options["reference"], options["detected"]
    if reference is None or not detected:
        raise ValueError(
            "--reference and --detected go together: name a table for each"
        )
    from tqdm import tqdm

    from speechbrain_opensed.evaluation.event_tables import (
        find_event_tables,
        read_event_tables,
    )

    paths = find_event_tables(detected)
    of_psds = [name for name in _PSDS if name in given]
    if of_psds and (len(paths) == 1 or options["durations"] is None):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in of_psds)
        raise ValueError(
            f"{names} has no effect: PSDS needs several tables of --detected, "
            "one for each threshold, and --durations"
        )
    if "cttc" in given and not options["alpha_ct"]:
        raise ValueError(
            "--cttc has no effect: cross triggers weigh nothing without "
            "--alpha-ct"
        )
    true, tables, durations = read_event_tables(
        reference, paths, options["durations"], options["encoding"]
    )
    notes = [*true.notes]
    results: dict[str, Any] = {}
    points: dict[Any, Any] = {}
    for table in tqdm(tables, desc="comparing", unit=" tables", delay=2):
        results[str(table.path)] = _compare(
            true.events, table.events, durations, options
        )
        notes += table.notes
        if len(tables) > 1 and durations is not None:
            _add_point(points, true.events, table.events, durations, options)
    psds = _psds(points, options) if points else {}
    for note in dict.fromkeys(notes):
        click.echo(note, err=True)
    click.echo(_text(true, results, psds, len(tables), durations))
    if output is not None:
        _save(output, true, results, psds, notes, options)
        click.echo(f"wrote {output}")


def _compare(true, found, durations, options):
    from speechbrain_opensed.metrics.operating_points import (
        count_intersections,
    )
    from speechbrain_opensed.metrics.tables import event_based, segment_based

    collars = {
        "onset_collar": options["collar"],
        "offset_collar": options["collar"],
        "offset_collar_rate": options["collar_rate"],
    }
    return {
        "event_based": event_based(true, found, **collars),
        "onset_based": event_based(true, found, **collars, onsets_only=True),
        "segment_based": segment_based(
            true, found, durations, options["segment"]
        ),
        "intersection_based": count_intersections(
            true,
            found,
            durations,
            dtc_threshold=options["dtc"],
            gtc_threshold=options["gtc"],
        ).result,
    }


def _scenarios(options):
    own = {
        f"{name}_threshold": options[name] for name in ("dtc", "gtc", "cttc")
    }
    weights = {name: options[name] for name in ("alpha_ct", "alpha_st")}
    return {**_DCASE, "PSDS": (own, weights)}


def _add_point(points, true, found, durations, options):
    from speechbrain_opensed.metrics.operating_points import (
        count_intersections,
    )

    for name, (criteria, _) in _scenarios(options).items():
        points.setdefault(name, []).append(
            count_intersections(true, found, durations, **criteria)
        )


def _psds(points, options):
    from speechbrain_opensed.metrics.operating_points import psds_of_points

    return {
        name: psds_of_points(
            points[name], max_efpr=options["max_efpr"], **weights
        )
        for name, (_, weights) in _scenarios(options).items()
    }


_COLUMNS = {
    "event F": ("event_based", "micro"),
    "macro": ("event_based", "macro"),
    "ER": ("event_based", "error_rate"),
    "onset F": ("onset_based", "micro"),
    "segm. F": ("segment_based", "micro"),
    "macro ": ("segment_based", "macro"),
    "ER ": ("segment_based", "error_rate"),
    "inters. F": ("intersection_based", "macro"),
}


def _text(true, results, psds, number, durations):
    width = max(len("table"), *(len(Path(path).name) for path in results))
    lines = [
        f"reference: {true.number} events of {len(true.labels)} classes in "
        f"{len(true.events)} clips",
        f"{'table':<{width}}" + "".join(f"{name:>10}" for name in _COLUMNS),
    ]
    for path, of_table in results.items():
        values = (getattr(of_table[k], v) for k, v in _COLUMNS.values())
        lines.append(
            f"{Path(path).name:<{width}}"
            + "".join(f"{value:>10.4f}" for value in values)
        )
    if number == 1:
        lines += _classes(next(iter(results.values())))
    lines += [f"{name:<8}{result.psds:.4f}" for name, result in psds.items()]
    if number > 1 and durations is None:
        lines.append("no PSDS: it needs --durations")
    return "\n".join(lines)


def _classes(of_table):
    events = of_table["event_based"]
    width = max(len("class"), *map(len, events.per_class))
    rows = [
        f"{'class':<{width}}{'events':>8}{'found':>8}{'event F':>10}"
        f"{'segm. F':>10}{'inters. F':>10}"
    ]
    for label, counts in events.per_class.items():
        others = (
            of_table[kind].per_class.get(label)
            for kind in ("segment_based", "intersection_based")
        )
        rows.append(
            f"{label:<{width}}{counts.num_true:>8}{counts.num_found:>8}"
            f"{counts.fscore:>10.4f}"
            + "".join(
                f"{one.fscore if one else float('nan'):>10.4f}"
                for one in others
            )
        )
    errors = (events.more["onset_error"], events.more["offset_error"])
    rows.append(
        "mean error of onsets {:.4f} s, offsets {:.4f} s".format(*errors)
    )
    return rows


def _save(output, true, results, psds, notes, options):
    from lhotse_recipes.io import write_json

    write_json(
        output,
        {
            "reference": str(true.path),
            "events": true.number,
            "clips": len(true.events),
            "settings": {
                name: value
                for name, value in options.items()
                if isinstance(value, float)
            },
            "notes": notes,
            "tables": {
                path: {kind: one.to_dict() for kind, one in of_table.items()}
                for path, of_table in results.items()
            },
            "psds": {
                name: {
                    "psds": result.psds,
                    "per_class": result.per_class,
                    "settings": result.settings,
                }
                for name, result in psds.items()
            },
        },
    )
