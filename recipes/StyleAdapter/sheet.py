"""A sheet of spectrograms: references down, captions across.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lhotse_recipes.io import write_atomically
from speechbrain_opensed.lobes.style.codec import LogMel, full_scale

__all__ = ["draw_sheet"]


def draw_sheet(
    out,
    rows: Mapping[str, Sequence[torch.Tensor]],
    columns: Sequence[str],
    sample_rate: int,
) -> Path:
    """Draw waves as log-mel spectrograms in a grid.

    Arguments
    ---------
    out : str or Path
        The PNG.
    rows : mapping from str to sequence of torch.Tensor
        Name of a row to its waves `[samples]`, one per column.
    columns : sequence of str
        Titles.
    sample_rate : int
        In Hz.

    Returns
    -------
    Path
        The PNG.
    """
    spectrogram = LogMel(sample_rate, num_mels=96)
    figure = Figure(
        figsize=(2.6 * len(columns), 1.5 * len(rows) + 0.6),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharey=True)
    for axes, (name, waves) in zip(grid, rows.items(), strict=True):
        axes[0].set_ylabel(name, fontsize=11)
        for axis, wave in zip(axes, waves, strict=True):
            image = spectrogram(full_scale(wave[None]))[0, 0].T.numpy()
            seconds = len(wave) / sample_rate
            axis.imshow(
                image,
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=image.max() - 8,
                extent=(0, seconds, 0, len(image)),
            )
            axis.set_yticks([])
            axis.set_xticks(np.arange(0, seconds + 0.01, 0.5))
            axis.tick_params(labelsize=7)
            axis.label_outer()
    for axis, title in zip(grid[0], columns, strict=True):
        axis.set_title(title, fontsize=11)
    for axis in grid[-1]:
        axis.set_xlabel("seconds", fontsize=8)
        axis.tick_params(labelbottom=True)
    with write_atomically(out, "wb") as file:
        figure.savefig(file, format="png", dpi=110)
    return Path(out)
