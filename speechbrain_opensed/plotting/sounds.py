"""Figures: sheets of spectrograms.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from lhotse_recipes.sound import inspect_audio
from speechbrain_opensed.plotting.figures import check_figure_path, save_figure
from speechbrain_opensed.plotting.spectrogram import draw_spectrogram

__all__ = ["plot_sounds"]


def plot_sounds(
    sounds: Mapping[str, str], out: str | Path, columns: int = 2
) -> Path:
    """Draw spectrograms of several sound files on one sheet.

    Arguments
    ---------
    sounds : mapping of str to str or Path
        Title to file, row by row.
    out : str or Path
        `.png`, `.pdf` or `.svg` file.
    columns : int
        Spectrograms beside each other.

    Returns
    -------
    Path
        The figure's file.

    Raises
    ------
    ValueError
        If there is no sound, the extension is unknown or a file cannot be
        read.

    Example
    -------
    >>> import tempfile, numpy, soundfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wav = f"{folder}/a.wav"
    ...     soundfile.write(wav, numpy.random.rand(8000), 8000)
    ...     out = plot_sounds({"hiss": wav, "again": wav}, f"{folder}/a.png")
    ...     out.stat().st_size > 1000
    True
    """
    out = check_figure_path(out)
    if not sounds or columns < 1:
        raise ValueError(
            f"{len(sounds)} sounds in {columns} columns: give at least one"
        )
    columns = min(columns, len(sounds))
    rows = -(-len(sounds) // columns)
    figure = Figure(figsize=(4.5 * columns, 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis, (title, path) in zip(axes, sounds.items(), strict=False):
        duration = inspect_audio(path).duration
        draw_spectrogram(axis, path, duration)
        axis.set_title(title, loc="left", fontsize=8, wrap=True)
        axis.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=7)
    for axis in axes[len(sounds) :]:
        axis.axis("off")
    return save_figure(figure, out)
