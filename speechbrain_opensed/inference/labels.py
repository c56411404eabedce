"""What is there? The likeliest phrases of each span of a recording.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import replace

import numpy as np

from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.events import SoundEvent

__all__ = ["top_labels"]


def top_labels(found: Detection, top: int) -> Detection:
    """The phrases with the highest scores in each span.

    Arguments
    ---------
    found : Detection
        With the highest scores of spans in place of those of frames, as
        `detect_sounds(..., span_seconds=...)` gives it.
    top : int
        Phrases to name for each span.

    Returns
    -------
    Detection
        Whose events are spans: so many of each span, the likeliest first.

    Raises
    ------
    ValueError
        If `top` is not positive.

    Example
    -------
    >>> scores = np.array([[0.1, 0.8, 0.3], [0.6, 0.0, 0.2]], "float32")
    >>> found = Detection([], scores, ["dog", "rain", "bell"], "a", 14.0, 10.0)
    >>> for event in top_labels(found, 2).events:
    ...     print(event.phrase, event.onset, event.offset)
    rain 0.0 10.0
    bell 0.0 10.0
    dog 10.0 14.0
    bell 10.0 14.0
    """
    if top < 1:
        raise ValueError(f"top is {top}: name at least one phrase of each span")
    events = []
    for number, scores in enumerate(found.scores):
        onset = number * found.hop_seconds
        if onset >= found.duration:
            break
        offset = min(onset + found.hop_seconds, found.duration)
        for best in np.argsort(-scores, kind="stable")[:top]:
            events.append(
                SoundEvent(
                    found.phrases[best], onset, offset, float(scores[best])
                )
            )
    return replace(found, events=events)
