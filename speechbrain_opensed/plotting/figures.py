"""Figures: detections over time, learning curves, scores by group.

Figures are built as objects, never through pyplot, whose global state gets
in the way of notebooks, threads and servers without a display.

Authors
 * The speechbrain-opensed contributors 2026
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lhotse_recipes.io import write_atomically
from speechbrain_opensed.plotting.spectrogram import draw_spectrogram

__all__ = [
    "check_figure_path",
    "plot_detection",
    "plot_psds_bars",
    "plot_training",
    "save_figure",
]

_COLUMNS = 1600
_COLORS = colormaps["tab10"].colors
_FORMATS = (".png", ".pdf", ".svg")
_GREY = "0.4"


def plot_detection(detection, out, audio=None) -> Path:
    """Draw the spectrogram over one lane per phrase.

    A lane shows the score from 0 to 1 as a filled curve and each event as a
    bar on its floor.

    Arguments
    ---------
    detection : Detection
        What was found.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.
    audio : str or Path, optional
        The sound file, where it is not at `detection.path` any more.

    Returns
    -------
    Path
        The figure's file.

    Raises
    ------
    ValueError
        If the extension is unknown or the sound file cannot be read.

    Example
    -------
    >>> import tempfile, soundfile
    >>> from speechbrain_opensed.inference import Detection
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wav = f"{folder}/a.wav"
    ...     soundfile.write(wav, np.random.rand(8000), 8000)
    ...     found = Detection([], np.zeros((25, 1)), ["dog"], wav, 1.0, 0.04)
    ...     plot_detection(found, f"{folder}/a.png").stat().st_size > 1000
    True
    """
    out = check_figure_path(out)
    lanes = len(detection.phrases)
    lane_height = float(np.clip(12 / lanes, 0.32, 0.62))
    figure = Figure(
        figsize=(11, 2.9 + lane_height * lanes), layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.015, hspace=0)
    axes = figure.subplots(
        1 + lanes,
        1,
        sharex=True,
        height_ratios=[2.1] + [lane_height] * lanes,
    )
    draw_spectrogram(axes[0], audio or detection.path, detection.duration)
    count = len(detection.events)
    axes[0].set_title(
        f"{Path(detection.path).name}   "
        f"{_clock(detection.duration, detection.duration)}"
        f"{' s' if detection.duration < 120 else ''}   "
        f"{count} event{'' if count == 1 else 's'}",
        loc="left",
        fontsize=10,
    )
    for lane, phrase in enumerate(detection.phrases):
        _draw_lane(axes[1 + lane], detection, lane, phrase)
    _format_time(axes[-1], detection.duration)
    return save_figure(figure, out)


def _draw_lane(axis, detection, lane, phrase):
    color = _COLORS[lane % len(_COLORS)]
    times, curve = _thinned(detection.scores[:, lane], detection.hop_seconds)
    axis.fill_between(
        times, curve, step="post", color=color, alpha=0.3, linewidth=0
    )
    axis.step(times, curve, where="post", color=color, linewidth=0.9)
    # An event shorter than a pixel would vanish in an hour.
    narrowest = detection.duration / 700
    bars = [
        (event.onset, max(event.duration, narrowest))
        for event in detection.events
        if event.phrase == phrase
    ]
    axis.broken_barh(bars, (-0.3, 0.24), color=color, linewidth=0)
    axis.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    axis.set_ylim(-0.34, 1.06)
    axis.set_yticks([])
    lines = textwrap.wrap(phrase, 26)
    if len(lines) > 2:
        lines = [
            lines[0],
            textwrap.shorten(" ".join(lines[1:]), 25, placeholder=" …"),
        ]
    axis.set_ylabel(
        "\n".join(lines),
        rotation=0,
        ha="right",
        va="center",
        fontsize=8.5 if len(lines) == 1 else 7,
        color="black" if bars else _GREY,
    )
    for side in ("top", "left", "right", "bottom"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="x", bottom=False, labelbottom=False)
    axis.grid(axis="x", color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)


def _thinned(curve, hop):
    """Edges and heights of at most `_COLUMNS` steps that keep the peaks."""
    group = -(-len(curve) // _COLUMNS)
    starts = np.arange(0, len(curve), group)
    heights = np.maximum.reduceat(curve, starts)
    edges = np.append(starts, len(curve)) * hop
    return edges, np.append(heights, heights[-1])


def _clock(seconds, whole):
    if whole < 120:
        return f"{seconds:.4g}"
    minutes, rest = divmod(round(seconds), 60)
    if whole < 3600:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _format_time(axis, duration):
    axis.set_xlim(0, duration)
    steps = [1, 2, 5, 10] if duration < 120 else [1, 1.2, 1.5, 3, 6, 9, 10]
    axis.xaxis.set_major_locator(MaxNLocator(12, steps=steps))
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: _clock(value, duration))
    )
    axis.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=8)
    axis.spines["bottom"].set_visible(True)
    unit = "seconds" if duration < 120 else "time"
    axis.set_xlabel(unit, fontsize=8)


def plot_psds_bars(scores: Mapping[str, Mapping[str, float]], out) -> Path:
    """Draw bars of each metric for each group, such as seen and zero-shot.

    Arguments
    ---------
    scores : mapping of group to mapping of metric to float
        For example `{"seen": {"PSDS1_A": 0.5}, "zero-shot": {...}}`.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.

    Returns
    -------
    Path
        The figure's file.

    Raises
    ------
    ValueError
        If there is no score, or groups have different metrics.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = plot_psds_bars({"seen": {"PSDS": 0.5}}, f"{folder}/a.svg")
    ...     "PSDS" in out.read_text()
    True
    """
    out = check_figure_path(out)
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    _draw_bars(figure.subplots(), scores)
    return save_figure(figure, out)


def _draw_bars(axis, scores):
    metrics = list(next(iter(scores.values()), {}))
    if not metrics:
        raise ValueError("no score to draw: give {group: {metric: value}}")
    width = 0.8 / len(scores)
    for number, (group, values) in enumerate(scores.items()):
        if list(values) != metrics:
            raise ValueError(
                f"group {group!r} has the metrics {list(values)}, the first "
                f"one {metrics}: give all groups the same"
            )
        places = np.arange(len(metrics)) + (number + 0.5) * width - 0.4
        heights = [values[metric] for metric in metrics]
        bars = axis.bar(
            places, heights, width * 0.92, color=_COLORS[number], label=group
        )
        axis.bar_label(bars, fmt="%.2f", fontsize=9, padding=2)
    labels = [textwrap.fill(name, 12) for name in metrics]
    axis.set_xticks(range(len(metrics)), labels)
    axis.set_ylim(0, 1.05)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
    _plain(axis)
    axis.legend(
        frameon=False,
        fontsize=9,
        ncols=len(scores),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0,
    )


def plot_training(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    out,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    xlabel: str = "epoch",
    ylabel: str = "loss",
) -> Path:
    """Draw learning curves, and bars of the final scores beside them.

    Arguments
    ---------
    curves : mapping of name to sequence of (x, y)
        For example `{"train": [(1, 0.6), (2, 0.4)], "valid": [...]}`.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.
    scores : mapping, optional
        See :func:`plot_psds_bars`.
    xlabel, ylabel : str
        Names of the curves' axes.

    Returns
    -------
    Path
        The figure's file.

    Raises
    ------
    ValueError
        If a curve is empty.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = plot_training(
    ...         {"train": [(1, 0.6), (2, 0.4)]}, f"{folder}/a.svg"
    ...     )
    ...     "epoch" in out.read_text()
    True
    """
    out = check_figure_path(out)
    figure = Figure(figsize=(9.5 if scores else 5.5, 3.2), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, 2 if scores else 1))
    if not curves or not all(len(points) for points in curves.values()):
        raise ValueError("no points to draw: give {name: [(x, y), ...]}")
    for number, (name, points) in enumerate(curves.items()):
        x, y = np.asarray(points, dtype=float).T
        axes[0].plot(
            x, y, color=_COLORS[number], label=name, linewidth=1.6,
            marker="o" if len(x) < 40 else None, markersize=3,
        )  # fmt: skip
    axes[0].set_xlabel(xlabel)
    axes[0].set_ylabel(ylabel)
    axes[0].set_ylim(bottom=0)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(frameon=False, fontsize=9)
    _plain(axes[0])
    if scores:
        _draw_bars(axes[1], scores)
    return save_figure(figure, out)


def _plain(axis):
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.grid(axis="y", color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=9)


def check_figure_path(out) -> Path:
    """The path of a figure, or a ValueError if its extension is unknown.

    Arguments
    ---------
    out : str or Path
        `.png`, `.pdf` or `.svg` file.

    Returns
    -------
    Path
        The same path.

    Example
    -------
    >>> check_figure_path("a.png").name
    'a.png'
    """
    out = Path(out)
    if out.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"{out}: no figure format by that extension; use one of "
            + ", ".join(_FORMATS)
        )
    return out


def save_figure(figure: Figure, out: Path) -> Path:
    """Writes a figure, whole or not at all.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        The figure.
    out : Path
        From `check_figure_path`.

    Returns
    -------
    Path
        The same path.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.svg"
    >>> save_figure(Figure(), path).is_file()
    True
    """
    FigureCanvasAgg(figure)
    with write_atomically(out, "wb") as file:
        figure.savefig(
            file,
            format=out.suffix[1:].lower(),
            dpi=130,
        )
    return out
