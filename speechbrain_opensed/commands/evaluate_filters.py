"""What `opensed evaluate` does with scores before they are measured.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from speechbrain_opensed.evaluation.ground_truth import GroundTruth
from speechbrain_opensed.metrics.protocols import SedProtocol

__all__ = ["boxed_scores", "compare_filters"]


def compare_filters(
    before: float | None,
    wanted: float | None,
    protocol: SedProtocol,
    boxes: bool,
) -> None:
    """Tells what the filter of saved scores means for what is asked of them.

    Arguments
    ---------
    before : float or None
        Span of the filter that they went through, in seconds; None: it is
        not known.
    wanted : float or None
        That of the filter which is asked for now.
    protocol : SedProtocol
        Its own is that of a model's scores.
    boxes : bool
        Whether bounding boxes are to be found in them.

    Raises
    ------
    ValueError
        If boxes would be found in smoothed scores.

    Example
    -------
    >>> from speechbrain_opensed.metrics import get_protocol
    >>> compare_filters(0.0, 0.36, get_protocol("flexsed"), False)
    >>> compare_filters(0.36, None, get_protocol("flexsed"), True)
    Traceback (most recent call last):
    ValueError: the saved scores were smoothed over 0.36 s, and bounding ...
    """
    if before is None:
        return
    if before and boxes:
        raise ValueError(
            f"the saved scores were smoothed over {before:g} s, and bounding "
            "boxes are found in scores that were not: save them anew with "
            "--save-scores and --median 0"
        )
    if before and wanted:
        click.echo(
            f"the saved scores were smoothed over {before:g} s, and are "
            f"smoothed once more over {wanted:g} s",
            err=True,
        )
    elif not boxes and wanted is None and before != protocol.median_seconds:
        click.echo(
            f"the saved scores were smoothed over {before:g} s; with protocol "
            f"{protocol.name} a model's are over {protocol.median_seconds:g} s",
            err=True,
        )


def boxed_scores(
    store: Mapping,
    truth: GroundTruth,
    hop_seconds: float,
    *,
    protocol: SedProtocol,
    boxes: Path | None,
    tune_boxes: Path | None,
) -> dict[str, np.ndarray]:
    """Scores that are constant within bounding boxes.

    Arguments
    ---------
    store : Mapping
        Cut id to `[frames, labels]`, not smoothed.
    truth : GroundTruth
        What was annotated in the cuts.
    hop_seconds : float
        Length of a frame.
    protocol : SedProtocol
        Its first PSDS chooses the settings.
    boxes : Path or None
        File with settings;
    tune_boxes : Path or None
        or one to be written, of those chosen on these cuts.

    Returns
    -------
    dict[str, np.ndarray]
        `[frames, labels]` by cut id.

    Raises
    ------
    ValueError
        If both files are named.

    Example
    -------
    >>> from speechbrain_opensed.metrics import get_protocol
    >>> options = {"protocol": get_protocol("flexsed")}
    >>> options.update(boxes=Path("a.json"), tune_boxes=Path("b.json"))
    >>> boxed_scores({}, GroundTruth({}, {}, {}), 0.04, **options)
    Traceback (most recent call last):
    ValueError: --boxes and --tune-boxes: use settings, or choose them
    """
    from speechbrain_opensed.evaluation.detection import boxed
    from speechbrain_opensed.metrics.boxes import read_boxes, save_boxes
    from speechbrain_opensed.metrics.boxes import tune_boxes as tune

    if boxes and tune_boxes:
        raise ValueError(
            "--boxes and --tune-boxes: use settings, or choose them"
        )
    labels = list(truth.phrases)
    if tune_boxes:
        first = next(iter(protocol.settings().values()))
        settings = tune(
            store, truth.events, truth.durations, labels, hop_seconds, **first
        )
        save_boxes(tune_boxes, settings)
        click.echo(
            f"chose settings of {len(settings)} classes on these cuts, wrote "
            f"{tune_boxes}: the scores below are too good for other cuts"
        )
    else:
        assert boxes is not None
        settings = read_boxes(boxes)
        missing = [label for label in labels if label not in settings]
        if missing:
            click.echo(
                f"{len(missing)} classes, such as {missing[0]!r}, are not in "
                f"{boxes} and get the default settings",
                err=True,
            )
    return boxed(store, labels, hop_seconds, settings)
