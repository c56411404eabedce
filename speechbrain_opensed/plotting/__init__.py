"""Pictures of results."""

from speechbrain_opensed.plotting.figures import (
    check_figure_path,
    plot_detection,
    plot_psds_bars,
    plot_training,
    save_figure,
)

__all__ = [
    "check_figure_path",
    "plot_detection",
    "plot_psds_bars",
    "plot_training",
    "save_figure",
]
