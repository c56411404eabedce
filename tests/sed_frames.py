"""Scores as sed_scores_eval takes them, with any pandas."""

import numpy as np
import pandas as pd


def sed_frame(scores, hop: float, classes: list[str]) -> pd.DataFrame:
    """Scores `[frames, classes]` of a clip.

    The package's own function makes float64 columns, which pandas 3 hands
    out read-only and which the package then writes to; others it copies.
    """
    frame = pd.DataFrame(np.asarray(scores, np.float32), columns=classes)
    times = np.arange(len(frame) + 1) * hop
    frame.insert(0, "onset", times[:-1])
    frame.insert(1, "offset", times[1:])
    return frame
