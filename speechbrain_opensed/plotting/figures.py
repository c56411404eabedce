"""Figures: detections over time, learning curves, scores by group.

Figures are built as objects, never through pyplot, whose global state gets
in the way of notebooks, threads and servers without a display.

Authors
 * The speechbrain-opensed contributors 2026
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lhotse_recipes.io import write_atomically
from speechbrain_opensed.plotting.lanes import (
    draw_lanes,
    has_glyphs,
    pick_lanes,
)
from speechbrain_opensed.plotting.spectrogram import draw_spectrogram

__all__ = [
    "check_figure_path",
    "plot_detection",
    "plot_psds_bars",
    "plot_training",
    "save_figure",
]

_COLORS = [colormaps["tab10"](number) for number in range(10)]
_FORMATS = (".png", ".pdf", ".svg")


def plot_detection(
    detection: Any,
    out: str | Path,
    audio: str | Path | None = None,
    threshold: float | Mapping[str, float] | None = None,
) -> Path:
    """Draw the spectrogram over one lane per phrase.

    A lane shows the score from 0 to 1 as a filled curve and each event as a
    bar on its floor. Of more than 40 phrases those are drawn that were heard
    longest, and the title says so.

    Arguments
    ---------
    detection : Detection
        What was found.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.
    audio : str or Path, optional
        The sound file, where it is not at `detection.path` any more. Of
        samples that were no file there is no spectrogram without it.
    threshold : float or mapping of phrase to float, optional
        Drawn as a dashed line in each lane.

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
    lanes = pick_lanes(detection)
    lane_height = float(np.clip(12 / len(lanes), 0.32, 0.62))
    height = lane_height * len(lanes)
    figure = Figure(
        figsize=(11, 2.9 + height),
        layout=ConstrainedLayoutEngine(h_pad=0.015, hspace=0),
    )
    sound = audio or detection.path
    ratios = [2.1 if sound else 0.05, height]
    axes = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
    if sound:
        draw_spectrogram(axes[0], sound, detection.duration)
    else:
        axes[0].set_axis_off()
    axes[0].set_title(_title(detection, lanes), loc="left", fontsize=10)
    draw_lanes(axes[1], detection, lanes, threshold)
    _format_time(axes[1], detection.duration)
    return save_figure(figure, out)


def _title(detection, lanes):
    name = Path(detection.path).name
    parts = [name if has_glyphs(name) else "recording"]
    duration = detection.duration
    unit = " s" if duration < 120 else ""
    parts.append(_clock(duration, duration) + unit)
    count = len(detection.events)
    parts.append(f"{count} event{'' if count == 1 else 's'}")
    if len(lanes) < len(detection.phrases):
        shown = {detection.phrases[lane] for lane in lanes}
        rest = sum(event.phrase not in shown for event in detection.events)
        parts.append(
            f"{len(lanes)} of {len(detection.phrases)} phrases are drawn"
            + (f", {rest} events of others are not" if rest else "")
        )
    return "   ".join(parts)


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


def plot_psds_bars(
    scores: Mapping[str, Mapping[str, float]], out: str | Path
) -> Path:
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
    out: str | Path,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    *,
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
    axes = figure.subplots(1, 2 if scores else 1, squeeze=False)[0]
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


def check_figure_path(out: str | Path) -> Path:
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
